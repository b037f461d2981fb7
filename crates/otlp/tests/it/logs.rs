//! Log records.

use opentelemetry_proto::tonic::logs::v1 as proto;
use otlp::{LogRecord, Severity, append_log_record};
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

use crate::support::{Lent, OwnedValue, Pair, assert_same, expected, id, pairs};

#[derive(Clone, Debug)]
pub(crate) struct OwnedRecord {
    times: (u64, u64),
    severity: Severity,
    severity_text: String,
    body: OwnedValue,
    attributes: Vec<Pair>,
    ids: (Option<[u8; 16]>, Option<[u8; 8]>),
    flags: u32,
    event_name: String,
}

impl OwnedRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let lent = Lent::new(&self.attributes);
        let mut out = b"before".to_vec();
        append_log_record(
            &mut out,
            &LogRecord {
                time_unix_nanos: self.times.0,
                observed_unix_nanos: self.times.1,
                severity: self.severity,
                severity_text: &self.severity_text,
                body: self.body.lend(&self.body.texts()),
                attributes: &lent.attributes(),
                trace_id: self.ids.0,
                span_id: self.ids.1,
                flags: self.flags,
                event_name: &self.event_name,
            },
        );
        out.strip_prefix(b"before").unwrap().to_vec()
    }

    fn expected(&self) -> proto::LogRecord {
        proto::LogRecord {
            time_unix_nano: self.times.0,
            observed_time_unix_nano: self.times.1,
            severity_number: self.severity.number().into(),
            severity_text: self.severity_text.clone(),
            body: Some(self.body.expected()),
            attributes: expected(&self.attributes),
            dropped_attributes_count: 0,
            flags: self.flags,
            trace_id: self.ids.0.map(Vec::from).unwrap_or_default(),
            span_id: self.ids.1.map(Vec::from).unwrap_or_default(),
            event_name: self.event_name.clone(),
        }
    }
}

pub(crate) fn any_record() -> impl Strategy<Value = OwnedRecord> {
    let body = pairs().prop_map(|mut pairs| {
        let pair = pairs.pop();
        pair.map_or(OwnedValue::Str(Vec::new()), |pair| pair.value)
    });
    let severity = (1_u8..=24).prop_map(|number| Severity::new(number).unwrap());
    (
        (any::<(u64, u64)>(), severity, "[A-Z]{0,9}"),
        (body, pairs()),
        (option::of(id()), option::of(id()), any::<u32>()),
        "[a-z.]{0,30}",
    )
        .prop_map(
            |((times, severity, severity_text), (body, attributes), ids, event_name)| OwnedRecord {
                times,
                severity,
                severity_text,
                body,
                attributes,
                ids: (ids.0, ids.1),
                flags: ids.2,
                event_name,
            },
        )
}

proptest! {
    #[test]
    fn any_record_is_decoded_as_it_was(record in any_record()) {
        let scope = proto::ScopeLogs::decode(&record.encode()[..]).unwrap();
        assert_same(&scope.log_records, &vec![record.expected()]);
    }
}

/// Byte for byte what `prost` writes: fields in order, lengths as short as they can be, nothing that is its default.
#[test]
fn the_bytes_are_those_of_another_encoder() {
    let bare = OwnedRecord {
        times: (0, 0),
        severity: Severity::TRACE,
        severity_text: String::new(),
        body: OwnedValue::Str(b"body".to_vec()),
        attributes: Vec::new(),
        ids: (None, None),
        flags: 0,
        event_name: String::new(),
    };
    let full = OwnedRecord {
        times: (1, 2),
        severity: Severity::FATAL,
        severity_text: "FATAL".to_owned(),
        body: OwnedValue::Str(vec![b'b'; 20_000]),
        attributes: vec![Pair {
            key: "a".to_owned(),
            value: OwnedValue::Int(300),
            is_encoded: false,
        }],
        ids: (Some([1; 16]), Some([2; 8])),
        flags: 1,
        event_name: "an.event".to_owned(),
    };
    for record in [bare, full] {
        let scope = proto::ScopeLogs {
            log_records: vec![record.expected()],
            ..proto::ScopeLogs::default()
        };
        assert_eq!(
            record.encode(),
            scope.encode_to_vec(),
            "{:?}",
            record.severity
        );
    }
}

#[test]
fn severities() {
    for (severity, number) in [
        (Severity::TRACE, 1),
        (Severity::DEBUG, 5),
        (Severity::INFO, 9),
        (Severity::WARN, 13),
        (Severity::ERROR, 17),
        (Severity::FATAL, 21),
    ] {
        assert_eq!(severity.number(), number);
        assert_eq!(Severity::new(number), Some(severity));
    }
    for number in [0, 25, 255] {
        assert_eq!(Severity::new(number), None, "{number}");
    }
    assert_eq!(Severity::new(24).map(Severity::number), Some(24));
}
