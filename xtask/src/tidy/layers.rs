//! Which crate may depend on which: arrows point down, never up, never sideways.
//!
//! Looks at direct edges only. What a crate reaches through others follows, since every edge points down.

use super::{
    Problem,
    metadata::{Dependency, Kind, Package},
};

/// The order, top to bottom; crates of one line do not know one another.
const ORDER: &[&[&str]] = &[
    &["tidegate"],
    &["compose"],
    &["config"],
    &[
        "gateway",
        "hub",
        "llm",
        "relay",
        "admin",
        "rpc",
        "demo",
        "tidegate-telemetry",
    ],
    &["upstream", "limit", "auth", "discovery", "telemetry"],
    &["net", "export", "tls"],
    &["h1", "ws", "otlp", "propagation", "sse"],
    &["message"],
    &["base"],
];

/// May depend on anything; of these a crate of the order may use `testkit` alone, and only in tests.
const BESIDE: &[&str] = &["xtask", "testkit", "bench", "product-service"];

/// Crates of the lines below this one do not know the syntax of configuration files.
const KNOWS_YAML: &str = "config";
const YAML: &[&str] = &[
    "saphyr",
    "saphyr-parser",
    "serde-saphyr",
    "serde_yaml",
    "serde_yml",
    "serde_norway",
    "yaml-rust",
    "yaml-rust2",
];

/// Protocol logic and what lies below it: bytes and instants in, bytes and events out.
const WITHOUT_TOKIO: &[&str] = &["h1", "ws", "otlp", "propagation", "sse", "message", "base"];

enum Place {
    Line(usize),
    Beside,
}

pub(super) fn check(packages: &[Package]) -> Vec<Problem> {
    packages
        .iter()
        .flat_map(|package| match place(&package.name) {
            Some(Place::Line(line)) => check_package(package, line, packages),
            Some(Place::Beside) => Vec::new(),
            None => vec![Problem::new(
                &package.name,
                "has no place in the order of the crates: give it one in ARCHITECTURE.md and in xtask",
            )],
        })
        .collect()
}

fn check_package(package: &Package, line: usize, members: &[Package]) -> Vec<Problem> {
    package
        .dependencies
        .iter()
        .filter_map(|dependency| {
            let inside = members.iter().any(|member| member.name == dependency.name);
            let complaint = if inside {
                edge_complaint(line, dependency)
            } else {
                import_complaint(&package.name, line, dependency)
            }?;
            let edge = format!("{} -> {}", package.name, dependency.name);
            Some(Problem::new(edge, complaint))
        })
        .collect()
}

fn edge_complaint(from: usize, dependency: &Dependency) -> Option<String> {
    match place(&dependency.name)? {
        Place::Line(to) if to > from => None,
        Place::Line(to) if to == from => {
            Some("sideways: crates of one line do not know one another".to_owned())
        }
        Place::Line(_) => Some("upward: arrows point down only".to_owned()),
        Place::Beside if dependency.name == "testkit" && dependency.kind == Kind::Dev => None,
        Place::Beside if dependency.name == "testkit" => {
            Some("only a dev-dependency may point to testkit".to_owned())
        }
        Place::Beside => Some(format!("nothing depends on {}", dependency.name)),
    }
}

fn import_complaint(package: &str, line: usize, dependency: &Dependency) -> Option<String> {
    if dependency.kind == Kind::Dev {
        return None;
    }
    if line > line_of(KNOWS_YAML) && YAML.contains(&dependency.name.as_str()) {
        return Some(format!("no crate below {KNOWS_YAML} knows YAML"));
    }
    let tokio = dependency.name == "tokio" || dependency.name.starts_with("tokio-");
    if tokio && WITHOUT_TOKIO.contains(&package) {
        return Some("protocol logic does not know tokio".to_owned());
    }
    None
}

fn place(name: &str) -> Option<Place> {
    if BESIDE.contains(&name) {
        return Some(Place::Beside);
    }
    ORDER
        .iter()
        .position(|line| line.contains(&name))
        .map(Place::Line)
}

fn line_of(name: &str) -> usize {
    ORDER
        .iter()
        .position(|line| line.contains(&name))
        .unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `edges` are (from, kind, to); each end that is in the order or beside it becomes a member.
    #[track_caller]
    fn check_graph(edges: &[(&str, Kind, &str)], expected: &[&str]) {
        let mut members: Vec<Package> = Vec::new();
        let names = edges.iter().flat_map(|(from, _, to)| [*from, *to]);
        for name in names.filter(|name| place(name).is_some() || *name == "stray") {
            if members.iter().all(|member| member.name != name) {
                members.push(Package {
                    name: name.to_owned(),
                    manifest_path: "Cargo.toml".into(),
                    dependencies: Vec::new(),
                });
            }
        }
        for (from, kind, to) in edges {
            let member = members.iter_mut().find(|member| member.name == *from);
            member.unwrap().dependencies.push(Dependency {
                name: (*to).to_owned(),
                kind: *kind,
            });
        }
        let found: Vec<String> = check(&members).iter().map(Problem::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} lacks {expected}");
        }
    }

    #[test]
    fn downward_edges_pass() {
        check_graph(
            &[
                ("tidegate", Kind::Normal, "compose"),
                ("compose", Kind::Normal, "base"),
                ("gateway", Kind::Normal, "upstream"),
                ("upstream", Kind::Normal, "net"),
                ("net", Kind::Build, "base"),
                ("h1", Kind::Normal, "message"),
                ("message", Kind::Normal, "base"),
                ("net", Kind::Normal, "tokio"),
            ],
            &[],
        );
    }

    #[test]
    fn upward_and_sideways_edges_fail() {
        check_graph(
            &[("net", Kind::Normal, "gateway")],
            &["net -> gateway: upward"],
        );
        check_graph(
            &[("gateway", Kind::Normal, "admin")],
            &["gateway -> admin: sideways"],
        );
        check_graph(&[("h1", Kind::Build, "net")], &["h1 -> net: upward"]);
        check_graph(&[("message", Kind::Dev, "h1")], &["message -> h1: upward"]);
        check_graph(
            &[("upstream", Kind::Dev, "telemetry")],
            &["upstream -> telemetry: sideways"],
        );
    }

    #[test]
    fn crates_beside_the_order_use_anything_and_are_used_in_tests_only() {
        check_graph(
            &[
                ("testkit", Kind::Normal, "compose"),
                ("compose", Kind::Dev, "testkit"),
                ("bench", Kind::Normal, "h1"),
            ],
            &[],
        );
        check_graph(
            &[("compose", Kind::Normal, "testkit")],
            &["only a dev-dependency"],
        );
        check_graph(
            &[("compose", Kind::Dev, "bench")],
            &["nothing depends on bench"],
        );
    }

    #[test]
    fn a_crate_without_a_place_fails() {
        check_graph(&[("stray", Kind::Normal, "base")], &["stray: has no place"]);
    }

    #[test]
    fn forbidden_imports_fail() {
        check_graph(&[("config", Kind::Normal, "saphyr")], &[]);
        check_graph(
            &[("gateway", Kind::Normal, "saphyr")],
            &["gateway -> saphyr: no crate below config knows YAML"],
        );
        check_graph(
            &[("h1", Kind::Normal, "tokio-util")],
            &["h1 -> tokio-util: protocol logic"],
        );
        check_graph(&[("h1", Kind::Dev, "tokio")], &[]);
    }
}
