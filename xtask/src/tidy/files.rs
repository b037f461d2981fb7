//! Rules about the text of files: names, first lines, forbidden words, the manifests and ARCHITECTURE.md.
//!
//! Reads lines, not syntax: a forbidden word in a string or in a comment counts too.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::{Problem, metadata::Package};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const ARCHITECTURE_LINES_MAX: usize = 300;

/// Crates that may hold `unsafe`: small, with `// SAFETY:` at each place, run under Miri, fuzzed.
const UNSAFE_ALLOWED: &[&str] = &[];
/// The one kind of test that needs it in any crate: `tests/allocations`, a binary of its own whose allocator counts.
const UNSAFE_TEST: &str = "/tests/allocations";

// Written in pieces so that this file does not break the rules it states.
const UNFINISHED: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[ign", "ore"),
];
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];
/// Inputs of fuzzers hold anything.
const CORPUS: &str = "/corpus/";
const METHODS: &[&str] = &["GET ", "HEAD ", "POST ", "PUT ", "DELETE "];
const UNSAFE: &[&str] = &[
    concat!("unsa", "fe {"),
    concat!("unsa", "fe fn"),
    concat!("unsa", "fe impl"),
    concat!("unsa", "fe trait"),
    concat!("unsa", "fe extern"),
    concat!("unsa", "fe("),
    concat!("(unsa", "fe_code"),
];

/// How a lock file or a tool's settings name a package registry, and the one registry that may follow.
const REGISTRY_MARKS: &[&str] = &[
    concat!("registry", "+"),
    concat!("sparse", "+"),
    concat!("index", "-url"),
    concat!("replace", "-with"),
    concat!("registry", "=http"),
];
const PUBLIC_REGISTRY: &str = "https://github.com/rust-lang/crates.io-index";

pub(super) fn check(root: &Path, packages: &[Package]) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in list(root)? {
        if path.contains(CORPUS) {
            continue;
        }
        let Ok(text) = fs::read_to_string(root.join(&path)) else {
            continue; // Not text, or removed but still listed.
        };
        check_text(&path, &text, &mut problems);
    }
    for package in packages {
        let manifest = fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("the manifest of {}", package.name))?;
        if !inherits_lints(&manifest) {
            problems.push(Problem::new(
                &package.name,
                "the manifest lacks `[lints]` with `workspace = true`",
            ));
        }
    }
    match fs::read_to_string(root.join(ARCHITECTURE)) {
        Ok(text) => check_architecture(&text, packages, &mut problems),
        Err(_) => problems.push(Problem::new(ARCHITECTURE, "is missing")),
    }
    Ok(problems)
}

/// Every file that is tracked, or would be if all were added.
fn list(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    }
    let names = String::from_utf8(output.stdout).context("a file name that is not UTF-8")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

fn check_text(path: &str, text: &str, problems: &mut Vec<Problem>) {
    let mut complain = |line: usize, complaint: String| {
        problems.push(Problem::new(format!("{path}:{line}"), complaint));
    };
    let rust = path.ends_with(".rs");
    if rust && (path == "mod.rs" || path.ends_with("/mod.rs")) {
        complain(1, "a module's file carries the module's name".to_owned());
    }
    if rust && !text.starts_with("//!") {
        complain(
            1,
            "expected the file to begin with `//!`: what it does, what it does not".to_owned(),
        );
    }
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if let Some(found) = machine_path(line) {
            complain(number, format!("a path of one machine: {found}"));
        }
        if find(REGISTRY_MARKS, line).is_some() && !line.contains(PUBLIC_REGISTRY) {
            complain(
                number,
                "names a package registry other than the public one".to_owned(),
            );
        }
        if rust && let Some(found) = find(UNFINISHED, line) {
            complain(number, format!("unfinished: {found}"));
        }
        if rust
            && !has_licence(path)
            && let Some(found) = find(UNSAFE, code(line))
        {
            complain(
                number,
                format!("`{found}` in a crate that is not on the list of xtask"),
            );
        }
    }
}

