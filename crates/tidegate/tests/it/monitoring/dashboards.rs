//! The Grafana dashboards: their queries, and rules on their form. Grafana itself is not run.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{monitoring, read};

/// What Grafana 12 and 13 write; an older one is migrated when it is loaded.
const SCHEMA_VERSION: u64 = 42;
const COLUMNS: u64 = 24;

/// One dashboard.
pub(super) struct Dashboard {
    file: String,
    json: Value,
}

impl Dashboard {
    /// Every dashboard of `deploy/monitoring/grafana`, by name.
    #[track_caller]
    pub(super) fn load_all() -> Vec<Self> {
        let entries = fs::read_dir(monitoring("grafana")).expect("a folder of the repository");
        let mut dashboards: Vec<_> = entries
            .map(|entry| {
                let path = entry.expect("an entry of a folder").path();
                let json = serde_json::from_str(&read(&path));
                Self {
                    json: json.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
                    file: path.display().to_string(),
                }
            })
            .collect();
        dashboards.sort_by(|one, other| one.file.cmp(&other.file));
        assert_eq!(dashboards.len(), 3, "overview, process, upstreams");
        dashboards
    }

    /// What Grafana shows as its name.
    pub(super) fn title(&self) -> &str {
        self.json["title"].as_str().unwrap_or(&self.file)
    }

    /// Name and query of each variable that Prometheus fills.
    #[track_caller]
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        self.list("/templating/list")
            .iter()
            .filter(|variable| variable["type"] == "query")
            .map(|variable| (text(variable, "name"), text(&variable["query"], "query")))
            .collect()
    }

    /// Panel and expression of each query.
    #[track_caller]
    pub(super) fn queries(&self) -> Vec<(String, String)> {
        self.panels()
            .flat_map(|panel| {
                let targets = panel["targets"].as_array().expect("targets");
                targets
                    .iter()
                    .map(|target| (text(panel, "title"), text(target, "expr")))
            })
            .collect()
    }

    /// The expression of each mark over all panels.
    #[track_caller]
    pub(super) fn annotations(&self) -> Vec<String> {
        self.list("/annotations/list")
            .iter()
            .map(|annotation| text(annotation, "expr"))
            .collect()
    }

    /// The expression as Grafana sends it with the first job, and everything else chosen.
    ///
    /// # Panics
    /// When a variable is left that the dashboard does not have.
    #[track_caller]
    pub(super) fn filled(&self, expression: &str) -> String {
        let mut filled = expression
            .replace("$__rate_interval", "1m")
            .replace("$__range", "5m");
        for (name, _) in self.variables() {
            let value = if name == "job" { "tidegate" } else { ".*" };
            filled = filled.replace(&format!("${name}"), value);
        }
        // `$1` belongs to label_replace.
        let left = filled
            .split('$')
            .skip(1)
            .any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        assert!(!left, "{}: a variable of no one: {filled}", self.file);
        filled
    }

    /// The panels that show something: all but rows.
    #[track_caller]
    fn panels(&self) -> impl Iterator<Item = &Value> {
        let panels = self.list("/panels");
        panels.iter().filter(|panel| panel["type"] != "row")
    }

    #[track_caller]
    fn list(&self, pointer: &str) -> &[Value] {
        match self.json.pointer(pointer).and_then(Value::as_array) {
            Some(list) => list,
            None => panic!("{}: no list at {pointer}", self.file),
        }
    }
}

/// Selector and label of `label_values(selector, label)`.
pub(super) fn label_values(query: &str) -> Option<(String, String)> {
    let inside = query.strip_prefix("label_values(")?.strip_suffix(')')?;
    let (selector, label) = inside.rsplit_once(", ")?;
    Some((selector.to_owned(), label.to_owned()))
}

/// A text that must be there.
#[track_caller]
fn text(value: &Value, key: &str) -> String {
    match value[key].as_str() {
        Some(text) if !text.is_empty() => text.to_owned(),
        Some(_) | None => panic!("expected a text at {key} of {value:#}"),
    }
}

#[test]
fn dashboards_are_well_formed() {
    let mut uids = BTreeSet::new();
    for dashboard in Dashboard::load_all() {
        let (file, json) = (&dashboard.file, &dashboard.json);
        assert_eq!(json["schemaVersion"], SCHEMA_VERSION, "{file}");
        assert_eq!(json["tags"][0], "tidegate", "{file}");
        assert!(
            json.get("id").is_none(),
            "{file}: an id belongs to one Grafana"
        );
        assert!(uids.insert(text(json, "uid")), "{file}: a uid twice");
        text(json, "title");
        text(json, "description");
        let source = &dashboard.list("/templating/list")[0];
        assert_eq!(source["name"], "datasource", "{file}");
        assert_eq!(source["type"], "datasource", "{file}");
        assert_eq!(source["query"], "prometheus", "{file}");
        for other in dashboard.list("/annotations/list") {
            check_source(file, other);
        }
        for variable in &dashboard.list("/templating/list")[1..] {
            check_source(file, variable);
            assert_eq!(variable["definition"], variable["query"]["query"], "{file}");
        }
        check_places(&dashboard);
        for panel in dashboard.panels() {
            check_panel(file, panel);
        }
    }
}

#[track_caller]
fn check_source(file: &str, of: &Value) {
    assert_eq!(of["datasource"]["uid"], "${datasource}", "{file}: {of:#}");
    assert_eq!(of["datasource"]["type"], "prometheus", "{file}: {of:#}");
}

#[track_caller]
fn check_panel(file: &str, panel: &Value) {
    let title = text(panel, "title");
    text(panel, "description");
    text(&panel["fieldConfig"]["defaults"], "unit");
    let known = ["timeseries", "stat", "heatmap", "table", "state-timeline"];
    let kind = text(panel, "type");
    assert!(known.contains(&kind.as_str()), "{file}: {title}: {kind}");
    check_source(file, panel);
    let mut letters = BTreeSet::new();
    for target in panel["targets"].as_array().expect("targets") {
        check_source(file, target);
        assert!(
            letters.insert(text(target, "refId")),
            "{file}: {title}: a refId twice"
        );
        let query = text(target, "expr");
        // Without the choice of job a second gateway's figures would be added.
        assert!(query.contains("job=~\"$job\""), "{file}: {title}: {query}");
    }
    assert!(!letters.is_empty(), "{file}: {title}: no query");
}

/// Every id is there once, every panel within the columns, and no two overlap.
#[track_caller]
fn check_places(dashboard: &Dashboard) {
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard.list("/panels") {
        let number = |value: &Value| value.as_u64().expect("a number");
        assert!(
            ids.insert(number(&panel["id"])),
            "{}: an id twice",
            dashboard.file
        );
        let place = &panel["gridPos"];
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|key| number(&place[key]));
        assert!(
            width > 0 && height > 0 && x + width <= COLUMNS,
            "{}: {place}",
            dashboard.file
        );
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(
                taken.insert(cell),
                "{}: {} lies over another",
                dashboard.file,
                panel["title"]
            );
        }
    }
}
