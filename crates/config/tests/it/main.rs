//! The configuration through its public interface.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot unwrap has failed it"
)]

mod corpus;
mod documents;
mod environment;
mod folder;
mod large;
mod limits;
mod messages;
mod random;
mod rendering;
mod values;
mod yaml;

use config::{Errors, Plan, Source};

/// A configuration that has what every configuration must have.
const BASE: &str =
    "listeners: { web: { address: ':8080' } }\nupstreams: { app: { endpoints: ['a.b:1'] } }\n";

/// No variable is set but these.
fn env(name: &str) -> Option<String> {
    match name {
        "WORKERS" => Some("4".to_owned()),
        "PORT" => Some("8080".to_owned()),
        "EMPTY" => Some(String::new()),
        "TOKEN" => Some("0123456789abcdef".to_owned()),
        "SHORT" => Some("hunter2".to_owned()),
        "TWO_LINES" => Some("a\nb".to_owned()),
        "SMUGGLED" => Some("${host}$${x}".to_owned()),
        _ => None,
    }
}

fn read(yaml: &str) -> Result<Plan, Errors> {
    config::plan(&Source::from_text("edge.yaml", yaml), &env)
}

/// The plan of a text without faults.
#[track_caller]
fn plan(yaml: &str) -> Plan {
    match read(yaml) {
        Ok(plan) => plan,
        Err(errors) => panic!("{errors}"),
    }
}

/// The report on a text with faults.
#[track_caller]
fn errors(yaml: &str) -> String {
    match read(yaml) {
        Ok(plan) => panic!("no fault found: {plan:?}"),
        Err(errors) => errors.to_string(),
    }
}
