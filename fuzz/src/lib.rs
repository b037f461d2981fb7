//! What holds for any input of the parsers that read bytes of strangers. Each function takes raw bytes and panics when a
//! property breaks. The fuzz targets call them with inputs they make up; a test of the workspace includes this file and calls
//! them with every input under `fuzz/corpus`.
//!
//! The first byte of most inputs is no input: it says how the rest is split into reads.

use h1::{Chunk, ChunkDecoder, ChunkError, HeadError, HeadLimits, HeadReader, ResponseContext};
use message::{
    Authority, DoubleSlash, EncodedOctet, EncodedSlash, FieldKind, MethodKind, PathPolicy,
    RequestHead, ResponseHead, normalise_path,
};

/// Small, so that inputs reach beyond them.
const LIMITS: HeadLimits = HeadLimits {
    bytes: 4096,
    fields: 20,
    target: 512,
};

/// A request head is decided alike however it was split, and what was accepted reads the same when it is written anew.
pub fn request_head(data: &[u8]) {
    let Some((split, input)) = data.split_first() else {
        return;
    };
    let mut head = RequestHead::default();
    let decided = HeadReader::default().request(input, LIMITS, &mut head);
    let mut split_head = RequestHead::default();
    let mut reader = HeadReader::default();
    let again = in_reads(*split, input, |read| {
        reader.request(read, LIMITS, &mut split_head)
    });
    assert_eq!(decided, again, "one read and many");
    let Ok(Some(len)) = decided else {
        return;
    };
    assert!(len <= input.len() && len <= LIMITS.bytes + 2, "{len}");
    h1::request_framing(&head.fields, head.version).ok();
    if head.normalise_host().is_ok() && head.normalise_path(PathPolicy::default()).is_ok() {
        check_rewritten(&head);
    }
}

fn check_rewritten(head: &RequestHead) {
    if head.fields.first(FieldKind::Host).is_none() {
        // HTTP/1.0, which needs none; it is written as HTTP/1.1, which does.
        return;
    }
    let mut out = Vec::new();
    h1::append_request_line(&mut out, head.method_text(), head.path(), head.query());
    for field in head.fields.iter() {
        h1::append_field(&mut out, field.name, field.value);
    }
    out.extend_from_slice(b"\r\n");
    let limits = HeadLimits {
        bytes: 1 << 20,
        target: 1 << 16,
        ..LIMITS
    };
    let mut again = RequestHead::default();
    let read = HeadReader::default().request(&out, limits, &mut again);
    assert_eq!(read, Ok(Some(out.len())), "{:?}", out.escape_ascii());
    assert_eq!(again.method_text(), head.method_text());
    assert_eq!(again.path(), head.path());
    assert_eq!(again.query(), head.query());
    assert!(again.fields.iter().eq(head.fields.iter()));
}

/// A response head is decided alike however it was split, and its framing is decided or refused.
pub fn response_head(data: &[u8]) {
    let Some((split, input)) = data.split_first() else {
        return;
    };
    let mut head = ResponseHead::default();
    let decided = HeadReader::default().response(input, LIMITS, &mut head);
    let mut split_head = ResponseHead::default();
    let mut reader = HeadReader::default();
    let again = in_reads(*split, input, |read| {
        reader.response(read, LIMITS, &mut split_head)
    });
    assert_eq!(decided, again, "one read and many");
    let Ok(Some(len)) = decided else {
        return;
    };
    assert!(len <= input.len() && len <= LIMITS.bytes, "{len}");
    for method in [MethodKind::Get, MethodKind::Head] {
        let context = ResponseContext {
            method,
            status: head.status,
            version: head.version,
        };
        h1::response_framing(&head.fields, context).ok();
    }
}

/// A chunked body yields the same data and the same end however it was split.
pub fn chunked_body(data: &[u8]) {
    let Some((split, input)) = data.split_first() else {
        return;
    };
    let step = usize::from(*split).max(1);
    assert_eq!(
        decode(input, input.len().max(1)),
        decode(input, step),
        "one read and reads of {step}"
    );
}

