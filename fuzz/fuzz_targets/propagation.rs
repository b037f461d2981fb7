//! See `fuzz/src/propagation.rs`.
#![no_main]

#[path = "../src/propagation.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::propagation(data));
