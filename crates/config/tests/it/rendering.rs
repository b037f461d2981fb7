//! A plan shown as a configuration.

use config::{Plan, Source, render};
use serde_json::json;

use crate::{BASE, plan};

/// Maps of JSON are sorted by key.
fn sorted(mut plan: Plan) -> Plan {
    plan.listeners.sort_by(|a, b| a.name.cmp(&b.name));
    plan.upstreams.sort_by(|a, b| a.name.cmp(&b.name));
    plan
}

/// JSON is YAML: what is rendered is read as the same plan.
#[track_caller]
fn check_round_trip(yaml: &str) {
    let plan = plan(yaml);
    let rendered = render(&plan).to_string();
    let again = config::plan(&Source::from_text("rendered", &rendered), &|_| None);
    match again {
        Ok(again) => assert_eq!(sorted(again), sorted(plan), "{rendered}"),
        Err(errors) => panic!("{errors}\n{rendered}"),
    }
}

#[test]
fn what_is_rendered_reads_as_the_same_plan() {
    check_round_trip(BASE);
    for example in [
        include_str!("../../../../examples/gateway.yaml"),
        include_str!("../../../../examples/canary.yaml"),
        include_str!("../../../../examples/static-site.yaml"),
        include_str!("../../../../examples/websocket.yaml"),
    ] {
        check_round_trip(example);
    }
    for rest in [
        "dns: { servers: ['[::1]:5353', 10.0.0.2:53] }",
        "workers: 3\nadmin: off\nshutdown_grace: 0\ntelemetry: { access_log: { path: /tmp/a.log } }",
        "routes: [{ respond: { status: 404, body: '$${X} ${y}', headers: { x: '$${X}' } } }]",
        "routes: [{ redirect: { location: '$${a}${path}${PORT}' }, match: { hosts: ['*.A.example'] } }]",
        "routes: [{ respond: {}, match: { path: '/${PORT}/{*rest}', query: { '': '' } } }]",
    ] {
        check_round_trip(&format!("{BASE}{rest}"));
    }
}

#[test]
fn secrets_are_not_rendered() {
    let plan = plan(&format!(
        "{BASE}admin: {{ token: hunter2hunter2hunter2 }}\nroutes:\n  - match: {{ headers: {{ authorization: hunter2, x-api-key: hunter2 }} }}\n    \
         filters:\n      - request_headers: {{ set: {{ Authorization: hunter2, cookie: hunter2, x-plain: shown }}, add: {{ x-token: hunter2 }} }}\n    \
         respond: {{ headers: {{ set-cookie: hunter2 }} }}\n"
    ));
    let rendered = render(&plan);
    assert!(!rendered.to_string().contains("hunter2"), "{rendered:#}");
    assert_eq!(rendered["admin"]["token"], "***");
    let set = &rendered["routes"][0]["filters"][0]["request_headers"]["set"];
    assert_eq!(
        *set,
        json!({ "authorization": "***", "cookie": "***", "x-plain": "shown" })
    );
    assert!(!format!("{:?}", plan.admin).contains("hunter2"));
}

#[test]
fn units_are_for_people() {
    let rendered = render(&plan(&format!("{BASE}shutdown_grace: 90s")));
    assert_eq!(rendered["shutdown_grace"], "90s");
    assert_eq!(rendered["workers"], "auto");
    assert_eq!(rendered["listeners"]["web"]["limits"]["body_max"], "10MiB");
    assert_eq!(
        rendered["upstreams"]["app"]["connections"]["lifetime_max"],
        "1h"
    );
}
