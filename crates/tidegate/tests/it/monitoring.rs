//! `deploy/monitoring`: its rules and their tests under promtool, every query of rules and dashboards under the real
//! Prometheus on a running gateway, and the form of the files that only other programs read.

mod dashboards;
mod files;
mod prometheus;
mod rules;
mod troubled;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{ClosedPort, repository, run_command, tool};

use dashboards::Dashboard;
use prometheus::{PROMTOOL, Prometheus};
use troubled::Troubled;

/// Metrics of parts of the gateway that this configuration does not use or that are not there yet: queries that name one
/// may find nothing as long as the gateway does not show it.
const METRICS_OF_OTHER_PARTS: &[&str] = &[
    "tidegate_limit_store_up",
    "tidegate_upstream_breaker_open",
    "tidegate_upstream_ejections_total",
];
/// Alerts on something that is not there: they find nothing as long as all is well.
const ALERTS_ON_ABSENCE: &[&str] = &["TidegateAbsent"];

/// A file or folder of `deploy/monitoring`.
fn monitoring(name: &str) -> PathBuf {
    repository().join("deploy/monitoring").join(name)
}

#[track_caller]
fn read(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// The YAML files in a folder, those of folders inside it left out, by name.
#[track_caller]
fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry of a folder").path())
        .filter(|path| path.extension().is_some_and(|name| name == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no YAML in {}", folder.display());
    files
}

/// promtool with these arguments, then these files.
#[track_caller]
fn promtool(program: &Path, arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).args(files);
    run_command(command, Duration::from_secs(60))
}

#[track_caller]
fn assert_success(output: &Output) {
    assert!(
        output.status.success(),
        "promtool: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_query_finds_something() {
    let (Some(_), Some(checker)) = (tool(prometheus::PROMETHEUS), tool(PROMTOOL)) else {
        return;
    };
    let gateway = Troubled::start();
    let nobody = ClosedPort::new();
    let dir = TempDir::new().expect("a temporary folder");
    gateway.load();
    let config = dir.path().join("prometheus.yaml");
    fs::write(&config, gateway.prometheus_yaml(dir.path(), &nobody)).expect("a file");
    assert_success(&promtool(
        &checker,
        &["check", "config"],
        std::slice::from_ref(&config),
    ));
    let Some(prometheus) = Prometheus::start(dir, &config) else {
        return;
    };
    let over = Over::default();
    thread::scope(|scope| {
        // Ends the load whatever becomes of the checks.
        let _over = over.at_the_end();
        for _ in 0..4 {
            scope.spawn(|| over.until(|| gateway.load()));
        }
        check_under_load(&prometheus);
    });
}

/// Set when what runs beside the checks shall end.
#[derive(Default)]
struct Over(AtomicBool);

impl Over {
    fn until(&self, mut work: impl FnMut()) {
        while !self.0.load(Ordering::Relaxed) {
            work();
        }
    }

    fn at_the_end(&self) -> impl Drop + '_ {
        struct End<'o>(&'o Over);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.0.store(true, Ordering::Relaxed);
            }
        }
        End(self)
    }
}

#[track_caller]
fn check_under_load(prometheus: &Prometheus) {
    prometheus.until("two scrapes, and rules evaluated on them", || {
        let is_evaluated = |rule: &Value| {
            let is_recorded = || prometheus.finds(rule["name"].as_str().unwrap_or_default());
            rule["health"] != "unknown" && (rule["type"] != "recording" || is_recorded())
        };
        prometheus.finds("count_over_time(up{job=\"tidegate\"}[5m]) >= 2")
            && prometheus.rules().iter().all(is_evaluated)
    });
    assert!(
        prometheus.finds("up{job=\"tidegate\"} == 1"),
        "{:#}",
        prometheus.get("/api/v1/targets", &[])
    );
    // A worker is busy for a part of the time, and never for more than all of it.
    let busy = "max(rate(tidegate_worker_busy_seconds_total[30s]))";
    prometheus.until("workers to be busy", || {
        prometheus.finds(&format!("{busy} > 0"))
    });
    assert!(
        !prometheus.finds(&format!("{busy} > 1.02")),
        "{:?}",
        prometheus.query(busy)
    );
    let judge = Judge::new(prometheus);
    check_rules(&judge);
    check_dashboards(&judge);
}

/// Runs queries and tells which of them may find nothing.
struct Judge<'p> {
    prometheus: &'p Prometheus,
    /// Every metric Prometheus knows.
    names: Vec<String>,
}

impl<'p> Judge<'p> {
    #[track_caller]
    fn new(prometheus: &'p Prometheus) -> Self {
        let names = prometheus.get("/api/v1/label/__name__/values", &[]);
        let names = names.as_array().expect("a list of names");
        Self {
            prometheus,
            names: names
                .iter()
                .map(|name| name.as_str().expect("a name").to_owned())
                .collect(),
        }
    }

