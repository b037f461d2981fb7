//! The files that other programs read and that no program here runs: they are YAML, and what they name is there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{ErrorKind, Errors, Source};
use testkit::{Tidegate, run_command};

use super::{monitoring, read, yaml_files};

const FOLDERS: &[&str] = &[".", "compose", "rules", "rules/tests"];

/// What the reader of the gateway's own configuration finds wrong with a text as YAML, its meaning aside.
fn yaml_faults(path: &Path, text: &str) -> Vec<String> {
    let source = Source::from_text(&path.display().to_string(), text);
    let found = config::plan(&source, &|_| Some("value".to_owned()));
    found
        .as_ref()
        .err()
        .into_iter()
        .flat_map(Errors::iter)
        .filter(|error| {
            matches!(
                error.kind,
                ErrorKind::Syntax | ErrorKind::Limit | ErrorKind::Duplicate | ErrorKind::Unreadable
            )
        })
        .map(ToString::to_string)
        .collect()
}

#[test]
fn every_file_is_yaml() {
    for path in FOLDERS
        .iter()
        .flat_map(|name| yaml_files(&monitoring(name)))
    {
        let text = read(&path);
        assert_eq!(yaml_faults(&path, &text), <[String; 0]>::default());
        // As a control: what is no YAML is told.
        let spoilt = format!("{text}\nopen: [");
        assert_ne!(yaml_faults(&path, &spoilt), <[String; 0]>::default());
    }
}

fn compose() -> String {
    read(&monitoring("docker-compose.yaml"))
}

/// Values behind a key that begins a line.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix(key))
        .map(str::trim)
        .collect()
}

/// What is pulled a year from now is what was tried.
#[test]
fn images_have_versions() {
    let compose = compose();
    let mut images = values(&compose, "image:");
    assert_eq!(images.len(), 4, "{images:?}");
    images.extend(values(&compose, "FROM "));
    for image in images {
        let image = image.split(' ').next().unwrap_or_default();
        let (_, version) = image.rsplit_once(':').unwrap_or_default();
        let digits = version.trim_start_matches('v');
        assert!(
            digits.starts_with(|c: char| c.is_ascii_digit()) && digits.contains('.'),
            "{image}"
        );
    }
}

#[test]
fn mounted_files_exist() {
    let compose = compose();
    let mounts: Vec<_> = values(&compose, "- ./")
        .into_iter()
        .filter_map(|mount| mount.split_once(':'))
        .collect();
    assert!(mounts.len() >= 7, "{mounts:?}");
    for (name, inside) in mounts {
        assert!(monitoring(name).exists(), "{name}");
        assert!(inside.ends_with(":ro"), "{name} can be written");
    }
    // What is built from lies where the compose file looks for it.
    for line in values(&compose, "COPY ") {
        if !line.starts_with("--") {
            for name in line.split(' ').rev().skip(1) {
                assert!(testkit::repository().join(name).exists(), "{name}");
            }
        }
    }
}

/// The workspace is not read unless every member is there.
#[test]
fn every_member_of_the_workspace_is_built_from() {
    let manifest = std::fs::read_to_string(testkit::repository().join("Cargo.toml")).unwrap();
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = ["))
        .expect("the members in one line");
    let compose = compose();
    let copied: Vec<&str> = values(&compose, "COPY ")
        .into_iter()
        .flat_map(|line| line.split(' '))
        .collect();
    for member in members.trim_end_matches(']').split(", ") {
        let folder = member.trim_matches('"').split('/').next().unwrap();
        assert!(
            copied.contains(&folder),
            "{folder} is not copied: {copied:?}"
        );
    }
}

#[test]
fn the_gateway_of_the_compose_file_is_accepted() {
    let path: PathBuf = monitoring("compose/tidegate.yaml");
    let mut command = Tidegate::command();
    command
        .arg("check")
        .arg("-c")
        .arg(path)
        .env("TIDEGATE_ADMIN_TOKEN", "sixteen-letters-or-more");
    let output = run_command(command, Duration::from_secs(10));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
