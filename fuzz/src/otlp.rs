//! What holds for any bytes that a peer sends as a request or as an answer. Panics when a property breaks. A file apart from
//! `lib.rs`: the crate it is about replays its inputs itself.

use otlp::{
    PartialSuccess, Signal, append_json, count_items, decode_response, decode_response_json,
    decode_status, decode_status_json,
};

/// Bytes of text that are kept of an answer.
const TEXT_MAX: usize = 1024;

/// Requests are refused or written as JSON that is bounded; answers are refused or read as text that is bounded.
pub fn otlp(data: &[u8]) {
    for signal in Signal::ALL {
        request(signal, data);
        let answers = [
            decode_response(signal, data),
            decode_response_json(signal, data),
        ];
        answers.into_iter().flatten().flatten().for_each(partial);
    }
    let statuses = [decode_status(data), decode_status_json(data)];
    for status in statuses.into_iter().flatten() {
        assert!(status.message.len() <= TEXT_MAX);
    }
}

fn request(signal: Signal, data: &[u8]) {
    let mut json = b"before".to_vec();
    let written = append_json(signal, data, &mut json);
    let json = json
        .strip_prefix(b"before")
        .expect("what stood there stays");
    let counted = count_items(signal, data);
    if written.is_ok() {
        assert!(json.len() <= 16 * data.len() + 2, "{} bytes", json.len());
        let text = std::str::from_utf8(json).expect("JSON is UTF-8");
        assert!(text.starts_with('{') && text.ends_with('}'));
        // Of metrics, what another kind of data has displaced is counted but not written.
        assert!(counted.is_ok() || signal == Signal::Metrics);
    } else {
        assert!(json.is_empty());
    }
    if let Ok(items) = counted {
        assert!(items <= data.len() as u64 / 2);
        let twice = [data, data].concat();
        assert_eq!(count_items(signal, &twice), Ok(items * 2));
    }
}

fn partial(partial: PartialSuccess) {
    assert!(partial.rejected > 0 || !partial.message.is_empty());
    assert!(partial.message.len() <= TEXT_MAX);
}
