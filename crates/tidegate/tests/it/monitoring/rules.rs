//! The rules under promtool, and that none is without a test.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use testkit::tool;

use super::prometheus::PROMTOOL;
use super::{assert_success, monitoring, promtool, read, yaml_files};

#[test]
fn rules_pass_their_tests() {
    let Some(program) = tool(PROMTOOL) else {
        return;
    };
    let rules = yaml_files(&monitoring("rules"));
    assert_success(&promtool(&program, &["check", "rules"], &rules));
    let tests = yaml_files(&monitoring("rules/tests"));
    assert_success(&promtool(&program, &["test", "rules"], &tests));
}

/// What would be worth nothing if it passed whatever the rules said.
#[test]
fn a_spoilt_rule_fails_its_tests() {
    let Some(program) = tool(PROMTOOL) else {
        return;
    };
    for (file, right, wrong) in [
        ("traffic.yaml", "> 0.05", "> 0.5"),
        ("traffic.yaml", "for: 5m", "for: 5h"),
        ("process.yaml", "> 1.5", "> 0.5"),
        ("upstreams.yaml", "[5m])) > 0", "[5m])) > 100"),
    ] {
        let dir = TempDir::new().expect("a temporary folder");
        let rules = dir.path().join("rules");
        fs::create_dir_all(rules.join("tests")).expect("a folder in a new folder");
        for path in yaml_files(&monitoring("rules")) {
            let name = path.file_name().expect("a file");
            let mut text = read(&path);
            if name == file {
                assert!(text.contains(right), "{file} lacks {right}");
                text = text.replace(right, wrong);
            }
            fs::write(rules.join(name), text).expect("a file in a new folder");
        }
        let test = Path::new("tests").join(file);
        fs::copy(monitoring("rules").join(&test), rules.join(&test)).expect("a copy of a file");
        let output = promtool(&program, &["test", "rules"], &[rules.join(&test)]);
        assert!(!output.status.success(), "{file}: {right} → {wrong}");
    }
}

/// Each alert is seen to fire and to stay silent; each recorded series has an expected value.
#[test]
fn every_rule_has_tests() {
    let rules: String = yaml_files(&monitoring("rules"))
        .iter()
        .map(|path| read(path))
        .collect();
    let tests: String = yaml_files(&monitoring("rules/tests"))
        .iter()
        .map(|path| read(path))
        .collect();
    let named = |key: &str| -> Vec<&str> {
        let key = format!("- {key}: ");
        rules
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix(&key))
            .collect()
    };
    // From one name to the next: what the rule is expected to do.
    let expectations: Vec<(&str, &str)> = tests
        .split("alertname: ")
        .skip(1)
        .map(|text| text.split_once('\n').expect("a line"))
        .collect();
    let alerts = named("alert");
    assert!(alerts.len() > 20, "{alerts:?}");
    for alert in alerts {
        let of_alert = || expectations.iter().filter(|(name, _)| *name == alert);
        assert!(
            of_alert().any(|(_, text)| text.contains("exp_labels:")),
            "{alert} is not seen to fire"
        );
        assert!(
            of_alert().any(|(_, text)| text.trim_start().starts_with("exp_alerts: []")),
            "{alert} is not seen to stay silent"
        );
    }
    let queries: Vec<&str> = tests
        .lines()
        .filter(|line| line.trim_start().starts_with("- expr: "))
        .collect();
    for record in named("record") {
        assert!(
            queries.iter().any(|query| query.contains(record)),
            "{record} has no expected value"
        );
    }
}