/// The data, and where the body ended if it did.
fn decode(input: &[u8], step: usize) -> Result<(Vec<u8>, Option<usize>), ChunkError> {
    let mut decoder = ChunkDecoder::default();
    let (mut body, mut at, mut read) = (Vec::new(), 0, 0);
    while read < input.len() {
        read = (read + step).min(input.len());
        while at < read {
            match decoder.decode(&input[at..read])? {
                Chunk::Data { skip, len } => {
                    body.extend_from_slice(&input[at + skip..at + skip + len]);
                    at += skip + len;
                }
                Chunk::More { consumed } => {
                    at += consumed;
                    if consumed == 0 {
                        break;
                    }
                }
                Chunk::End { consumed } => {
                    assert!(decoder.is_done());
                    return Ok((body, Some(at + consumed)));
                }
            }
        }
    }
    Ok((body, None))
}

/// A normal path is absolute, printable, free of dot segments, and stays as it is when it is normalised again; so does a
/// host that was read from the same bytes.
pub fn path(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else {
        return;
    };
    let policy = policy(*choice);
    let mut normal = Vec::new();
    if normalise_path(input, policy, &mut normal).is_ok() {
        assert_eq!(normal.first(), Some(&b'/'));
        assert!(normal.iter().all(u8::is_ascii_graphic));
        assert!(
            !normal
                .split(|b| *b == b'/')
                .any(|segment| matches!(segment, b"." | b"..")),
            "{:?}",
            normal.escape_ascii()
        );
        let mut again = Vec::new();
        normalise_path(&normal, policy, &mut again).expect("a normal path is accepted");
        assert_eq!(again, normal);
    }
    if let Ok(authority) = Authority::parse(input) {
        let host = &input[..authority.host_len];
        let again = Authority::parse(host).expect("a host alone is an authority");
        assert_eq!((again.host_len, again.port), (host.len(), None));
    }
}

fn policy(choice: u8) -> PathPolicy {
    PathPolicy {
        encoded_slash: match choice % 3 {
            0 => EncodedSlash::Refuse,
            1 => EncodedSlash::Keep,
            _ => EncodedSlash::Decode,
        },
        double_slash: match choice / 3 % 3 {
            0 => DoubleSlash::Merge,
            1 => DoubleSlash::Keep,
            _ => DoubleSlash::Refuse,
        },
        encoded_backslash: octet(choice & 64 != 0),
        encoded_nul: octet(choice & 128 != 0),
    }
}

fn octet(keep: bool) -> EncodedOctet {
    if keep {
        EncodedOctet::Keep
    } else {
        EncodedOctet::Refuse
    }
}

/// Any text is a plan or a list of faults, and a plan reads the same when it is rendered and read again.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let env = |name: &str| (name == "SET").then(|| "value".to_owned());
    let Ok(plan) = config::plan(&config::Source::from_text("input.yaml", text), &env) else {
        return;
    };
    // `$` would be substituted a second time, and secrets are not rendered.
    let rendered = config::render(&plan).to_string();
    if rendered.contains(['$']) || rendered.contains("***") {
        return;
    }
    let source = config::Source::from_text("rendered.yaml", &rendered);
    match config::plan(&source, &env) {
        Ok(again) => assert_eq!(again, plan),
        Err(errors) => panic!("a rendered plan is refused: {errors:?}\n{rendered}"),
    }
}

/// Feeds what grows by `split` bytes at a time until a decision falls.
fn in_reads(
    split: u8,
    input: &[u8],
    mut read: impl FnMut(&[u8]) -> Result<Option<usize>, HeadError>,
) -> Result<Option<usize>, HeadError> {
    let step = usize::from(split).max(1);
    let mut end = 0;
    while end < input.len() {
        end = (end + step).min(input.len());
        if let Some(len) = read(&input[..end])? {
            return Ok(Some(len));
        }
    }
    Ok(None)
}
