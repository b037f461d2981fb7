//! What pages and data look like from outside.

use base64::Engine as _;
use demo::Services;
use otlp::{Attribute, Span, Value};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::spans::{
    MS, START, TRACE, TRACE_HEX, all_between, client, data, page, send_spans, server,
};
use crate::client::{Request, get, send};

#[test]
fn the_list_shows_the_newest_first() {
    let services = Services::start().unwrap();
    assert!(page(&services, "/").contains("No traces yet"));
    let empty = json!({
        "traces": [],
        "received_spans": 0,
        "invalid_spans": 0,
        "dropped_spans": 0,
        "dropped_traces": 0,
        "refused_requests": 0,
    });
    assert_eq!(data(&services), empty);

    send_spans(&services, &[server(1), client(2, 1, 10, 40)]);
    let second = Span {
        trace_id: [0xab; 16],
        name: &[b"POST /api"],
        attributes: &[Attribute::Pair(
            "http.response.status_code",
            Value::Int(201),
        )],
        start_unix_nanos: START - 5_000 * MS,
        end_unix_nanos: START - 5_000 * MS + 1_234_567,
        ..server(3)
    };
    send_spans(&services, &[second]);

    let list = page(&services, "/");
    let second_hex = "ab".repeat(16);
    assert_eq!(
        all_between(&list, "<tr><td>", "\n"),
        [
            format!(
                "<time>2025-10-09T08:53:15.000Z</time><td><a href=\"traces/{second_hex}\">POST /api</a>\
                 <td>tidegate<td>201<td class=\"number\">1.23 ms<td class=\"number\">1"
            ),
            format!(
                "<time>2025-10-09T08:53:20.000Z</time><td><a href=\"traces/{TRACE_HEX}\">GET /products</a>\
                 <td>tidegate<td>unset<td class=\"number\">100 ms<td class=\"number\">2"
            ),
        ]
    );
    assert!(list.contains("3 spans received"));
    let data = data(&services);
    let names: Vec<_> = data["traces"].as_array().unwrap().iter().collect();
    assert_eq!(names[0]["trace_id"], *second_hex);
    assert_eq!(names[1]["trace_id"], TRACE_HEX);
    assert_eq!(names[1]["service"], "tidegate");
    assert_eq!(names[1]["start"], "2025-10-09T08:53:20.000Z");
    assert_eq!(names[1]["start_unix_nanos"], START);
    assert_eq!(names[1]["duration_nanos"], 100 * MS);
    assert_eq!(names[1]["spans"][1]["scope"], "proxy");
    assert_eq!(data["received_spans"], 3);
}

