//! Whatever bytes a client sends, a line is one JSON object.

use std::fs;
use std::time::{Duration, SystemTime};

use message::MethodKind;
use proptest::collection::vec;
use proptest::prelude::*;
use telemetry::access_log::{AccessRecord, Stopped};
use telemetry::plan::AccessLogField;

use crate::samples::{PATIENCE, record, start};

/// Bytes as they come, and bytes that need care.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(
            prop::sample::select(b"\"\\\n\r\t\x00\x1f\x7f\x80\xc3\xa9\xe2\xf0\xff{}u/".to_vec()),
            0..200
        ),
        ".{0,50}".prop_map(String::into_bytes),
        // Around the length at which text is cut.
        ("[aé\"\x01]", 6_000..6_300_usize)
            .prop_map(|(text, count)| text.repeat(count).into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_lines_parse(
        texts in vec(text(), 7),
        names in vec(".{0,40}", 3),
        numbers in any::<(u64, u64, u16, u32)>(),
        millis in 0..10_000_000_000_000_u64,
    ) {
        let (_dir, path, log) = start();
        let sink = log.sink();
        let record = AccessRecord {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(millis),
            method: &texts[0],
            method_label: MethodKind::Get.into(),
            host: &texts[1],
            path: &texts[2],
            query: Some(&texts[3]),
            request_id: &texts[4],
            user_agent: Some(&texts[5]),
            referer: Some(&texts[6]),
            route: &names[0],
            upstream_name: Some(&names[1]),
            listener: &names[2],
            bytes_in: numbers.0,
            duration: Duration::from_nanos(numbers.1),
            status: numbers.2,
            tries: numbers.3,
            ..record()
        };
        sink.record(&record);
        drop(sink);
        prop_assert_eq!(log.stop(PATIENCE), Stopped::Flushed);

        let written = fs::read(&path).unwrap();
        let body = written.strip_suffix(b"\n").unwrap();
        prop_assert!(!body.contains(&b'\n'));
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        for (name, _) in AccessLogField::ALL {
            prop_assert!(value.get(name).is_some(), "{}", name);
        }
        prop_assert_eq!(value["bytes_in"].as_u64(), Some(numbers.0));
        prop_assert_eq!(value["status"].as_u64(), Some(u64::from(numbers.2)));
        prop_assert_eq!(value["route"].as_str(), Some(names[0].as_str()));
        if texts[2].len() < 1000 {
            let expected = String::from_utf8_lossy(&texts[2]).into_owned();
            prop_assert_eq!(value["path"].as_str(), Some(expected.as_str()));
        }
    }
}
