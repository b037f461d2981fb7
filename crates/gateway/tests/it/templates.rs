//! What templates take, and what their parameters stand for.

use gateway::plan::MatchPlan;
use gateway::router::{PathTemplate, Router};

use crate::support::{path, request, route};

/// `captures`: parameters and what they stand for; `None` when the template does not take the path.
#[track_caller]
fn check(template: &str, target: &str, captures: Option<&[(&str, &str)]>) {
    let router = Router::new(&[route(MatchPlan {
        path: Some(path(template)),
        ..MatchPlan::default()
    })]);
    let head = request("GET", "a.example", target, &[]);
    let found = router.find(&head);
    assert_eq!(found, captures.map(|_| 0), "{template} {target}");
    let parsed = PathTemplate::parse(template).expect("a template");
    for (name, expected) in captures.unwrap_or_default() {
        let value = parsed.capture(head.path(), name);
        assert_eq!(
            value,
            Some(expected.as_bytes()),
            "{template} {target} {name}"
        );
    }
    assert_eq!(
        captures.map_or(0, <[_]>::len),
        captures.map_or(0, |_| parsed.params().count()),
        "every parameter of {template} is looked at"
    );
}

#[test]
fn a_parameter_is_one_whole_segment() {
    check("/products/{id}", "/products/7", Some(&[("id", "7")]));
    check("/products/{id}", "/products/7?id=8", Some(&[("id", "7")]));
    check(
        "/products/{id}",
        "/products/a%20b",
        Some(&[("id", "a%20b")]),
    );
    check("/{a}/{b}", "/x/y", Some(&[("a", "x"), ("b", "y")]));
    check("/{a}/c/{b}", "/x/c/y", Some(&[("a", "x"), ("b", "y")]));
    check("/{a}/", "/x/", Some(&[("a", "x")]));
    check("/products/{id}", "/products/", None);
    check("/products/{id}", "/products", None);
    check("/products/{id}", "/products/7/", None);
    check("/products/{id}", "/products/7/8", None);
    check("/products/{id}", "/other/7", None);
    check("/{a}/c/{b}", "/x/d/y", None);
    check("/{a}/{b}", "//y", None);
    check("/{a}/", "/x", None);
}

#[test]
fn a_rest_is_everything_left() {
    check("/files/{*rest}", "/files/a", Some(&[("rest", "a")]));
    check("/files/{*rest}", "/files/a/b/c", Some(&[("rest", "a/b/c")]));
    check("/files/{*rest}", "/files/a/", Some(&[("rest", "a/")]));
    check("/{*rest}", "/a", Some(&[("rest", "a")]));
    check(
        "/{v}/f/{*rest}",
        "/1/f/a/b",
        Some(&[("v", "1"), ("rest", "a/b")]),
    );
    check("/files/{*rest}", "/files/", None);
    check("/files/{*rest}", "/files", None);
    check("/{*rest}", "/", None);
}

/// A template that fails late must not hide one that takes the path by another way.
#[test]
fn the_search_comes_back() {
    let paths = ["/a/{x}/c/d", "/a/b/{y}/e", "/{z}/b/c/f", "/a/{*rest}"];
    let routes: Vec<_> = paths
        .iter()
        .map(|text| {
            route(MatchPlan {
                path: Some(path(text)),
                ..MatchPlan::default()
            })
        })
        .collect();
    let router = Router::new(&routes);
    for (target, expected) in [
        ("/a/b/c/d", Some(0)),
        ("/a/b/c/e", Some(1)),
        ("/a/b/c/f", Some(2)),
        ("/a/b/c/g", Some(3)),
        ("/b/b/c/g", None),
    ] {
        let head = request("GET", "a.example", target, &[]);
        assert_eq!(router.find(&head), expected, "{target}");
    }
}

/// Parameters in every place make a tree in which each segment has two ways.
#[test]
fn a_path_of_many_ways_is_searched_in_time() {
    let literals = 16;
    let routes: Vec<_> = (0..4096_u32)
        .map(|bits| {
            let text: String = (0..literals)
                .map(|at| {
                    if at < 12 && bits >> at & 1 == 1 {
                        format!("/{{p{at}}}")
                    } else {
                        "/a".to_owned()
                    }
                })
                .collect::<String>()
                + "/end";
            route(MatchPlan {
                path: Some(if text.contains('{') {
                    path(&text)
                } else {
                    path("/none")
                }),
                ..MatchPlan::default()
            })
        })
        .collect();
    let router = Router::new(&routes);
    let start = std::time::Instant::now();
    let target = "/a".repeat(literals) + "/other";
    assert_eq!(
        router.find(&request("GET", "a.example", &target, &[])),
        None
    );
    let most_specific = "/a".repeat(literals) + "/end";
    let found = router.find(&request("GET", "a.example", &most_specific, &[]));
    // One parameter each: file order decides.
    assert_eq!(found, Some(1));
    assert!(start.elapsed() < std::time::Duration::from_secs(1));
}
