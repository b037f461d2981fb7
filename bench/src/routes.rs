//! Generates routes for Tidegate: exact, template and prefix matches in equal parts, some bound to hosts.

use std::fmt::Write;

use anyhow::{Context, Result};

/// Every fourth route is bound to one of so many hosts.
const HOSTS: usize = 50;

/// A list of routes and what hits them.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// List items of YAML.
    pub yaml: String,
    /// (host, path) that hit routes spread evenly over the list.
    pub sample: Vec<(String, String)>,
}

/// The routes of the comparison with peers: the measured one, the echo, and decoys to make `count`.
///
/// # Errors
/// Never in practice: writing to a string.
pub fn comparison(count: usize) -> Result<Routes> {
    let mut routes = many(count.saturating_sub(2), 0, 1)?;
    add(&mut routes.yaml, "products", "path: \"/products/{id}\"")?;
    add(&mut routes.yaml, "echo", "path: /echo/forwarded-for")?;
    Ok(routes)
}

/// `count` routes to the upstream `origin`, with `sample` requests that hit some of them.
///
/// # Errors
/// Never in practice: writing to a string.
pub fn many(count: usize, sample: usize, version: u32) -> Result<Routes> {
    let mut routes = Routes::default();
    let step = count
        .checked_div(sample.min(count))
        .unwrap_or(usize::MAX)
        .max(1);
    for number in 0..count {
        let area = number / 100;
        let (pattern, path) = match number % 3 {
            0 => {
                let path = format!("/api/area{area}/exact{number}/v{version}");
                (format!("path: \"{path}\""), path)
            }
            1 => (
                format!("path: \"/api/area{area}/kind{number}/v{version}/{{id}}\""),
                format!("/api/area{area}/kind{number}/v{version}/42"),
            ),
            _ => (
                format!("path_prefix: \"/api/area{area}/tree{number}/v{version}\""),
                format!("/api/area{area}/tree{number}/v{version}/a/b.txt"),
            ),
        };
        let host = format!("host{}.example.com", number / 4 % HOSTS);
        let matched = if number % 4 == 0 {
            format!("hosts: [\"{host}\"], {pattern}")
        } else {
            pattern
        };
        add(&mut routes.yaml, &format!("r{number}"), &matched)?;
        if number % step == 0 && routes.sample.len() < sample {
            routes.sample.push((host, path));
        }
    }
    Ok(routes)
}

/// `count` routes that the origin answers with the status in the path, one for probes, and `sample` requests that are
/// answered with the first of `statuses`.
///
/// # Errors
/// Never in practice: writing to a string.
pub fn statuses(count: usize, statuses: &[u16], sample: usize) -> Result<Routes> {
    let mut routes = Routes::default();
    for number in 0..count {
        add(
            &mut routes.yaml,
            &format!("r{number}"),
            &format!("path: \"/r{number}/{{status}}\""),
        )?;
    }
    add_products(&mut routes)?;
    let status = statuses.first().context("no status")?;
    routes.sample = (0..count.min(sample))
        .map(|number| ("example.com".to_owned(), status_path(number, *status)))
        .collect();
    Ok(routes)
}

/// The path that hits a route of [`statuses`] and is answered with that status.
#[must_use]
pub fn status_path(route: usize, status: u16) -> String {
    format!("/r{route}/{status}")
}

/// A route that Tidegate answers itself, to tell which configuration is in force.
///
/// # Errors
/// Never in practice: writing to a string.
pub fn add_version(routes: &mut Routes, version: u32) -> Result<()> {
    writeln!(
        routes.yaml,
        "  - {{ name: version, match: {{ path: /version }}, respond: {{ status: 200, body: \"version {version}\" }} }}"
    )
    .context("cannot write to a string")
}

/// The route that every probe for readiness hits.
///
/// # Errors
/// Never in practice: writing to a string.
pub fn add_products(routes: &mut Routes) -> Result<()> {
    add(&mut routes.yaml, "products", "path: \"/products/{id}\"")
}

fn add(yaml: &mut String, name: &str, matched: &str) -> Result<()> {
    writeln!(
        yaml,
        "  - {{ name: {name}, match: {{ {matched} }}, forward: {{ upstream: origin }} }}"
    )
    .context("cannot write to a string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_as_asked_for() {
        let routes = many(1000, 100, 1).unwrap();
        assert_eq!(routes.yaml.lines().count(), 1000);
        assert_eq!(routes.sample.len(), 100);
        assert_eq!(many(10, 500, 1).unwrap().sample.len(), 10);
        assert_eq!(comparison(100).unwrap().yaml.lines().count(), 100);
    }

    #[test]
    fn every_route_has_every_status() {
        let routes = statuses(10, &[200, 404], 5).unwrap();
        assert_eq!(routes.yaml.lines().count(), 11);
        assert!(routes.yaml.contains("\"/r9/{status}\""), "{}", routes.yaml);
        assert_eq!(routes.sample[4].1, "/r4/200");
    }

    #[test]
    fn every_kind_of_match_is_hit() {
        let routes = many(1000, 100, 1).unwrap();
        for kind in ["/exact", "/kind", "/tree"] {
            assert!(
                routes.sample.iter().any(|(_, path)| path.contains(kind)),
                "{kind}"
            );
        }
    }
}
