//! The driver: `bench NAME [OPTIONS]` runs one comparison and writes its report.

use std::process::ExitCode;

use anyhow::Result;
use bench::{comparisons, options::Options, output};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match Options::parse(&args)? {
        Some(options) => comparisons::run(&options),
        None => output::text(&comparisons::usage()),
    }
}
