//! `cargo xtask bench NAME`: builds with the profile of releases, then hands over to the `bench` program.
//!
//! Knows two options of that program (`--only`, `--out`) because they decide what is built and where results go; the
//! others pass through unread.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Builds what `NAME` needs and runs it.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    let Some(name) = args.first() else {
        bail!("bench: the name of a comparison is needed; `cargo xtask bench help` lists them");
    };
    build(root, packages(name, args))?;
    let program = target_dir(root)?.join("dist").join("bench");
    let mut command = Command::new(&program);
    command.args(args).current_dir(root);
    if !args.iter().any(|arg| arg == "--out") {
        command.arg("--out").arg(root.join("bench").join("results"));
    }
    let status = command.status().context("cannot start the bench program")?;
    if !status.success() {
        bail!("bench {name} failed: {status}");
    }
    Ok(())
}

/// A dry run that leaves Tidegate out must work while Tidegate does not compile.
fn packages(name: &str, args: &[String]) -> &'static [&'static str] {
    let without_tidegate = args
        .iter()
        .position(|arg| arg == "--only")
        .and_then(|at| args.get(at + 1))
        .is_some_and(|only| !only.split(',').any(|program| program == "tidegate"));
    if without_tidegate || matches!(name, "micro" | "help") {
        &["bench"]
    } else {
        &["tidegate", "bench"]
    }
}

fn build(root: &Path, packages: &[&str]) -> Result<()> {
    let mut command = Command::new(cargo());
    command
        .args(["build", "--profile", "dist"])
        .current_dir(root);
    for package in packages {
        command.args(["--package", package]);
    }
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("the build failed: {status}");
    }
    Ok(())
}

fn target_dir(root: &Path) -> Result<std::path::PathBuf> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        target_directory: std::path::PathBuf,
    }
    let output = Command::new(cargo())
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata: not as expected")?;
    Ok(metadata.target_directory)
}

/// The cargo that runs this program, so that one toolchain does everything.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &[&str], expected: &[&str]) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        assert_eq!(packages(&args[0], &args), expected);
    }

    #[test]
    fn builds_only_what_a_run_needs() {
        check(&["proxies"], &["tidegate", "bench"]);
        check(&["proxies", "--only", "floor,nginx"], &["bench"]);
        check(
            &["proxies", "--only", "floor,tidegate"],
            &["tidegate", "bench"],
        );
        check(&["micro"], &["bench"]);
    }
}
