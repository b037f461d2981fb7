//! The `OTEL_*` variables: rules of the specification (1.60), environment variables and OTLP exporter, as tables.

mod bounds;
mod completeness;
mod endpoint;
mod exporter;
mod headers;
mod otlp;
mod resource;
mod sampler;
mod secrets;
mod types;
mod warnings;

use std::fmt::Debug;

use telemetry::environment::{Effect, Environment, Warning};

/// Variables and their values.
type Variables<'a> = &'a [(&'a str, &'a str)];

fn read(variables: Variables<'_>) -> (Environment, Vec<Warning>) {
    Environment::read(&|asked| {
        variables
            .iter()
            .find(|(name, _)| *name == asked)
            .map(|(_, value)| (*value).to_owned())
    })
}

/// What one part of the environment is, and which variables are warned about, in any order.
#[track_caller]
fn check<T: PartialEq + Debug>(
    variables: Variables<'_>,
    part: impl Fn(&Environment) -> T,
    expected: T,
    warned: &[(&str, Effect)],
) {
    let (environment, warnings) = read(variables);
    assert_eq!(part(&environment), expected, "{variables:?} {warnings:?}");
    let mut found: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.variable, format!("{:?}", warning.effect)))
        .collect();
    let mut expected: Vec<_> = warned
        .iter()
        .map(|(variable, effect)| (*variable, format!("{effect:?}")))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{variables:?} {warnings:?}");
}