    /// The query must be understood, name no metric that nobody has, and find something unless it names a listed one.
    #[track_caller]
    fn check(&self, place: &str, query: &str) {
        let found = self.prometheus.query(query);
        let mut lacks_listed = false;
        for metric in metrics_in(query) {
            let family = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|suffix| metric.strip_suffix(suffix))
                .unwrap_or(metric);
            let is_listed = METRICS_OF_OTHER_PARTS.contains(&family);
            let is_known = self.names.iter().any(|name| name == metric);
            assert!(
                is_known || is_listed,
                "{place}: no metric {metric}: {query}"
            );
            lacks_listed |= !is_known;
        }
        assert!(
            lacks_listed || !found.is_empty(),
            "{place}: found nothing: {query}"
        );
    }
}

/// The metrics of the gateway, of other exporters (which nothing shall need) and of recording rules that a query names.
fn metrics_in(query: &str) -> impl Iterator<Item = &str> {
    const PREFIXES: &[&str] = &[
        "tidegate_",
        "process_",
        "http_server_",
        "http_client_",
        "node_",
        "container_",
        "instance:",
        "route:",
        "endpoint:",
    ];
    query
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
}

#[track_caller]
fn check_rules(judge: &Judge<'_>) {
    let rules = judge.prometheus.rules();
    assert!(rules.len() >= 40, "{} rules", rules.len());
    for rule in rules {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, query) = (text(&rule["name"]), text(&rule["query"]));
        assert_eq!(rule["health"], "ok", "{name}: {rule:#}");
        if rule["type"] == "recording" {
            judge.check(&name, &query);
            continue;
        }
        if ALERTS_ON_ABSENCE.contains(&name.as_str()) {
            assert_eq!(judge.prometheus.query(&query), <[Value; 0]>::default());
            continue;
        }
        // A comparison keeps what is out of order, which here is nothing; as a number it keeps all there is.
        let compared = query
            .replace(" > ", " > bool ")
            .replace(" < ", " < bool ")
            .replace(" == ", " == bool ");
        assert_ne!(compared, query, "{name} compares nothing");
        judge.check(&name, &compared);
        let severity = text(&rule["labels"]["severity"]);
        assert!(
            ["critical", "warning", "info"].contains(&severity.as_str()),
            "{name}: severity {severity:?}"
        );
        let (summary, description) = (
            text(&rule["annotations"]["summary"]),
            text(&rule["annotations"]["description"]),
        );
        assert!(summary.len() > 20, "{name}: {summary:?}");
        assert!(
            description.contains("$value") && description.len() > 100,
            "{name}: {description:?}"
        );
    }
}

#[track_caller]
fn check_dashboards(judge: &Judge<'_>) {
    for dashboard in Dashboard::load_all() {
        for (name, query) in dashboard.variables() {
            let place = format!("{}: ${name}", dashboard.title());
            let (selector, label) = dashboards::label_values(&query)
                .unwrap_or_else(|| panic!("{place}: expected label_values(…, …), found {query}"));
            let values = judge.prometheus.get(
                &format!("/api/v1/label/{label}/values"),
                &[("match[]", &dashboard.filled(&selector))],
            );
            assert!(
                values.as_array().is_some_and(|values| !values.is_empty()),
                "{place}: no value"
            );
        }
        let queries = dashboard.queries();
        assert!(
            queries.len() > 20,
            "{}: {} queries",
            dashboard.title(),
            queries.len()
        );
        for (panel, query) in queries {
            let place = format!("{}: {panel}", dashboard.title());
            judge.check(&place, &dashboard.filled(&query));
        }
        // What they mark has not happened: it is enough that they are understood.
        for query in dashboard.annotations() {
            judge.prometheus.query(&dashboard.filled(&query));
        }
    }
}

#[test]
fn metrics_follow_the_naming_rules() {
    let Some(program) = tool(PROMTOOL) else {
        return;
    };
    let gateway = Troubled::start();
    gateway.load();
    let check = |text: &str| {
        let dir = TempDir::new().expect("a temporary folder");
        let file = dir.path().join("metrics");
        fs::write(&file, text).expect("a file in a new folder");
        // promtool reads standard input only.
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" check metrics <\"$1\""])
            .arg(&program)
            .arg(&file);
        run_command(command, Duration::from_secs(60))
    };
    let metrics = gateway.metrics();
    assert_success(&check(metrics.text()));
    // As a control: what breaks the rules is told.
    let spoilt = check("# TYPE requests counter\nrequests 1\n");
    assert!(!spoilt.status.success(), "{spoilt:?}");
}

/// Whoever reads a graph or gets an alert finds its name in the documentation.
#[test]
fn documentation_names_every_metric_and_alert() {
    let gateway = Troubled::start();
    gateway.load();
    let metrics = gateway.metrics();
    let page = read(&repository().join("docs/monitoring.md"));
    let families = metrics
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next());
    let rules: String = yaml_files(&monitoring("rules"))
        .iter()
        .map(|path| read(path))
        .collect();
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- alert: "));
    let missing: Vec<&str> = families
        .chain(alerts)
        .chain(METRICS_OF_OTHER_PARTS.iter().copied())
        .filter(|name| !page.contains(&format!("`{name}`")))
        .collect();
    assert_eq!(missing, <[&str; 0]>::default(), "not in docs/monitoring.md");
}
