//! Properties: how the bytes were split into reads changes nothing, nothing panics, and what is written reads back.

use h1::{
    HeadLimits, HeadReader, LAST_CHUNK, append_chunk_size, append_field, append_request_line,
};
use message::{FieldKind, PathPolicy, RequestHead};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::{
    LIMITS, fields_text, read_chunked, read_chunked_in, read_request, read_request_in,
    read_response, read_response_in, show,
};
use crate::vectors::cases;

/// Bytes that parsers treat differently from others.
const SPECIAL: &[u8] = b"\r\n\r\n\r\n \t:;,/?#@[]%.\\\"\x00\x0b\x0c\x7f\x80\xff09afAFxXgG+-_=H1";

const PARTS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\n\n",
    " ",
    "\t",
    ": ",
    "GET / HTTP/1.1\r\n",
    "Host: a\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0",
    "HTTP/2.0",
    "http://b",
    "X: y\r\n",
    "X:\r\n",
    "X : y\r\n",
    " z\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "0\r\n",
    "5\r\nhello\r\n",
    "1;a=b\r\n",
    "A: b\r\n\r\n",
    "fffffffffffffff",
];

/// An edit: at a place, remove up to three bytes and put others there.
fn edit() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
    let part = prop_oneof![
        2 => select(SPECIAL).prop_map(|byte| vec![byte]),
        1 => select(PARTS).prop_map(|part| part.as_bytes().to_vec()),
        1 => Just(Vec::new()),
    ];
    (any::<Index>(), 0usize..4, part)
}

/// One of the seeds with a few edits, parts in a row, or noise.
fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edited = (select(seeds), vec(edit(), 0..4)).prop_map(|(mut bytes, edits)| {
        for (at, removed, inserted) in edits {
            let at = at.index(bytes.len() + 1);
            let end = bytes.len().min(at + removed);
            bytes.splice(at..end, inserted);
        }
        bytes
    });
    prop_oneof![
        6 => edited,
        2 => vec(select(PARTS), 0..12).prop_map(|parts| parts.concat().into_bytes()),
        1 => vec(select(SPECIAL), 0..60),
        1 => vec(any::<u8>(), 0..60),
    ]
}

fn request_seeds() -> Vec<Vec<u8>> {
    cases()
        .into_iter()
        .map(|case| case.raw)
        .filter(|raw| raw.len() < 1000)
        .collect()
}

fn response_seeds() -> Vec<Vec<u8>> {
    [
        "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nDate: now\r\n\r\nhello",
        "HTTP/1.0 304\r\n\r\n",
        "HTTP/1.1 404 \r\nA : b\r\nC:\r\nD: \t e \r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\nA: b\n\n",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

fn chunked_seeds() -> Vec<Vec<u8>> {
    [
        "5\r\nhello\r\n0\r\n\r\nGET",
        "1;a=b\r\nx\r\nA ;c\r\n0123456789\r\n00;d\r\nA: b\r\nC:\r\n\r\nGET",
        "3\r\n\r\n0\r\n0\r\nHost: a\r\nX: y\r\n\r\n",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

/// The limits of a listener, or tight ones.
fn limits() -> impl Strategy<Value = HeadLimits> {
    let tight =
        (0usize..200, 0usize..6, 0usize..60).prop_map(|(bytes, fields, target)| HeadLimits {
            bytes,
            fields,
            target,
        });
    prop_oneof![2 => Just(LIMITS), 1 => tight]
}

/// Ends of reads, the last one at the end.
fn ends(cuts: &[Index], len: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    ends.push(len);
    ends.sort_unstable();
    ends
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn request_heads(
        raw in mutated(request_seeds()),
        limits in limits(),
        cuts in vec(any::<Index>(), 0..4),
    ) {
        let whole = read_request(&raw, limits);
        prop_assert_eq!(&read_request_in(ends(&cuts, raw.len()), &raw, limits), &whole, "{}", show(&raw));
        prop_assert_eq!(&read_request_in(0..=raw.len(), &raw, limits), &whole, "{}", show(&raw));
    }

    #[test]
    fn response_heads(
        raw in mutated(response_seeds()),
        limits in limits(),
        cuts in vec(any::<Index>(), 0..4),
    ) {
        let whole = read_response(&raw, limits);
        prop_assert_eq!(&read_response_in(ends(&cuts, raw.len()), &raw, limits), &whole, "{}", show(&raw));
        prop_assert_eq!(&read_response_in(0..=raw.len(), &raw, limits), &whole, "{}", show(&raw));
    }

    #[test]
    fn chunked_bodies(raw in mutated(chunked_seeds()), cuts in vec(any::<Index>(), 0..4)) {
        let whole = read_chunked(&raw);
        prop_assert_eq!(&read_chunked_in(ends(&cuts, raw.len()), &raw), &whole, "{}", show(&raw));
        prop_assert_eq!(&read_chunked_in(0..=raw.len(), &raw), &whole, "{}", show(&raw));
    }

    /// Whatever is accepted is, written anew, one head without a byte that could end a line, and means the same.
    #[test]
    fn what_is_accepted_reads_back(raw in mutated(request_seeds())) {
        let mut head = RequestHead::default();
        let Ok(Some(_)) = HeadReader::default().request(&raw, LIMITS, &mut head) else {
            return Ok(());
        };
        let text = (head.method_text().to_vec(), head.query().map(<[u8]>::to_vec));
        if head.normalise_path(PathPolicy::default()).is_err() || head.authority().is_none() {
            return Ok(());
        }
        let mut written = Vec::new();
        append_request_line(&mut written, head.method_text(), head.path(), head.query());
        append_field(&mut written, b"Host", head.authority().unwrap());
        for field in head.fields.iter().filter(|field| field.kind != FieldKind::Host) {
            append_field(&mut written, field.name, field.value);
        }
        written.extend_from_slice(b"\r\n");
        prop_assert!(!written.contains(&0) && !head.host().is_empty());

        let mut again = RequestHead::default();
        let read = HeadReader::default().request(&written, LIMITS, &mut again);
        prop_assert_eq!(read, Ok(Some(written.len())), "{}", show(&written));
        let path = again.path().to_vec();
        again.normalise_path(PathPolicy::default()).unwrap();
        prop_assert_eq!(again.path(), &path, "a normal path stays");
        prop_assert_eq!(again.path(), head.path());
        prop_assert_eq!((again.method_text().to_vec(), again.query().map(<[u8]>::to_vec)), text);
        prop_assert_eq!((again.host(), again.port()), (head.host(), head.port()));
        prop_assert_eq!(fields_text(&again.fields), fields_text(&head.fields));
    }

    #[test]
    fn chunks_read_back(
        parts in vec(vec(any::<u8>(), 1..40), 0..6),
        cuts in vec(any::<Index>(), 0..6),
        after in vec(any::<u8>(), 0..10),
    ) {
        let mut raw = Vec::new();
        for part in &parts {
            append_chunk_size(&mut raw, part.len());
            raw.extend_from_slice(part);
            raw.extend_from_slice(b"\r\n");
        }
        raw.extend_from_slice(LAST_CHUNK);
        let len = raw.len();
        raw.extend_from_slice(&after);
        let body = read_chunked_in(ends(&cuts, raw.len()), &raw).unwrap();
        prop_assert_eq!(body.data, parts.concat());
        prop_assert!(body.is_done && body.consumed == len && body.trailers.is_empty());
    }
}
