//! `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` (resource SDK, specifying resource information).

use telemetry::environment::{Effect, Environment};

use super::check;

const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE: &str = "OTEL_SERVICE_NAME";

/// `key=value` with bars between.
fn resource(found: &Environment) -> String {
    let pairs: Vec<_> = found
        .resource
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join("|")
}

#[test]
fn attributes_are_pairs_percent_decoded() {
    for (value, expected) in [
        ("k=v", "k=v"),
        ("k=v,k2=v2", "k=v|k2=v2"),
        (" k = v ,\tk2\t=\tv2 ", "k=v|k2=v2"),
        ("k=", "k="),
        ("k=a%2Cb%3Dc", "k=a,b=c"),
        ("a%2Cb%3D=v", "a,b==v"),
        ("k=%C3%A9,k2=é", "k=é|k2=é"),
        ("k=%20v%20", "k= v "),
        ("k=a+b", "k=a+b"),
        ("k=a b", "k=a b"),
        ("k=a=b", "k=a=b"),
        ("k=1,j=2,k=3", "k=3|j=2"),
        ("k=v,", "k=v"),
        (",,k=v, ,", "k=v"),
        (",", ""),
    ] {
        check(&[(ATTRIBUTES, value)], resource, expected.to_owned(), &[]);
    }
}

#[test]
fn any_fault_discards_the_whole_value() {
    for malformed in [
        "k", "=v", " =v", "%zz=v", "k=%", "k=%4", "k=%4g", "k=%FF", "%C3=v", "k=v;%",
    ] {
        for value in [
            malformed.to_owned(),
            format!("a=b,{malformed}"),
            format!("{malformed},service.name=shop"),
        ] {
            let part = |found: &Environment| (found.service_name.clone(), resource(found));
            let warned = [(ATTRIBUTES, Effect::Ignored)];
            check(
                &[(ATTRIBUTES, &value)],
                part,
                (None, String::new()),
                &warned,
            );
        }
    }
}

#[test]
fn the_service_name_variable_wins() {
    let part = |found: &Environment| {
        let name = found.service_name.as_deref().unwrap_or("-");
        format!("{name}: {}", resource(found))
    };
    let listed = "service.name=b,k=v";
    for (variables, expected) in [
        (vec![(SERVICE, "a")], "a: "),
        (vec![(ATTRIBUTES, listed)], "b: k=v"),
        (vec![(SERVICE, "a"), (ATTRIBUTES, listed)], "a: k=v"),
        (vec![(SERVICE, ""), (ATTRIBUTES, listed)], "b: k=v"),
        (
            vec![(ATTRIBUTES, "service.name=b,k=v,service.name=c")],
            "c: k=v",
        ),
        (vec![(ATTRIBUTES, "service.name=")], "-: "),
        (vec![(ATTRIBUTES, "service%2Ename=b%20c")], "b c: "),
        (vec![(ATTRIBUTES, "Service.Name=b")], "-: Service.Name=b"),
        // Only the list is percent-encoded.
        (vec![(SERVICE, "a%20b,c=d")], "a%20b,c=d: "),
    ] {
        check(&variables, part, expected.to_owned(), &[]);
    }
    let variables = [(SERVICE, "a"), (ATTRIBUTES, "k")];
    check(
        &variables,
        part,
        "a: ".to_owned(),
        &[(ATTRIBUTES, Effect::Ignored)],
    );
}
