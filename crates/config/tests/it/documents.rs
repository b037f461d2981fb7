//! The schema, the reference and the examples agree with what is read.

use std::fs;
use std::path::{Path, PathBuf};

use config::Source;
use jsonschema::Validator;

use crate::{BASE, env, plan, yaml};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    files
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&config::schema()).unwrap()
}

#[track_caller]
fn check_valid(validator: &Validator, name: &str, text: &str) {
    let value = yaml::to_json(text).unwrap_or(serde_json::Value::Null);
    if let Err(error) = validator.validate(&value) {
        panic!("{name}: {} at {}", error, error.instance_path());
    }
}

#[test]
fn examples_load_and_fit_the_schema() {
    let validator = validator();
    let mut sources = yaml_files(&root().join("examples"));
    assert!(sources.len() >= 5);
    sources.push(root().join("examples/folder"));
    for path in sources {
        let source = Source::load(&path).unwrap();
        if let Err(errors) = config::plan(&source, &|_| None) {
            panic!("{errors}");
        }
        for file in source.paths() {
            check_valid(
                &validator,
                &file.to_string_lossy(),
                &fs::read_to_string(file).unwrap(),
            );
        }
    }
}

#[test]
fn the_shortest_example_is_short() {
    let minimal = fs::read_to_string(root().join("examples/minimal.yaml")).unwrap();
    assert!(minimal.lines().count() <= 20);
}

/// The first thing that is copied.
#[test]
fn the_configuration_of_the_readme_loads_and_fits_the_schema() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, text) = readme.split_once("```yaml\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    assert!((15..=20).contains(&text.lines().count()), "{text}");
    let plan = plan(text);
    assert_eq!((plan.routes.len(), plan.upstreams.len()), (4, 2));
    check_valid(&validator(), "README.md", text);
}

#[test]
fn the_schema_takes_variables_and_texts_that_look_like_numbers() {
    let validator = validator();
    for rest in [
        "workers: ${WORKERS}\npin_workers: ${NOT_SET:-true}\nshutdown_grace: 0",
        "telemetry: { service_name: 5, access_log: { format: '${NOT_SET:-json}' } }",
        "routes: [{ match: { query: { v: 2 }, headers: { x: true } }, respond: { status: '200', body: 5 } }]",
        "routes: [{ redirect: { status: 301, location: '${path}' } }]",
        "admin: off",
        "admin: { token: '${TOKEN}', address: '127.0.0.1:1${EMPTY:-2}' }",
    ] {
        let text = format!("{BASE}{rest}\n");
        plan(&text);
        check_valid(&validator, rest, &text);
    }
}

#[test]
fn the_schema_refuses_what_is_structurally_wrong() {
    let validator = validator();
    for file in yaml_files(&root().join("crates/config/tests/malformed")) {
        let text = fs::read_to_string(&file).unwrap();
        let errors = config::plan(&Source::from_text("", &text), &env).unwrap_err();
        let structural = errors.iter().any(|error| {
            matches!(
                error.kind,
                config::ErrorKind::UnknownKey
                    | config::ErrorKind::NotInThisVersion
                    | config::ErrorKind::Conflict
            ) && (error.found.contains("unknown key") || error.found.contains("beside"))
        });
        if structural && let Some(value) = yaml::to_json(&text) {
            assert!(!validator.is_valid(&value), "{}", file.display());
        }
    }
}

#[test]
fn the_reference_is_up_to_date() {
    let path = root().join("docs/configuration.md");
    let reference = config::reference();
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &reference).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference,
        "docs/configuration.md is old: UPDATE=1 cargo test -p config rewrites it"
    );
}

#[test]
fn every_key_of_the_schema_is_in_the_reference() {
    let schema = config::schema();
    let reference = config::reference();
    let definitions = schema["$defs"].as_object().unwrap().values();
    for object in definitions.chain([&schema]) {
        for key in object["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            assert!(reference.contains(&format!("| `{key}` |")), "{key}");
        }
    }
}
