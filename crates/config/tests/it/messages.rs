//! A message is an interface: the whole text, for each sort of fault.

use std::collections::HashSet;

use config::ErrorKind;

use crate::{BASE, errors, read};

/// One fault of each sort that a text can have, behind the two lines of [`BASE`].
const MESSAGES: [(ErrorKind, &str, &str); 11] = [
    (
        ErrorKind::Syntax,
        "routes: [{ match: { path: /{id} }, respond: {} }]",
        "edge.yaml:3:28: routes[0].match: expected well-formed YAML, found a fault: while parsing a flow mapping, did \
         not find expected ',' or '}'; inside brackets, a value that holds one of `{}[],` needs quotes",
    ),
    (
        ErrorKind::Limit,
        "routes: [{ match: { path: /aaaa }, filters: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,\
         25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,\
         61,62,63,64,65], respond: {} }]",
        "edge.yaml:3:45: routes[0].filters: expected at most 64 filters, found 65",
    ),
    (
        ErrorKind::Duplicate,
        "listeners: {}",
        "edge.yaml:3:1: listeners: expected each key once, found `listeners` again; it stands at edge.yaml:1:1",
    ),
    (
        ErrorKind::UnknownKey,
        "routes: [{ respond: { staus: 404 } }]",
        "edge.yaml:3:23: routes[0].respond.staus: expected a key of respond: `status`, `body` or `headers`, found the \
         unknown key `staus`; did you mean `status`?",
    ),
    (
        ErrorKind::NotInThisVersion,
        "hubs: { chat: {} }",
        "edge.yaml:3:1: hubs: expected what this version has, found `hubs`, which is not in this version",
    ),
    (
        ErrorKind::Missing,
        "routes: [{ name: nowhere }]",
        "edge.yaml:3:10: routes[0]: expected exactly one of `forward`, `respond` or `redirect`, found none",
    ),
    (
        ErrorKind::Type,
        "routes: { respond: {} }",
        "edge.yaml:3:9: routes: expected a list, found a map; write `[…]`, or each of the routes on a line behind `- `",
    ),
    (
        ErrorKind::Value,
        "routes: [{ forward: { upstream: app, timeout: 5 } }]",
        "edge.yaml:3:47: routes[0].forward.timeout: expected a duration from 1ms to 24h, such as 250ms or 5s, found \
         `5`; it needs a unit: ms, s, m, h or d",
    ),
    (
        ErrorKind::Conflict,
        "admin: { address: '0.0.0.0:8080', token: 0123456789abcdef }",
        "edge.yaml:3:19: admin.address: expected an address of its own, found `0.0.0.0:8080`, which is taken by \
         `listeners.web.address`",
    ),
    (
        ErrorKind::Reference,
        "routes: [{ forward: { upstream: ap } }]",
        "edge.yaml:3:33: routes[0].forward.upstream: expected a key of `upstreams`: `app`, found `ap`; did you mean \
         `app`?",
    ),
    (
        ErrorKind::Variable,
        "workers: ${CPUS}",
        "edge.yaml:3:10: workers: expected the environment variable CPUS to be set, found no value of it; set it, or \
         write `${CPUS:-default}`",
    ),
];

#[test]
fn of_every_sort() {
    for (kind, yaml, expected) in MESSAGES {
        let text = format!("{BASE}{yaml}");
        assert_eq!(errors(&text).lines().next(), Some(expected));
        let report = read(&text).unwrap_err();
        assert_eq!(
            report.iter().next().map(|error| error.kind),
            Some(kind),
            "{expected}"
        );
    }
    let kinds: HashSet<ErrorKind> = MESSAGES.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds.len(), MESSAGES.len());
}

#[test]
fn what_was_found_is_shown_in_one_short_line() {
    let report = errors(&format!(
        "{BASE}workers: \"a\\n\\e[31m{}\"",
        "b".repeat(100)
    ));
    let shown = format!("found `a\\n\\u{{1b}}[31m{}…`", "b".repeat(53));
    assert!(report.ends_with(&shown), "{report}");
}

#[test]
fn many_names_are_not_listed() {
    let upstreams: String = (0..30)
        .map(|n| format!("  service{n}: {{ endpoints: [a.b:1] }}\n"))
        .collect();
    let report = errors(&format!(
        "listeners: {{ web: {{ address: ':1' }} }}\nroutes: [{{ forward: {{ upstream: servce7 }} }}]\nupstreams:\n{upstreams}"
    ));
    let expected = "edge.yaml:2:33: routes[0].forward.upstream: expected one of the 30 keys of `upstreams`, found \
                    `servce7`; did you mean `service7`?";
    assert_eq!(report, expected);
}
