//! Every bound of a head and of a chunked body, at it and one beyond it.

use h1::{ChunkError, HeadError as E, HeadLimits};

use crate::support::{
    LIMITS, read_chunked, read_chunked_in, read_request, read_request_in, read_response,
};

fn accepted_or<T>(found: Result<Option<T>, E>) -> Result<(), E> {
    found.map(|head| assert!(head.is_some(), "the head is whole"))
}

#[track_caller]
fn check_request(raw: &[u8], limits: HeadLimits, expected: Result<(), E>) {
    assert_eq!(accepted_or(read_request(raw, limits)), expected);
}

#[track_caller]
fn check_response(raw: &[u8], limits: HeadLimits, expected: Result<(), E>) {
    assert_eq!(accepted_or(read_response(raw, limits)), expected);
}

#[test]
fn head_bytes() {
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    let limits = |bytes| HeadLimits { bytes, ..LIMITS };
    check_request(request, limits(request.len()), Ok(()));
    check_request(request, limits(request.len() - 1), Err(E::HeadTooLarge));
    check_response(response, limits(response.len()), Ok(()));
    check_response(response, limits(response.len() - 1), Err(E::HeadTooLarge));
    // The limit is the head's: what follows it, and the empty line before it, do not count.
    check_request(
        &[&request[..], &[b'x'; 100]].concat(),
        limits(request.len()),
        Ok(()),
    );
    check_request(
        &[b"\r\n", &request[..]].concat(),
        limits(request.len()),
        Ok(()),
    );
    // It is told on the last byte that is allowed, not on one more that may never come.
    let endless = [&request[..request.len() - 2], &[b'x'; 100]].concat();
    check_request(&endless[..40], limits(40), Err(E::HeadTooLarge));
    check_request(request, limits(0), Err(E::TargetTooLong));
}

#[test]
fn target_bytes() {
    let limits = HeadLimits {
        target: 5,
        ..LIMITS
    };
    let line = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    check_request(&line("/1234"), limits, Ok(()));
    check_request(&line("/12345"), limits, Err(E::TargetTooLong));
    check_request(&line("/1?34"), limits, Ok(()));
    check_request(&line("/1?345"), limits, Err(E::TargetTooLong));
    check_request(&line("http://a"), limits, Err(E::TargetTooLong));
    // A line that fills the whole head.
    let endless = [b"GET /", &vec![b'a'; LIMITS.bytes][..]].concat();
    check_request(&endless, LIMITS, Err(E::TargetTooLong));
    let long = [b"GET / HTTP/1.1\r\nA: ", &vec![b'a'; LIMITS.bytes][..]].concat();
    check_request(&long, LIMITS, Err(E::HeadTooLarge));
}

#[test]
fn field_count() {
    let heads = |count: usize| {
        let fields = "A: b\r\n".repeat(count - 1);
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes(),
            format!("HTTP/1.1 200 OK\r\nHost: a\r\n{fields}\r\n").into_bytes(),
        )
    };
    // Around the number of slots that the common listener gets, too.
    for max in [1, 2, 100, 127, 128, 129, 1000] {
        let limits = HeadLimits {
            fields: max,
            ..LIMITS
        };
        let (request, response) = heads(max);
        check_request(&request, limits, Ok(()));
        check_response(&response, limits, Ok(()));
        let (request, response) = heads(max + 1);
        check_request(&request, limits, Err(E::TooManyFields));
        check_response(&response, limits, Err(E::TooManyFields));
    }
    let limits = HeadLimits {
        fields: 5000,
        ..LIMITS
    };
    check_request(&heads(1001).0, limits, Err(E::TooManyFields));
    let limits = HeadLimits {
        fields: 0,
        ..LIMITS
    };
    check_request(
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        limits,
        Err(E::TooManyFields),
    );
    check_request(b"GET / HTTP/1.0\r\n\r\n", limits, Ok(()));
}

#[test]
fn a_head_of_32_kib_byte_by_byte() {
    let mut raw = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    while raw.len() < LIMITS.bytes - 400 {
        raw.extend_from_slice(format!("A: {}\r\n", "b".repeat(390)).as_bytes());
    }
    raw.extend_from_slice(b"\r\n");
    let whole = read_request(&raw, LIMITS);
    assert!(matches!(whole, Ok(Some(_))));
    assert_eq!(read_request_in(1..=raw.len(), &raw, LIMITS), whole);
    raw.truncate(raw.len() - 2);
    raw.extend_from_slice(&[b'c'; 1000]);
    let found = read_request_in(1..=raw.len(), &raw, LIMITS);
    assert_eq!(found, Err(E::HeadTooLarge));
}

#[test]
fn chunk_extensions_count_over_the_whole_body() {
    // 4,096 bytes, the `;` included, in one chunk or in many.
    let one = |len: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(len - 1));
    assert!(read_chunked(one(4096).as_bytes()).unwrap().is_done);
    let found = read_chunked(one(4097).as_bytes());
    assert_eq!(found, Err(ChunkError::ExtensionsTooLong));
    let many = |count: usize| "1;e=1\r\nx\r\n".repeat(count) + "0\r\n\r\n";
    assert!(read_chunked(many(1024).as_bytes()).unwrap().is_done);
    let found = read_chunked(many(1025).as_bytes());
    assert_eq!(found, Err(ChunkError::ExtensionsTooLong));
    // White space cannot make a line without end either.
    let spaces = format!("1{}", " ".repeat(5000));
    assert_eq!(
        read_chunked(spaces.as_bytes()),
        Err(ChunkError::ExtensionsTooLong)
    );
}

#[test]
fn trailer_bytes_and_count() {
    let fields = |count: usize| format!("0\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert!(read_chunked(fields(32).as_bytes()).unwrap().is_done);
    let found = read_chunked(fields(33).as_bytes());
    assert_eq!(found, Err(ChunkError::TrailersTooLarge));
    let bytes = |len: usize| format!("0\r\nA: {}\r\n\r\n", "b".repeat(len - 7));
    assert!(read_chunked(bytes(8192).as_bytes()).unwrap().is_done);
    let found = read_chunked(bytes(8193).as_bytes());
    assert_eq!(found, Err(ChunkError::TrailersTooLarge));
    let endless = format!("0\r\nA: {}", "b".repeat(9000)).into_bytes();
    let found = read_chunked_in(1..=endless.len(), &endless);
    assert_eq!(found, Err(ChunkError::TrailersTooLarge));
    let dropped = format!("0\r\n{}\r\n", "Host: b\r\n".repeat(33));
    let found = read_chunked(dropped.as_bytes());
    assert_eq!(
        found,
        Err(ChunkError::TrailersTooLarge),
        "GW-37: dropped ones count"
    );
}
