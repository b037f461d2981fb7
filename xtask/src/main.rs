//! Chores of this repository: `cargo xtask tidy`, `cargo xtask bench NAME`. Parses arguments, nothing else.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};

mod bench;
mod tidy;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy                 check the order of the crates and the rules no compiler knows
  bench NAME [OPTIONS] build for measuring and run one comparison; see bench/README.md
";

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
    let mut args = std::env::args().skip(1);
    let root = workspace_root()?;
    match args.next().as_deref() {
        Some("tidy") => run_tidy(&root),
        Some("bench") => bench::run(&root, &args.collect::<Vec<_>>()),
        Some("help" | "--help" | "-h") => say(USAGE),
        Some(other) => bail!("no command is called {other}\n\n{USAGE}"),
        None => bail!("a command is needed\n\n{USAGE}"),
    }
}

fn run_tidy(root: &Path) -> Result<()> {
    let problems = tidy::check(root)?;
    if problems.is_empty() {
        return say("tidy: nothing to complain about\n");
    }
    for problem in &problems {
        say(&format!("{problem}\n"))?;
    }
    bail!("tidy: {} to put right", problems.len());
}

/// The folder that holds the workspace's manifest: the parent of this package.
fn workspace_root() -> Result<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .map(Path::to_owned)
        .context("the package of xtask has no parent folder")
}

fn say(text: &str) -> Result<()> {
    io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}
