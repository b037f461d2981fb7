//! The two forms of a line, and the way from a sink to the file.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use message::{MethodKind, Version};
use telemetry::access_log::{AccessLog, AccessRecord, Counts, End, Stopped};
use telemetry::metrics::Sheet;
use telemetry::plan::{AccessLogField, AccessLogFormat};

use crate::figures::PLAIN;
use crate::samples::{PATIENCE, eventually, plan, record, start};

/// What is written for one record.
fn line(format: AccessLogFormat, record: &AccessRecord<'_>) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let log = AccessLog::start(&plan(&path, format)).unwrap();
    let sink = log.sink();
    sink.record(record);
    drop(sink);
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
    fs::read(&path).unwrap()
}

#[track_caller]
fn check(format: AccessLogFormat, record: &AccessRecord<'_>, expected: &str) {
    assert_eq!(String::from_utf8(line(format, record)).unwrap(), expected);
}

#[test]
fn json_with_every_field() {
    check(
        AccessLogFormat::default(),
        &record(),
        concat!(
            r#"{"time":"1994-11-06T08:49:37.001Z","client_ip":"192.0.2.7","method":"GET","host":"api.example.com","#,
            r#""path":"/products/7","query":"v=2","protocol":"HTTP/1.1","status":200,"bytes_in":0,"bytes_out":1234,"#,
            r#""duration_ms":12.345,"upstream_ms":9.007,"route":"products","upstream":"products","#,
            r#""endpoint":"127.0.0.1:9000","tries":1,"request_id":"0123456789abcdef0123456789abcdef","#,
            r#""user_agent":"curl/8.5","referer":null,"end":"complete","trace_id":"30313233343536373839616263646566","span_id":"3031323334353637","listener":"web"}"#,
            "\n",
        ),
    );
}

#[test]
fn json_with_chosen_fields_in_their_order() {
    let fields = [
        AccessLogField::End,
        AccessLogField::Endpoint,
        AccessLogField::ClientIp,
        AccessLogField::UpstreamMs,
        AccessLogField::BytesOut,
        AccessLogField::DurationMs,
        AccessLogField::UserAgent,
        AccessLogField::Protocol,
    ];
    let record = AccessRecord {
        client_ip: "2001:db8::1".parse::<IpAddr>().unwrap(),
        endpoint: Some("[2001:db8::2]:80".parse().unwrap()),
        upstream_duration: None,
        bytes_out: u64::MAX,
        duration: Duration::from_nanos(999),
        user_agent: Some(b"a\"b\\c\n\r\t\x01\x1b\x7f\xff\xc3\xa9"),
        protocol: Version::Http10,
        end: End::UpstreamCut,
        ..record()
    };
    check(
        AccessLogFormat::Json(fields.to_vec()),
        &record,
        concat!(
            r#"{"end":"upstream_cut","endpoint":"[2001:db8::2]:80","client_ip":"2001:db8::1","upstream_ms":null,"#,
            r#""bytes_out":18446744073709551615,"duration_ms":0.000,"#,
            r#""user_agent":"a\"b\\c\n\r\t\u0001\u001b\u007f"#,
            "\u{fffd}é",
            r#"","protocol":"HTTP/1.0"}"#,
            "\n",
        ),
    );
}

#[test]
fn combined() {
    check(
        AccessLogFormat::Combined,
        &record(),
        "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /products/7?v=2 HTTP/1.1\" 200 1234 \"-\" \"curl/8.5\"\n",
    );
    let hostile = AccessRecord {
        query: None,
        user_agent: Some(b"a\"b\\c\n\x1b[2J\xc3\xa9"),
        referer: Some(b"http://example.com/"),
        ..record()
    };
    check(
        AccessLogFormat::Combined,
        &hostile,
        "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /products/7 HTTP/1.1\" 200 1234 \"http://example.com/\" \"a\\x22b\\x5Cc\\x0A\\x1B[2J\\xC3\\xA9\"\n",
    );
}

#[test]
fn no_request_is_too_long_for_a_line() {
    for byte in [b'a', b'"', 0, 0xff] {
        let text = vec![byte; 100_000];
        let name = "é".repeat(50_000);
        let long = AccessRecord {
            method: &text,
            method_label: MethodKind::Get.into(),
            host: &text,
            path: &text,
            query: Some(&text),
            request_id: &text,
            user_agent: Some(&text),
            referer: Some(&text),
            route: &name,
            upstream_name: Some(&name),
            listener: &name,
            ..record()
        };
        let json = line(AccessLogFormat::default(), &long);
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert!(value["user_agent"].as_str().unwrap().ends_with('…'));
        assert!(value["listener"].as_str().unwrap().ends_with("é…"));
        let combined = line(AccessLogFormat::Combined, &long);
        assert!(combined.ends_with(b"...\"\n"));
    }
}

#[test]
fn lines_of_many_workers_arrive_whole() {
    let (_dir, path, log) = start();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let sink = log.sink();
            std::thread::spawn(move || {
                for _ in 0..20_000 {
                    sink.record(&record());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let meter = log.meter();
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
    let text = fs::read_to_string(&path).unwrap();
    let expected = line(AccessLogFormat::default(), &record());
    assert!(
        text.lines()
            .all(|found| found.as_bytes() == expected.trim_ascii_end())
    );
    let lines = u64::try_from(text.lines().count()).unwrap();
    assert!(lines > 0);
    assert_eq!(meter.counts().lines_written, lines);
    assert_eq!(lines + meter.counts().lines_dropped, 80_000);
}

#[test]
fn a_flush_brings_a_quiet_log_up_to_date() {
    let (_dir, path, log) = start();
    let sink = log.sink();
    sink.flush();
    sink.record(&record());
    assert_eq!(fs::read(&path).unwrap(), b"");
    sink.flush();
    eventually("the line is in the file", || {
        !fs::read(&path).unwrap().is_empty()
    });
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
}

#[test]
fn what_is_recorded_after_the_stop_is_counted() {
    let (_dir, path, log) = start();
    let (sink, meter) = (log.sink(), log.meter());
    sink.record(&record());
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
    sink.record(&record());
    drop(sink);
    let expected = Counts {
        lines_written: 0,
        lines_dropped: 2,
        write_errors: 0,
    };
    assert_eq!(meter.counts(), expected);
    assert_eq!(fs::read(&path).unwrap(), b"");
    let mut sheet = Sheet::new();
    meter.collect(&mut sheet);
    let text = sheet.render(PLAIN);
    assert!(
        text.contains("\ntidegate_access_log_lines_total 0\n"),
        "{text}"
    );
    assert!(
        text.contains("\ntidegate_access_log_dropped_lines_total 2\n"),
        "{text}"
    );
    assert!(
        text.contains("\ntidegate_access_log_errors_total 0\n"),
        "{text}"
    );
}
