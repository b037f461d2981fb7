//! What reading and writing heads and chunks costs per message.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use h1::{
    Chunk, ChunkDecoder, HeadLimits, HeadReader, append_chunk_size, append_field,
    append_request_line, request_framing,
};
use message::{RequestHead, ResponseHead};

fn main() {
    divan::main();
}

const LIMITS: HeadLimits = HeadLimits {
    bytes: 32 << 10,
    fields: 100,
    target: 8 << 10,
};

/// 5 fields.
const CURL: &[u8] = b"POST /api/v2/orders?dry_run=1 HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    User-Agent: curl/8.14.1\r\n\
    Accept: */*\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 128\r\n\r\n";

/// 16 fields, 1 KiB.
const BROWSER: &[u8] = b"GET /products/48151623?ref=home&utm_source=newsletter HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\", \"Google Chrome\";v=\"140\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; theme=dark; consent=1; _ga=GA1.1.1234567890.1700000000; _gid=GA1.1.987654321.1700000001; cart=c2hvZXM6MSxoYXQ6Mg\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: nginx\r\n\
    Date: Tue, 03 Mar 2026 10:00:00 GMT\r\n\
    Content-Type: application/json; charset=utf-8\r\n\
    Content-Length: 1532\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: private, no-store\r\n\
    ETag: W/\"5fc-18c0b3d2f10\"\r\n\
    Vary: Accept-Encoding\r\n\r\n";

fn bench_request(bencher: Bencher<'_, '_>, raw: &[u8]) {
    let mut head = RequestHead::default();
    bencher.counter(BytesCount::of_slice(raw)).bench_local(|| {
        let len = HeadReader::default().request(black_box(raw), LIMITS, &mut head);
        assert!(matches!(len, Ok(Some(_))));
        request_framing(&head.fields, head.version)
    });
}

#[divan::bench]
fn read_request_curl(bencher: Bencher<'_, '_>) {
    bench_request(bencher, CURL);
}

#[divan::bench]
fn read_request_browser(bencher: Bencher<'_, '_>) {
    bench_request(bencher, BROWSER);
}

/// The cost of a head that comes in two reads.
#[divan::bench]
fn read_request_browser_in_two(bencher: Bencher<'_, '_>) {
    let mut head = RequestHead::default();
    bencher
        .counter(BytesCount::of_slice(BROWSER))
        .bench_local(|| {
            let mut reader = HeadReader::default();
            let first = reader.request(black_box(&BROWSER[..700]), LIMITS, &mut head);
            assert_eq!(first, Ok(None));
            reader.request(black_box(BROWSER), LIMITS, &mut head)
        });
}

#[divan::bench]
fn read_response(bencher: Bencher<'_, '_>) {
    let mut head = ResponseHead::default();
    bencher
        .counter(BytesCount::of_slice(RESPONSE))
        .bench_local(|| HeadReader::default().response(black_box(RESPONSE), LIMITS, &mut head));
}

fn bench_write(bencher: Bencher<'_, '_>, raw: &[u8]) {
    let mut head = RequestHead::default();
    let len = HeadReader::default().request(raw, LIMITS, &mut head);
    assert!(matches!(len, Ok(Some(_))));
    let mut out = Vec::with_capacity(4096);
    bencher.counter(BytesCount::of_slice(raw)).bench_local(|| {
        out.clear();
        let head = black_box(&head);
        append_request_line(&mut out, head.method_text(), head.path(), head.query());
        for field in head.fields.iter() {
            append_field(&mut out, field.name, field.value);
        }
        out.extend_from_slice(b"\r\n");
        out.len()
    });
}

#[divan::bench]
fn write_request_curl(bencher: Bencher<'_, '_>) {
    bench_write(bencher, CURL);
}

#[divan::bench]
fn write_request_browser(bencher: Bencher<'_, '_>) {
    bench_write(bencher, BROWSER);
}

/// 16 KiB of data in chunks of that size.
#[divan::bench(args = [64, 1024, 16 << 10])]
fn decode_chunks(bencher: Bencher<'_, '_>, chunk_bytes: usize) {
    let mut raw = Vec::new();
    for _ in 0..(16 << 10) / chunk_bytes {
        append_chunk_size(&mut raw, chunk_bytes);
        raw.resize(raw.len() + chunk_bytes, b'x');
        raw.extend_from_slice(b"\r\n");
    }
    raw.extend_from_slice(h1::LAST_CHUNK);
    bencher.counter(BytesCount::of_slice(&raw)).bench_local(|| {
        let (mut decoder, mut rest, mut data) = (ChunkDecoder::default(), &raw[..], 0);
        loop {
            match decoder.decode(black_box(rest)) {
                Ok(Chunk::Data { skip, len }) => {
                    data += len;
                    rest = &rest[skip + len..];
                }
                Ok(Chunk::End { .. }) => return data,
                other => panic!("the body is whole and well-formed: {other:?}"),
            }
        }
    });
}
