//! Texts from outside stay texts.

use demo::Services;
use otlp::{Attribute, Event, Span, Status, Value};

use super::spans::{
    START, TRACE_HEX, all_between, check_taken, page, post_traces, request_of, server,
};
use crate::client::get;

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></style></svg></table><h1>x",
    "<!-- -->",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "a\0b\x1b[31mc\u{7f}\u{85}",
    "]]>--!><meta http-equiv=refresh content=0>",
];

/// Every text that a sender chooses.
fn send_everywhere(services: &Services, text: &str) {
    let strs = [text.as_bytes()];
    let attributes = [
        Attribute::Pair(text, Value::Str(text.as_bytes())),
        Attribute::Pair("strs", Value::Strs(&strs)),
    ];
    let events = [Event {
        time_unix_nanos: START,
        name: text,
        attributes: &attributes,
    }];
    let span = Span {
        name: &[text.as_bytes()],
        trace_state: text.as_bytes(),
        attributes: &attributes,
        events: &events,
        status: Status::Error(text),
        ..server(1)
    };
    let mut request = request_of(text, &[span]);
    // Another resource whose scope has the name as well.
    let scope = [&[0x0a, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let mut items = Vec::new();
    otlp::append_span(
        &mut items,
        &Span {
            span_id: [2; 8],
            ..span
        },
    );
    let envelope = wrap(0x0a, &wrap(0x12, &[wrap(0x0a, &scope), items].concat()));
    request.extend(envelope);
    check_taken(&post_traces(services, &request));
}

fn wrap(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    assert!(len < 1 << 14);
    let low = u8::try_from(len & 0x7f).unwrap() | 0x80;
    let high = u8::try_from(len >> 7).unwrap();
    [&[tag, low, high], body].concat()
}

fn tags(page: &str) -> Vec<&str> {
    all_between(page, "<", ">")
}

/// Lists are shown as JSON, which has escapes of its own.
fn without_lists(page: &str) -> String {
    let lines = page.lines();
    lines
        .filter(|line| !line.contains("<code>strs</code>"))
        .collect()
}

/// A page of a hostile text has the elements of a page of a harmless one.
#[test]
fn hostile_texts_are_shown() {
    let harmless = Services::start().unwrap();
    send_everywhere(&harmless, "harmless");
    for text in HOSTILE {
        let services = Services::start().unwrap();
        send_everywhere(&services, text);
        for target in ["/", &format!("/traces/{TRACE_HEX}")] {
            let found = page(&services, target);
            let expected = page(&harmless, target);
            assert!(expected.contains("harmless"), "{target}");
            assert_eq!(tags(&found), tags(&expected), "{target} {text}");
            assert!(!found.contains(text), "{target} {text}");
            let has_control = |c: char| c.is_control() && c != '\n';
            assert!(!found.contains(has_control), "{target} {text}");
            let shown = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;")
                .replace(|c: char| c.is_control(), "\u{fffd}");
            let times = without_lists(&found).matches(&shown).count();
            let expected = without_lists(&expected).matches("harmless").count();
            assert_eq!(times, expected, "{target} {text}");
        }
        let data = get(services.traces(), "/traces.json").json();
        let span = &data["traces"][0]["spans"][0];
        assert_eq!(span["name"], text);
        assert_eq!(span["service"], text);
        assert_eq!(span["status_message"], text);
        assert_eq!(span["attributes"][text], text);
        assert_eq!(span["events"][0]["name"], text);
        assert_eq!(data["traces"][0]["spans"][1]["scope"], text);
    }
}

#[test]
fn names_that_are_not_seen_can_be_clicked() {
    let services = Services::start().unwrap();
    send_everywhere(&services, " ");
    assert!(page(&services, "/").contains(">(no name)</a>"));
}
