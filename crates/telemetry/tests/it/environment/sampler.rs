//! `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

use telemetry::environment::{Effect, Environment, RootSampler, Sampler};

use super::check;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

fn sampler(found: &Environment) -> Sampler {
    found.sampler
}

#[test]
fn ratios_are_from_0_to_1() {
    for (argument, ratio, is_warned) in [
        ("0.25", 0.25, false),
        ("0", 0.0, false),
        ("1", 1.0, false),
        ("1.0", 1.0, false),
        ("1e-3", 0.001, false),
        (".5", 0.5, false),
        ("", 1.0, false),
        ("-0.1", 1.0, true),
        ("1.0001", 1.0, true),
        ("NaN", 1.0, true),
        ("inf", 1.0, true),
        ("25%", 1.0, true),
        ("0,25", 1.0, true),
        (" 0.25", 1.0, true),
        ("x", 1.0, true),
    ] {
        let warnings = [(ARGUMENT, Effect::Ignored)];
        let warned: &[_] = if is_warned { &warnings } else { &[] };
        let root = RootSampler::TraceIdRatio(ratio);
        let written = [(SAMPLER, "traceidratio"), (ARGUMENT, argument)];
        check(&written, sampler, Sampler::Root(root), warned);
        let written = [(SAMPLER, "parentbased_traceidratio"), (ARGUMENT, argument)];
        check(&written, sampler, Sampler::ParentBased(root), warned);
    }
    let written = [(SAMPLER, "traceidratio"), (ARGUMENT, "-0")];
    check(
        &written,
        |found| format!("{:?}", found.sampler),
        "Root(TraceIdRatio(0.0))".to_owned(),
        &[],
    );
}

#[test]
fn the_argument_counts_only_for_a_sampler_that_takes_one() {
    let default = Sampler::ParentBased(RootSampler::AlwaysOn);
    let (ignored, unsupported) = (Effect::Ignored, Effect::Unsupported);
    for (name, argument, expected, warned) in [
        ("", "", default, vec![]),
        ("", "0.25", default, vec![(ARGUMENT, ignored)]),
        ("", "x", default, vec![(ARGUMENT, ignored)]),
        (
            "always_on",
            "0.25",
            Sampler::Root(RootSampler::AlwaysOn),
            vec![(ARGUMENT, ignored)],
        ),
        (
            "parentbased_always_off",
            "0.25",
            Sampler::ParentBased(RootSampler::AlwaysOff),
            vec![(ARGUMENT, ignored)],
        ),
        // A sampler that is refused is not set, and is told about alone.
        ("nonesuch", "0.25", default, vec![(SAMPLER, ignored)]),
        ("xray", "0.25", default, vec![(SAMPLER, unsupported)]),
        ("XRay", "", default, vec![(SAMPLER, unsupported)]),
        (
            "jaeger_remote",
            "endpoint=http://localhost:14250,pollingIntervalMs=5000,initialSamplingRate=0.25",
            default,
            vec![(SAMPLER, unsupported)],
        ),
        (
            "parentbased_jaeger_remote",
            "",
            default,
            vec![(SAMPLER, unsupported)],
        ),
    ] {
        check(
            &[(SAMPLER, name), (ARGUMENT, argument)],
            sampler,
            expected,
            &warned,
        );
    }
}
