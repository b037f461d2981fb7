//! Several files as one configuration.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use config::{Errors, Plan, Source};

use crate::env;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-config-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }

    fn plan(&self) -> Result<Plan, Errors> {
        config::plan(&Source::load(&self.0)?, &env)
    }

    /// The report, without the name of the folder.
    #[track_caller]
    fn errors(&self) -> String {
        let errors = self.plan().unwrap_err().to_string();
        errors.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const WEB: &[u8] = b"listeners: { web: { address: ':8080' } }\n";

#[test]
fn files_are_united_in_the_order_of_their_names() {
    let folder = Folder::new(&[
        ("b.yml", b"routes: [{ name: b, forward: { upstream: a } }]\nupstreams: { b: { endpoints: [b.b:1] } }"),
        ("a.yaml", b"routes: [{ name: a, respond: {} }]\nupstreams: { a: { endpoints: [a.a:1] } }\nworkers: 2"),
        ("c.yaml", WEB),
        ("d.yaml", b"# nothing\n"),
        ("e.txt", b"not: read"),
        (".f.yaml", b"not: read"),
    ]);
    fs::create_dir(folder.0.join("g.yaml")).unwrap();
    let plan = folder.plan().unwrap();
    let routes: Vec<&str> = plan.routes.iter().map(|route| &*route.name).collect();
    let upstreams: Vec<&str> = plan
        .upstreams
        .iter()
        .map(|upstream| &*upstream.name)
        .collect();
    assert_eq!((routes, upstreams), (vec!["a", "b"], vec!["a", "b"]));
    assert_eq!(plan.listeners.len(), 1);
}

#[test]
fn the_files_that_were_read_are_told() {
    let folder = Folder::new(&[("b.yaml", WEB), ("a.yaml", b""), ("c.txt", b"")]);
    let source = Source::load(&folder.0).unwrap();
    let paths: Vec<_> = source.paths().collect();
    assert_eq!(paths, [folder.0.join("a.yaml"), folder.0.join("b.yaml")]);
    let source = Source::load(&folder.0.join("b.yaml")).unwrap();
    assert_eq!(
        source.paths().collect::<Vec<_>>(),
        [folder.0.join("b.yaml")]
    );
}

#[track_caller]
fn check(files: &[(&str, &[u8])], expected: &str) {
    assert_eq!(Folder::new(files).errors(), expected);
}

#[test]
fn what_stands_twice_is_an_error_that_names_both_places() {
    check(
        &[("a.yaml", WEB), ("b.yaml", WEB)],
        "b.yaml:1:14: listeners.web: expected each key once, found `web` again; it stands at a.yaml:1:14",
    );
    check(
        &[
            ("a.yaml", WEB),
            ("b.yaml", b"workers: 1"),
            ("c.yaml", b"\nworkers: 1"),
        ],
        "c.yaml:2:1: workers: expected this key in one file only, found `workers` again; it stands at b.yaml:1:1",
    );
}

#[test]
fn what_cannot_be_united_is_an_error() {
    check(
        &[("a.yaml", WEB), ("b.yaml", b"listeners: []")],
        "b.yaml:1:1: listeners: expected a map, or for routes a list, in every file and without an anchor, \
         found something else in one of them",
    );
    check(
        &[("a.yaml", WEB), ("b.yaml", b"- a"), ("c.yaml", b"nope: 1")],
        "b.yaml:1:1: expected a map of keys such as `listeners`, without an anchor, found a list",
    );
}

#[test]
fn routes_are_numbered_over_all_files() {
    check(
        &[
            ("a.yaml", WEB),
            ("b.yaml", b"routes: [{ respond: {} }, { respond: {} }]"),
            ("c.yaml", b"routes: [{ respond: { status: 1 } }]"),
        ],
        "c.yaml:1:31: routes[2].respond.status: expected a status from 200 to 599, found `1`",
    );
}

#[test]
fn syntax_faults_of_all_files_are_told() {
    let folder = Folder::new(&[("a.yaml", b"a: ["), ("b.yaml", b"b: }"), ("c.yaml", WEB)]);
    let errors = folder.errors();
    assert_eq!(errors.lines().count(), 2, "{errors}");
    assert!(
        errors.starts_with("a.yaml:") && errors.contains("\nb.yaml:"),
        "{errors}"
    );
}

#[track_caller]
fn check_unreadable(folder: &Folder, file: &str, expected: &str) {
    let errors = Source::load(&folder.0.join(file)).unwrap_err().to_string();
    let errors = errors.replace(&*folder.0.to_string_lossy(), "");
    assert!(errors.starts_with(expected), "{errors}");
}

#[test]
fn what_cannot_be_read_is_told() {
    let readable = "/none.yaml: expected a file or folder that can be read, found";
    check_unreadable(&Folder::new(&[]), "none.yaml", readable);
    let none = "/: expected at least one file named *.yaml or *.yml in the folder, found none";
    check_unreadable(&Folder::new(&[("a.txt", b"")]), "", none);
    let latin = Folder::new(&[("a.yaml", b"a: 1"), ("b.yaml", b"a: 1\nb\xc3\xa9: \xff\n")]);
    check_unreadable(
        &latin,
        "",
        "/b.yaml:2:5: expected UTF-8, found the byte 0xff",
    );
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let folder = Folder::new(&[]);
    let large = fs::File::create(folder.0.join("a.yaml")).unwrap();
    large.set_len((64 << 20) + 1).unwrap();
    let expected = "/a.yaml: expected at most 64 MiB of configuration, found a larger text";
    check_unreadable(&folder, "a.yaml", expected);
    check_unreadable(&folder, "", expected);
    fs::remove_file(folder.0.join("a.yaml")).unwrap();
    for number in 0..=1_000 {
        fs::write(folder.0.join(format!("{number}.yaml")), "").unwrap();
    }
    check_unreadable(&folder, "", "/: expected at most 1000 files, found more");
}