fn check_architecture(text: &str, packages: &[Package], problems: &mut Vec<Problem>) {
    let lines = text.lines().count();
    if lines > ARCHITECTURE_LINES_MAX {
        problems.push(Problem::new(
            ARCHITECTURE,
            format!("expected at most {ARCHITECTURE_LINES_MAX} lines, found {lines}"),
        ));
    }
    for package in packages {
        let named = text
            .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
            .any(|word| word == package.name);
        if !named {
            problems.push(Problem::new(
                ARCHITECTURE,
                format!("does not name the crate {}", package.name),
            ));
        }
    }
}

fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty());
    while let Some(line) = lines.next() {
        if line == "lints.workspace = true" {
            return true;
        }
        if line == "[lints]" {
            return lines.next() == Some("workspace = true");
        }
    }
    false
}

fn has_licence(path: &str) -> bool {
    path.contains(UNSAFE_TEST)
        || UNSAFE_ALLOWED
            .iter()
            .any(|name| path.split('/').any(|folder| folder == *name))
}

/// The line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The targets of requests in test data may look like such a path.
fn machine_path(line: &str) -> Option<&'static str> {
    MACHINE_PATHS.iter().copied().find(|path| {
        let mut before: Vec<&str> = line.split(path).collect();
        before.pop();
        before
            .iter()
            .any(|text| !METHODS.iter().any(|method| text.ends_with(method)))
    })
}

fn find<'a>(words: &[&'a str], line: &str) -> Option<&'a str> {
    words.iter().find(|word| line.contains(**word)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(path: &str, text: &str, expected: &[&str]) {
        let mut problems = Vec::new();
        check_text(path, text, &mut problems);
        let found: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} lacks {expected}");
        }
    }

    #[test]
    fn text_rules() {
        let [todo, _, ignored] = UNFINISHED else {
            panic!("three words")
        };
        let [path, ..] = MACHINE_PATHS else {
            panic!("some paths")
        };
        let [block, ..] = UNSAFE else {
            panic!("some forms")
        };
        check_one("a/src/lib.rs", "//! Fine.\nfn f() {}\n", &[]);
        check_one("a/src/lib.rs", "fn f() {}\n", &["lib.rs:1: expected"]);
        check_one("a/src/b/mod.rs", "//! B.\n", &["module's name"]);
        check_one(
            "a/src/lib.rs",
            &format!("//! A.\nfn f() {{ {todo}) }}"),
            &["lib.rs:2: unfinished"],
        );
        check_one(
            "a/src/lib.rs",
            &format!("//! A.\n{ignored}]"),
            &["unfinished"],
        );
        check_one(
            "a/src/lib.rs",
            &format!("//! A.\n{block} f() }}"),
            &["not on the list"],
        );
        check_one("a/src/lib.rs", &format!("//! A.\n// {block}"), &[]);
        check_one(
            "README.md",
            &format!("see {path}x"),
            &["README.md:1: a path"],
        );
        check_one("requests.txt", &format!("GET {path}me HTTP/1.1"), &[]);
        let counting = "crates/a/tests/allocations/main.rs";
        check_one(counting, &format!("//! A.\n{block} f() }}"), &[]);
    }

    #[test]
    fn registries() {
        let mark = REGISTRY_MARKS[0];
        check_one(
            "Cargo.lock",
            &format!("source = \"{mark}{PUBLIC_REGISTRY}\""),
            &[],
        );
        check_one(
            "Cargo.lock",
            &format!("source = \"{mark}https://mirror.example/index\""),
            &["registry"],
        );
    }

    #[test]
    fn lints_are_inherited_or_not() {
        assert!(inherits_lints(
            "[package]\n[lints] # all\n\nworkspace = true\n"
        ));
        assert!(inherits_lints("lints.workspace = true\n"));
        assert!(!inherits_lints("[package]\nname = \"a\"\n"));
        assert!(!inherits_lints("[lints]\n[lints.rust]\n"));
    }

    #[test]
    fn architecture_is_short_and_complete() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            manifest_path: "Cargo.toml".into(),
            dependencies: Vec::new(),
        };
        let mut problems = Vec::new();
        let text = "x\n".repeat(ARCHITECTURE_LINES_MAX + 1) + "`h1` and base.";
        check_architecture(
            &text,
            &[package("h1"), package("base"), package("net")],
            &mut problems,
        );
        let found: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].contains("found 301") || found[0].contains("found 302"),
            "{found:?}"
        );
        assert!(found[1].contains("crate net"), "{found:?}");
    }
}
