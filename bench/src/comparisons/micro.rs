//! Runs the micro-benchmarks that live beside the crates' code and keeps what they print.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{options::Options, output, report::Report};

const PACKAGES: [&str; 5] = ["message", "h1", "gateway", "otlp", "telemetry"];

pub(super) fn run(options: &Options) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    // `*` leaves the unit tests out, which would say that they were ignored.
    command.args(["bench", "--bench", "*"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    output::progress("cargo bench");
    let done = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        bail!("cargo bench failed: {}\n{text}", done.status);
    }
    let mut report = Report::new(options, "Micro-benchmarks", &[]);
    report.paragraph(&format!(
        "Output of `cargo bench` for the packages {}.",
        PACKAGES.join(", ")
    ));
    report.verbatim(&without_root(&text));
    report.finish(options)
}

/// Paths below the current folder become relative ones.
fn without_root(text: &str) -> String {
    match std::env::current_dir() {
        Ok(root) => text.replace(&format!("{}/", root.display()), ""),
        Err(_) => text.to_owned(),
    }
}
