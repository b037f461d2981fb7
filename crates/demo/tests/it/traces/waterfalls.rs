//! Which bar stands where.

use demo::Services;
use otlp::{Attribute, Event, Span, Status, Value};
use serde_json::{Value as Json, json};

use super::spans::{MS, START, TRACE_HEX, all_between, client, data, page, send_spans, server};

/// Sends spans in this order and compares the rows: id, depth, left and width in per cent, whether the parent is missing.
#[track_caller]
fn check(spans: &[Span<'_>], expected: &[(u8, u64, &str, &str, bool)]) {
    let services = Services::start().unwrap();
    send_spans(&services, spans);
    check_rows(&services, expected);
}

#[track_caller]
fn check_rows(services: &Services, expected: &[(u8, u64, &str, &str, bool)]) {
    let data = data(services);
    let rows = data["traces"][0]["spans"].as_array().unwrap();
    let found: Vec<Json> = rows
        .iter()
        .map(|row| json!([row["span_id"], row["depth"], row["orphan"]]))
        .collect();
    let rows: Vec<Json> = expected
        .iter()
        .map(|(id, depth, _, _, orphan)| json!([format!("{id:02x}").repeat(8), depth, orphan]))
        .collect();
    assert_eq!(found, rows);

    let page = page(services, &format!("/traces/{TRACE_HEX}"));
    let bars: Vec<String> = expected
        .iter()
        .map(|(_, _, left, width, _)| format!("x=\"{left}%\" y=\"3\" width=\"{width}%\""))
        .collect();
    assert_eq!(all_between(&page, "<rect ", " height"), bars);
    let classes: Vec<String> = expected
        .iter()
        .map(|row| format!("d{}", row.1.min(8)))
        .collect();
    assert_eq!(all_between(&page, "<summary class=\"", "\""), classes);
}

#[test]
fn calls_stand_under_the_request() {
    let server = server(1);
    let failed = Span {
        status: Status::Error(""),
        ..client(2, 1, 10, 40)
    };
    let other = client(3, 1, 50, 90);
    let expected = [
        (1, 0, "0.00", "100.00", false),
        (2, 1, "10.00", "30.00", false),
        (3, 1, "50.00", "40.00", false),
    ];
    for spans in [
        [server, failed, other],
        [other, failed, server],
        [failed, server, other],
    ] {
        check(&spans, &expected);
    }
}

#[test]
fn calls_nest() {
    check(
        &[
            client(4, 3, 30, 35),
            client(5, 1, 60, 70),
            client(2, 1, 20, 50),
            server(1),
            client(3, 2, 25, 40),
        ],
        &[
            (1, 0, "0.00", "100.00", false),
            (2, 1, "20.00", "30.00", false),
            (3, 2, "25.00", "15.00", false),
            (4, 3, "30.00", "5.00", false),
            (5, 1, "60.00", "10.00", false),
        ],
    );
    let chain: Vec<Span<'_>> = (2..=50)
        .map(|id| client(id, id - 1, id.into(), 100))
        .collect();
    let services = Services::start().unwrap();
    send_spans(&services, &[&[server(1)][..], &chain].concat());
    let depths = data(&services);
    let depths = depths["traces"][0]["spans"].as_array().unwrap();
    let depths: Vec<u64> = depths
        .iter()
        .map(|row| row["depth"].as_u64().unwrap())
        .collect();
    assert_eq!(depths, (0..50).collect::<Vec<u64>>());
}

#[test]
fn clocks_may_differ() {
    // A call that began before and ended after the request: 200 ms in all.
    let around = Span {
        start_unix_nanos: START - 50 * MS,
        end_unix_nanos: START + 150 * MS,
        ..client(2, 1, 0, 0)
    };
    // A clock that was set back.
    let backwards = client(3, 1, 100, 20);
    check(
        &[server(1), around, backwards],
        &[
            (1, 0, "25.00", "50.00", false),
            (2, 1, "0.00", "100.00", false),
            (3, 1, "75.00", "0.20", false),
        ],
    );
    let services = Services::start().unwrap();
    send_spans(&services, &[server(1), backwards]);
    let found = &data(&services)["traces"][0]["spans"][1];
    assert_eq!(found["duration_nanos"], 0);
    assert_eq!(found["start_unix_nanos"], START + 100 * MS);
    assert_eq!(found["end_unix_nanos"], START + 20 * MS);
    let page = page(&services, &format!("/traces/{TRACE_HEX}"));
    assert_eq!(page.matches("before the start").count(), 1);
}

#[test]
fn times_may_be_missing_or_far_away() {
    let at = |start, end| Span {
        start_unix_nanos: start,
        end_unix_nanos: end,
        ..server(1)
    };
    for (start, end, left, width) in [
        (0, 0, "0.00", "0.20"),
        (START, START, "0.00", "0.20"),
        (START, 0, "0.00", "0.20"),
        (1, u64::MAX, "0.00", "100.00"),
        (u64::MAX, 0, "0.00", "0.20"),
    ] {
        check(&[at(start, end)], &[(1, 0, left, width, false)]);
    }
    // What has no time does not stretch what has.
    let without = Span {
        start_unix_nanos: 0,
        end_unix_nanos: 0,
        ..client(2, 1, 0, 0)
    };
    check(
        &[server(1), without],
        &[
            (1, 0, "0.00", "100.00", false),
            (2, 1, "0.00", "0.20", false),
        ],
    );
    // A moment at the very end is seen as well.
    check(
        &[server(1), client(2, 1, 100, 100)],
        &[
            (1, 0, "0.00", "100.00", false),
            (2, 1, "99.80", "0.20", false),
        ],
    );
}

#[test]
fn parents_may_come_late_or_never() {
    let services = Services::start().unwrap();
    let lost = client(4, 9, 60, 80);
    send_spans(&services, &[client(2, 1, 0, 50), lost]);
    check_rows(
        &services,
        &[
            (2, 0, "0.00", "62.50", true),
            (4, 0, "75.00", "25.00", true),
        ],
    );
    assert_eq!(data(&services)["traces"][0]["name"], "GET");
    send_spans(&services, &[server(1)]);
    check_rows(
        &services,
        &[
            (1, 0, "0.00", "100.00", false),
            (2, 1, "0.00", "50.00", false),
            (4, 0, "60.00", "20.00", true),
        ],
    );
    let data = data(&services);
    assert_eq!(data["traces"].as_array().unwrap().len(), 1);
    assert_eq!(data["traces"][0]["name"], "GET /products");
    let page = page(&services, &format!("/traces/{TRACE_HEX}"));
    assert_eq!(
        page.matches("0909090909090909, which is not shown above")
            .count(),
        1
    );
}

#[test]
fn circles_are_opened() {
    check(&[client(1, 1, 0, 10)], &[(1, 0, "0.00", "100.00", true)]);
    check(
        &[
            client(3, 2, 20, 30),
            client(2, 3, 0, 100),
            server(1),
            client(4, 2, 40, 50),
        ],
        &[
            (1, 0, "0.00", "100.00", false),
            (2, 0, "0.00", "100.00", true),
            (3, 1, "20.00", "10.00", false),
            (4, 1, "40.00", "10.00", false),
        ],
    );
}

#[test]
fn failures_and_events_are_marked() {
    let details = [Attribute::Pair("reason", Value::Str(b"connect"))];
    let events = [Event {
        time_unix_nanos: START + 25 * MS,
        name: "retry",
        attributes: &details,
    }];
    let served = Span {
        attributes: &[Attribute::Pair(
            "http.response.status_code",
            Value::Int(503),
        )],
        events: &events,
        status: Status::Error("no upstream"),
        ..server(1)
    };
    let failed = Span {
        status: Status::Error(""),
        ..client(2, 1, 10, 40)
    };
    let services = Services::start().unwrap();
    let fine = Span {
        status: Status::Ok,
        ..client(3, 1, 50, 90)
    };
    send_spans(&services, &[served, failed, fine]);

    let data = data(&services);
    let trace = &data["traces"][0];
    assert_eq!(trace["status"], "error");
    assert_eq!(trace["status_code"], 503);
    assert_eq!(trace["failed_spans"], 2);
    let of = |key: &str| -> Vec<&Json> {
        let rows = trace["spans"].as_array().unwrap();
        rows.iter().map(|row| &row[key]).collect()
    };
    assert_eq!(of("status"), ["error", "error", "ok"]);
    assert_eq!(of("kind"), ["server", "client", "client"]);
    assert_eq!(of("status_message"), ["no upstream", "", ""]);
    let event = json!({
        "name": "retry",
        "time_unix_nanos": START + 25 * MS,
        "attributes": { "reason": "connect" },
        "dropped_attributes": 0,
    });
    assert_eq!(trace["spans"][0]["events"], json!([event]));

    let page = page(&services, &format!("/traces/{TRACE_HEX}"));
    let classes = all_between(&page, "<li class=\"", "\"");
    assert_eq!(classes, ["server error", "client error", "client"]);
    let marks = all_between(&page, "<line ", " y1");
    assert_eq!(marks, ["x1=\"25.00%\" x2=\"25.00%\""]);
    let shown = [
        "no upstream",
        "<span class=\"name\">retry</span> <span class=\"quiet\">after 25.0 ms</span>",
        "<code>reason</code><td>connect",
        "<code>http.response.status_code</code><td>503",
    ];
    for text in shown {
        assert_eq!(page.matches(text).count(), 1, "{text}");
    }
    let list = super::spans::page(&services, "/");
    assert!(list.contains("<td class=\"failed\">503 error<td"), "{list}");
    assert!(
        list.contains("3, <span class=\"failed\">2 failed</span>"),
        "{list}"
    );
}