#[test]
fn pages_run_nothing_and_load_nothing() {
    let services = Services::start().unwrap();
    send_spans(&services, &[server(1)]);
    let trace = format!("/traces/{TRACE_HEX}");
    for (target, refreshes) in [("/", 1), (&*trace, 0), ("/none", 0)] {
        let response = get(services.traces(), target);
        let page = response.text();
        assert_eq!(
            response.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(response.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.field("cache-control"), Some("no-store"));
        let styles = all_between(page, "<style>", "</style>");
        assert_eq!(styles.len(), 1, "{target}");
        let hash = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(styles[0]));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        assert_eq!(response.field("content-security-policy"), Some(&*policy));
        let refresh = "<meta http-equiv=\"refresh\" content=\"5\">";
        assert_eq!(page.matches(refresh).count(), refreshes, "{target}");
        assert_eq!(page.matches("http-equiv").count(), refreshes, "{target}");
        for foreign in [
            "<script", "style=", "src=", "http:", "https:", "@import", "url(",
        ] {
            assert!(!page.contains(foreign), "{target}: {foreign}");
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let services = Services::start().unwrap();
    send_spans(&services, &[server(1)]);
    let list = page(&services, "/");
    let links = all_between(&list, "href=\"", "\"");
    assert_eq!(links, ["traces.json", &*format!("traces/{TRACE_HEX}")]);
    for link in links {
        assert_eq!(get(services.traces(), &format!("/{link}")).status, 200);
    }
    let trace = page(&services, &format!("/traces/{TRACE_HEX}"));
    assert_eq!(all_between(&trace, "href=\"", "\""), ["../"]);
    let upper = format!("/traces/{}?a=b", TRACE_HEX.to_uppercase());
    assert_eq!(page(&services, &upper), trace);
}

#[test]
fn values_keep_their_types() {
    let nested = [
        b"\x0a\x03map\x12".as_slice(),
        // {"a": [true, nothing], "b": "c"}
        b"\x1d\x32\x1b\x0a\x0f\x0a\x01a\x12\x0a\x2a\x08\x0a\x02\x10\x01\x0a\x00\x12\x00\x0a\x08\x0a\x01b\x12\x03\x0a\x01c",
    ]
    .concat();
    let attributes = [
        Attribute::Pair("str", Value::Str("ä".as_bytes())),
        Attribute::Pair("invalid", Value::Str(b"a\xff")),
        Attribute::Pair("bool", Value::Bool(true)),
        Attribute::Pair("int", Value::Int(i64::MIN)),
        Attribute::Pair("double", Value::Double(0.5)),
        Attribute::Pair("nan", Value::Double(f64::NAN)),
        Attribute::Pair("bytes", Value::Bytes(b"\x00\xff")),
        Attribute::Pair("strs", Value::Strs(&[b"a", b"<b>"])),
        Attribute::Encoded(&nested),
        Attribute::Encoded(b"\x0a\x05empty"),
    ];
    let services = Services::start().unwrap();
    let span = Span {
        attributes: &attributes,
        dropped_attributes: 7,
        dropped_events: 8,
        ..server(1)
    };
    send_spans(&services, &[span]);
    let found = &data(&services)["traces"][0]["spans"][0];
    let expected = json!({
        "str": "ä",
        "invalid": "a\u{fffd}",
        "bool": true,
        "int": i64::MIN,
        "double": 0.5,
        "nan": "NaN",
        "bytes": "00ff",
        "strs": ["a", "<b>"],
        "map": { "a": [true, null], "b": "c" },
        "empty": null,
    });
    assert_eq!(found["attributes"], expected);
    assert_eq!(found["dropped_attributes"], 7);
    assert_eq!(found["dropped_events"], 8);
    let page = page(&services, &format!("/traces/{TRACE_HEX}"));
    for text in [
        "<code>strs</code><td>[&quot;a&quot;,&quot;&lt;b&gt;&quot;]",
        "<code>nan</code><td>NaN",
        "<code>empty</code><td>null",
        "7 more attributes dropped",
        "8 more events dropped",
    ] {
        assert_eq!(page.matches(text).count(), 1, "{text}");
    }
}

#[test]
fn other_paths_are_not_found() {
    let services = Services::start().unwrap();
    send_spans(&services, &[server(1)]);
    let long = format!("/traces/{TRACE_HEX}0");
    let plus = format!("/traces/+{}", TRACE_HEX.split_at(1).1);
    for target in [
        "/none",
        "/traces",
        "/traces/",
        "/traces/00000000000000000000000000000001",
        "/traces/0102",
        &long,
        &plus,
        "/traces.json/",
        "/v1/traces/",
        "//",
    ] {
        let response = get(services.traces(), target);
        assert_eq!(response.status, 404, "{target}");
        assert!(response.text().contains("<h1>Not found</h1>"), "{target}");
    }
}

#[test]
fn other_methods_are_refused() {
    let services = Services::start().unwrap();
    let trace = format!("DELETE /traces/{TRACE_HEX}");
    for line in ["POST /", "PUT /traces.json", "OPTIONS /", &trace] {
        let request = Request {
            line,
            fields: "",
            body: "",
        };
        let response = send(services.traces(), request);
        assert_eq!(response.status, 405, "{line}");
        assert_eq!(response.field("allow"), Some("GET, HEAD"), "{line}");
    }
}

#[test]
fn head_is_answered_without_body() {
    let services = Services::start().unwrap();
    send_spans(&services, &[server(1)]);
    let trace = format!("/traces/{TRACE_HEX}");
    for (target, status) in [
        ("/", 200),
        ("/traces.json", 200),
        (&*trace, 200),
        ("/none", 404),
    ] {
        let line = &format!("HEAD {target}");
        let request = Request {
            line,
            fields: "",
            body: "",
        };
        let response = send(services.traces(), request);
        let whole = get(services.traces(), target);
        assert_eq!(response.status, status, "{target}");
        let length = whole.body.len().to_string();
        assert_eq!(response.field("content-length"), Some(&*length), "{target}");
        assert_eq!(response.body, b"", "{target}");
    }
}

#[test]
fn durations_have_the_unit_that_fits() {
    for (nanos, shown) in [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (12_345, "12.3 µs"),
        (999_000, "999 µs"),
        (1_000_000, "1.00 ms"),
        (123_456_789, "123 ms"),
        (1_500_000_000, "1.50 s"),
        (3_600_000_000_000, "3600 s"),
    ] {
        let services = Services::start().unwrap();
        let span = Span {
            trace_id: TRACE,
            end_unix_nanos: START + nanos,
            ..server(1)
        };
        send_spans(&services, &[span]);
        let list = page(&services, "/");
        let cell = format!("<td class=\"number\">{shown}<td");
        assert!(list.contains(&cell), "{shown}: {list}");
    }
}
