//! Every request of `tests/data/http1/cases.jsonl` through the gateway: what is ambiguous must not reach an origin, what is
//! valid must. `tests/clients/http1_cases.py` sends, records and judges.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::{Process, SOON, Tidegate, client_file, config_forwarding_to, python, repository};

/// Pairs of gateway and origin, one case at a time on each: enough that a run lasts seconds, few enough for two CPUs.
const PAIRS: usize = 12;

/// Verdicts that no case may get.
const UNWANTED: [&str; 9] = [
    "SMUGGLE",
    "SPLIT",
    "HAZARD",
    "FRAMING-DIFF",
    "REFUSED",
    "LOST",
    "ODD",
    "PASS-hang",
    "PASS-open",
];

/// Cases where Tidegate decides otherwise than the data expects: id, verdict, why.
const DECISIONS: &[(&str, &str, &str)] = &[
    ("h1-267", "REFUSED", ENCODED_SLASH),
    ("h1-268", "REFUSED", ENCODED_SLASH),
    ("h1-286", "REFUSED", MALFORMED_ESCAPE),
    ("h1-291", "REFUSED", MALFORMED_ESCAPE),
    ("h1-292", "REFUSED", MALFORMED_ESCAPE),
    ("h1-293", "REFUSED", MALFORMED_ESCAPE),
    ("h1-294", "REFUSED", MALFORMED_ESCAPE),
    (
        "h1-297",
        "REFUSED",
        "`%00` cuts the path for origins written in C: refused by default",
    ),
    ("h1-338", "REFUSED", ESCAPED_HOST),
    ("h1-384", "REFUSED", ESCAPED_HOST),
];
const ENCODED_SLASH: &str =
    "`%2F` splits segments for some origins and not for others: refused by default";
const MALFORMED_ESCAPE: &str =
    "`%` without two hex digits is no URI (RFC 3986 2.1), and origins repair it in several ways";
const ESCAPED_HOST: &str =
    "no host of DNS holds an escape, and a route for its decoded form would be passed by";

#[test]
fn no_case_smuggles_and_no_valid_case_is_refused() {
    let Some(python) = python() else {
        return;
    };
    let mut command = Command::new(python);
    command
        .arg(client_file("http1_cases.py"))
        .arg(repository().join("tests/data/http1/cases.jsonl"))
        .args(["--origins", &PAIRS.to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let mut runner = Process::spawn_with_input(command).expect("python starts");
    let ports = origin_ports(&runner);
    let gateways: Vec<_> = ports
        .iter()
        .map(|port| Tidegate::start(config(*port)))
        .collect();
    let addrs: Vec<_> = gateways
        .iter()
        .map(|gateway| gateway.addr("web").to_string())
        .collect();
    runner
        .send_line(&addrs.join(" "))
        .expect("the runner reads the gateways' addresses");
    let report = report(&runner, Duration::from_secs(120));
    check(&report);
}

/// Retries would hide from the origin's record what the client's bytes became.
fn config(origin_port: u16) -> String {
    config_forwarding_to(([127, 0, 0, 1], origin_port).into()).replace(
        "forward: { upstream: origin }",
        "forward: { upstream: origin, timeout: 3s, retries: { max: 0 } }",
    )
}

#[track_caller]
fn origin_ports(runner: &Process) -> Vec<u16> {
    let ports = runner.stdout().wait_for(SOON, |line| {
        let ports = line.strip_prefix("origins ")?;
        ports.split(' ').map(|port| port.parse().ok()).collect()
    });
    match ports {
        Some(ports) => ports,
        None => panic!("the runner: {}", runner.stderr().text()),
    }
}

#[track_caller]
fn report(runner: &Process, limit: Duration) -> Value {
    let report = runner.stdout().wait_for(limit, |line| {
        line.starts_with('{')
            .then(|| serde_json::from_str(line).ok())?
    });
    match report {
        Some(report) => report,
        None => panic!("the runner: {}", runner.stderr().text()),
    }
}

#[track_caller]
fn check(report: &Value) {
    let cases = report["cases"].as_array().expect("a list of cases");
    let text = |case: &Value, key: &str| case[key].as_str().unwrap_or_default().to_owned();
    let unwanted: Vec<_> = cases
        .iter()
        .filter(|case| UNWANTED.contains(&text(case, "verdict").as_str()))
        .collect();
    let undecided: Vec<_> = unwanted
        .iter()
        .filter(|case| {
            let (id, verdict) = (text(case, "id"), text(case, "verdict"));
            !DECISIONS
                .iter()
                .any(|decision| (decision.0, decision.1) == (&id, &verdict))
        })
        .map(|case| format!("{case:#}"))
        .collect();
    assert!(
        undecided.is_empty(),
        "{} cases: {}\n{}",
        report["total"],
        report["verdicts"],
        undecided.join("\n")
    );
    // A decision that no case needs is a leftover.
    let met: BTreeSet<_> = unwanted.iter().map(|case| text(case, "id")).collect();
    for (id, _, why) in DECISIONS {
        assert!(
            met.contains(*id),
            "{id} passes; the decision is not needed: {why}"
        );
    }
    assert_eq!(report["total"], 508, "all cases ran");
}
