//! The trace viewer: what is sent to it as OTLP is what its pages and its data show.

mod bounds;
mod hostile;
mod intake;
mod pages;
mod spans;
mod waterfalls;
