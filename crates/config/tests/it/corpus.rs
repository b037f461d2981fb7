//! `tests/malformed/*.yaml`: each file begins with `# expect: LINE:COLUMN PATH: TEXT` for each of its faults, `-` for
//! no path. All of them must be reported, and no others.

use std::fs;
use std::path::{Path, PathBuf};

use config::{Error, Source};

use crate::env;

/// One line of a file's head.
struct Expected {
    place: (u32, u32),
    path: String,
    text: String,
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn expected(line: &str) -> Expected {
    let (place, rest) = line.split_once(' ').unwrap();
    let (line, column) = place.split_once(':').unwrap();
    let (path, text) = rest.split_once(": ").unwrap();
    Expected {
        place: (line.parse().unwrap(), column.parse().unwrap()),
        path: path.strip_prefix('-').unwrap_or(path).to_owned(),
        text: text.to_owned(),
    }
}

fn meets(error: &Error, expected: &Expected) -> bool {
    (error.line, error.column) == expected.place
        && *error.path == expected.path
        && error.to_string().contains(&expected.text)
}

#[track_caller]
fn check(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    let heads = text
        .lines()
        .map_while(|line| line.strip_prefix("# expect: "));
    let expected: Vec<Expected> = heads.map(expected).collect();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let errors = config::plan(&Source::from_text(&name, &text), &env).expect_err(&name);
    for expected in &expected {
        assert!(
            errors.iter().any(|error| meets(error, expected)),
            "{name}: expected {:?} {}: {}\nfound\n{errors}",
            expected.place,
            expected.path,
            expected.text,
        );
    }
    assert_eq!(errors.iter().len(), expected.len(), "{name}:\n{errors}");
    for error in &errors {
        assert!(
            !error.expected.is_empty() && !error.found.is_empty(),
            "{error}"
        );
        assert!(error.line > 0 && error.column > 0, "{error}");
        assert_eq!(*error.file, *name);
        assert!(!error.to_string().contains("hunter2"), "a secret: {error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn every_fault_is_found_and_no_other() {
    let files = files();
    assert!(files.len() >= 200, "{}", files.len());
    for file in &files {
        check(file);
    }
}

#[test]
fn faults_are_reported_all_at_once_and_in_order() {
    let text = include_str!("../malformed/all-at-once.yaml");
    let errors = config::plan(&Source::from_text("edge.yaml", text), &env).unwrap_err();
    assert!(errors.iter().len() >= 10);
    assert_eq!(errors.more(), 0);
    let places: Vec<_> = errors.iter().map(|e| (e.line, e.column)).collect();
    assert!(places.is_sorted(), "{places:?}");
}
