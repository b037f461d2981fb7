//! Values of headers, passwords and queries are shown nowhere.

use proptest::prelude::*;

use super::read;

/// Not a part of anything else that is printed.
const SECRET: &str = "hunter2";

#[track_caller]
fn check_hidden(variable: &str, value: &str) {
    let (environment, warnings) = read(&[(variable, value)]);
    let mut shown = format!("{warnings:?} {:?}", environment.otlp.traces.headers);
    for warning in &warnings {
        shown.push_str(&warning.to_string());
    }
    assert!(!shown.contains(SECRET), "{value}: {shown}");
}

#[test]
fn header_values_are_hidden() {
    for value in [
        "authorization=hunter2",
        "authorization=Bearer hunter2",
        "authorization=hunter2%",
        "authorization=hunter2;q=1",
        "authorization=\"hunter2\"",
        "authorization=é hunter2",
        "authorization=%0Ahunter2",
        // The rest of a value with a comma.
        "authorization=a,hunter2",
        "authorization=a,b hunter2=c",
        "authorization: hunter2",
        "Bearer hunter2",
        "=hunter2",
    ] {
        check_hidden("OTEL_EXPORTER_OTLP_HEADERS", value);
        check_hidden("OTEL_EXPORTER_OTLP_TRACES_HEADERS", value);
    }
    let long = format!("authorization={}hunter2", "x".repeat(64 << 10));
    check_hidden("OTEL_EXPORTER_OTLP_HEADERS", &long);
    let many = "authorization=hunter2,".repeat(2_000);
    check_hidden("OTEL_EXPORTER_OTLP_HEADERS", &many);
}

#[test]
fn credentials_in_urls_are_hidden() {
    for value in [
        "http://user:hunter2@c:1",
        "http://hunter2@c:1",
        "http://user:hunter2@",
        "http://user:a@hunter2@c:x",
        "http://user:a/hunter2@c",
        "http://user:a?hunter2@c",
        "http://user:a#hunter2@c",
        "http://user:a b hunter2@c",
        "ftp://user:hunter2@c",
        "user:hunter2@c:1",
        "hunter2@",
        "user:hunter2@c://d",
        "c?key=hunter2://d",
        "ftp://c?key=hunter2",
        "c?key=hunter2",
        "ftp://c#hunter2",
        "http://user@c?key=hunter2",
    ] {
        let (_, warnings) = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", value)]);
        assert!(!warnings.is_empty(), "{value}");
        assert!(
            !format!("{warnings:?}").contains(SECRET),
            "{value}: {warnings:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_form_of_a_header_shows_its_value(before in "[ -~é\t]{0,6}", after in "[ -~é\t]{0,6}") {
        let value = format!("authorization={before}hunter2{after}");
        // Behind a comma and before `=` it would be a name.
        prop_assume!(!before.contains(',') || !after.contains('='));
        check_hidden("OTEL_EXPORTER_OTLP_HEADERS", &value);
    }
}
