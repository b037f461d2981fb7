//! See `fuzz/src/otlp.rs`.
#![no_main]

#[path = "../src/otlp.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::otlp(data));
