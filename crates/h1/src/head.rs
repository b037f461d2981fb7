//! Reads request and response heads (RFC 9112 2 to 5), from as many reads as the peer takes to send them.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};
use message::{Authority, FieldKind, Fields, RequestHead, ResponseHead, Span, StatusCode, Version};

use crate::error::{ChunkError, HeadError};

/// As many fields as most listeners allow: their slots live on the stack.
const FIELDS_COMMON: usize = 128;
/// As many fields as any listener can allow.
const FIELDS_MAX: usize = 1000;
/// So many first bytes tell what cannot be HTTP/1 (a TLS hello, another protocol's greeting): a response is known by
/// its version.
const START: usize = "HTTP/1.1".len();

/// Bounds of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head, the empty line included.
    pub bytes: usize,
    /// Number of fields, at most 1,000.
    pub fields: usize,
    /// Bytes of the request target.
    pub target: usize,
}

/// Reads one head. Feed it the unread bytes from the head's first byte on, after each read. A new one is used for each
/// head.
///
/// What it decides does not depend on how the bytes were split into reads: it decides on the first bytes, on the whole
/// first line, and on the whole head or as much of it as the limit allows, and nowhere else. Hence a head that comes
/// byte by byte is parsed a handful of times, not once per byte.
#[derive(Debug, Default)]
pub struct HeadReader {
    /// How many bytes were looked at in vain; they are not searched again.
    searched: usize,
    /// Whether the end of the first line was among them.
    line_seen: bool,
}

impl HeadReader {
    /// Reads a request head into `out`. `Some(n)`: the head is the first `n` bytes. `None`: more bytes are needed.
    /// What `out` holds is meant only after `Some`.
    ///
    /// # Errors
    /// [`HeadError`]: nothing after these bytes can be framed.
    pub fn request(
        &mut self,
        input: &[u8],
        limits: HeadLimits,
        out: &mut RequestHead,
    ) -> Result<Option<usize>, HeadError> {
        let Some(skip) = leading_empty_line(input)? else {
            return Ok(None);
        };
        let len = self.read(&input[skip..], limits, |head| {
            if limits.fields <= FIELDS_COMMON {
                parse_request::<FIELDS_COMMON>(head, limits, out)
            } else {
                parse_request::<FIELDS_MAX>(head, limits, out)
            }
        })?;
        Ok(len.map(|len| skip + len))
    }

    /// Reads a response head into `out`, as [`HeadReader::request`] does.
    ///
    /// # Errors
    /// [`HeadError`]: the upstream is not understood; the connection to it must be closed.
    pub fn response(
        &mut self,
        input: &[u8],
        limits: HeadLimits,
        out: &mut ResponseHead,
    ) -> Result<Option<usize>, HeadError> {
        self.read(input, limits, |head| {
            if limits.fields <= FIELDS_COMMON {
                parse_response::<FIELDS_COMMON>(head, limits, out)
            } else {
                parse_response::<FIELDS_MAX>(head, limits, out)
            }
        })
    }

    fn read(
        &mut self,
        input: &[u8],
        limits: HeadLimits,
        mut parse: impl FnMut(&[u8]) -> Result<Option<usize>, HeadError>,
    ) -> Result<Option<usize>, HeadError> {
        let head = input.get(..limits.bytes).unwrap_or(input);
        if self.searched == 0
            && let Ok(Some(len)) = parse(head)
        {
            // Most heads come whole; nothing about them needs noting.
            return Ok(Some(len));
        }
        if !self.note(head, limits) {
            return Ok(None);
        }
        let parsed = parse(head);
        if matches!(parsed, Ok(Some(_))) {
            return parsed;
        }
        let line_end = head.iter().position(|b| *b == b'\n');
        parse(&head[..line_end.map_or(head.len().min(START), |at| at + 1)])?;
        if has_empty_line(head) {
            return parsed;
        }
        if head.len() == limits.bytes {
            // A line that never ends is a target that never ends.
            return parsed.and(Err(match line_end {
                Some(_) => HeadError::HeadTooLarge,
                None => HeadError::TargetTooLong,
            }));
        }
        // A fault behind the first line waits for the whole head, or a large read would tell it earlier.
        Ok(None)
    }

    /// Takes note of the bytes that came. Says whether a parse may decide something: always on the first bytes, for
    /// most heads come whole.
    fn note(&mut self, head: &[u8], limits: HeadLimits) -> bool {
        let unseen = head
            .get(self.searched.saturating_sub(2)..)
            .unwrap_or_default();
        let ends_line = !self.line_seen && unseen.contains(&b'\n');
        let is_due = self.searched < START
            || head.len() == limits.bytes
            || ends_line
            || has_empty_line(unseen);
        self.searched = head.len();
        self.line_seen |= ends_line;
        is_due
    }
}

/// How many bytes of an empty line come before the head: one line is ignored (GW-17). `None`: not known yet.
fn leading_empty_line(input: &[u8]) -> Result<Option<usize>, HeadError> {
    match input {
        [] | [b'\r'] | [b'\r', b'\n'] => Ok(None),
        [b'\r', b'\n', b'\r' | b'\n', ..] => Err(HeadError::MalformedLine),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [b'\r' | b'\n', ..] => Err(HeadError::MalformedLine),
        _ => Ok(Some(0)),
    }
}

/// Whether LF [CR] LF is in there.
fn has_empty_line(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b'\n' && matches!(bytes.get(at + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..]))
    })
}

fn parse_request<const SLOTS: usize>(
    head: &[u8],
    limits: HeadLimits,
    out: &mut RequestHead,
) -> Result<Option<usize>, HeadError> {
    let mut headers = [const { MaybeUninit::uninit() }; SLOTS];
    let slots = &mut headers[..limits.fields.min(SLOTS)];
    let mut request = httparse::Request::new(&mut []);
    let status = ParserConfig::default()
        .parse_request_with_uninit_headers(&mut request, head, slots)
        .map_err(|error| request_error(error, head))?;
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Ok(None);
    };
    let target_at = offset_in(head, target.as_bytes());
    let line_end = target_at + target.len() + " HTTP/1.x".len();
    if target.len() > limits.target {
        return Err(HeadError::TargetTooLong);
    }
    if head.get(line_end) == Some(&b'\n') {
        return Err(HeadError::BareLineFeed);
    }
    let target = Target::parse(method, target.as_bytes(), target_at)?;
    let Status::Complete(len) = status else {
        return Ok(None);
    };
    check_fields_end(head, line_end + "\r\n".len(), len, request.headers)?;
    out.clear();
    out.fields.store(head.get(..len).unwrap_or_default());
    append_headers(head, request.headers, &mut out.fields);
    let version = if minor == 0 {
        Version::Http10
    } else {
        Version::Http11
    };
    let host = only_host(&out.fields, version)?;
    let path = match target.path {
        Path::At(path) => path,
        Path::Root => out.fields.store(b"/"),
        Path::Asterisk => out.fields.store(b"*"),
    };
    if let (Some(_), Some(host)) = (target.authority, host) {
        // Overruled by the target (GW-21), and malformed all the same (GW-20).
        Authority::parse(out.fields.bytes(host)).map_err(HeadError::MalformedHost)?;
    }
    let authority = target.authority.or(host);
    let method = Span::new(0, method.len());
    out.set_line(method, path, target.query, authority, version);
    out.normalise_host().map_err(HeadError::MalformedHost)?;
    Ok(Some(len))
}

/// The parts of a request target, as spans of the head.
struct Target {
    authority: Option<Span>,
    path: Path,
    query: Option<Span>,
}

enum Path {
    At(Span),
    /// `/`, which an absolute target may leave out.
    Root,
    /// `*`, which an absolute target of `OPTIONS` without path and query stands for.
    Asterisk,
}

impl Target {
    /// Tells the parts of a target that begins `at` so many bytes into the head (GW-16, GW-21, GW-22).
    fn parse(method: &str, target: &[u8], at: usize) -> Result<Self, HeadError> {
        if target
            .iter()
            .any(|b| !(0x21..0x7f).contains(b) || *b == b'#')
        {
            return Err(HeadError::MalformedTarget);
        }
        if method == "CONNECT" {
            return Err(HeadError::ConnectRefused);
        }
        let (authority, rest_at) = match target {
            [b'/', ..] => (None, 0),
            b"*" if method == "OPTIONS" => (None, 0),
            _ => {
                let start = scheme_len(target).ok_or(HeadError::WrongTargetForm)?;
                let after = target.get(start..).unwrap_or_default();
                let len = after
                    .iter()
                    .position(|b| matches!(b, b'/' | b'?'))
                    .unwrap_or(after.len());
                Authority::parse(&after[..len]).map_err(HeadError::MalformedHost)?;
                let end = start + len;
                (Some(Span::new(at + start, at + end)), end)
            }
        };
        let query_at = target.iter().position(|b| *b == b'?');
        let path_end = query_at.unwrap_or(target.len());
        Ok(Self {
            authority,
            path: match (path_end - rest_at, query_at) {
                (0, None) if method == "OPTIONS" => Path::Asterisk,
                (0, _) => Path::Root,
                _ => Path::At(Span::new(at + rest_at, at + path_end)),
            },
            query: query_at.map(|query_at| Span::new(at + query_at + 1, at + target.len())),
        })
    }
}

/// The Host field: exactly one in HTTP/1.1, at most one in HTTP/1.0 (GW-20).
fn only_host(fields: &Fields, version: Version) -> Result<Option<Span>, HeadError> {
    let mut spans = fields.spans(FieldKind::Host);
    match (spans.next(), spans.next()) {
        (Some(host), None) => Ok(Some(host)),
        (None, _) if version == Version::Http10 => Ok(None),
        (None | Some(_), _) => Err(HeadError::HostCount),
    }
}

/// The length of `http://` or `https://` before an absolute target's authority.
fn scheme_len(target: &[u8]) -> Option<usize> {
    [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            target
                .get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(<[u8]>::len)
}

fn parse_response<const SLOTS: usize>(
    head: &[u8],
    limits: HeadLimits,
    out: &mut ResponseHead,
) -> Result<Option<usize>, HeadError> {
    // `httparse` would skip any number of empty lines; before a response they are bytes no one asked for.
    if matches!(head.first(), Some(b'\r' | b'\n')) {
        return Err(HeadError::MalformedStatusLine);
    }
    let mut headers = [const { MaybeUninit::uninit() }; SLOTS];
    let slots = &mut headers[..limits.fields.min(SLOTS)];
    let mut response = httparse::Response::new(&mut []);
    // Space before the colon is stripped in responses (GW-13); a fold is an error (GW-14); a line may end in LF alone
    // (GW-8), for the head is written anew and nothing else hangs on where its lines end.
    let status = ParserConfig::default()
        .allow_spaces_after_header_name_in_responses(true)
        .parse_response_with_uninit_headers(&mut response, head, slots)
        .map_err(response_error)?;
    let (Some(code), Some(minor)) = (response.code, response.version) else {
        return Ok(None);
    };
    let code = StatusCode::try_from(u64::from(code)).map_err(|_| HeadError::MalformedStatusLine)?;
    let Status::Complete(len) = status else {
        return Ok(None);
    };
    out.clear();
    out.status = code;
    out.version = if minor == 0 {
        Version::Http10
    } else {
        Version::Http11
    };
    out.fields.store(head.get(..len).unwrap_or_default());
    append_headers(head, response.headers, &mut out.fields);
    Ok(Some(len))
}

/// Reads the trailer section of a chunked body, the empty line included, into `out`; fields that may not come in
/// trailers are left out, and count (GW-37).
///
/// # Errors
/// [`ChunkError`] for lines that are no fields and for more than `fields_max` of them, or more than 64.
pub fn parse_trailers(
    section: &[u8],
    fields_max: usize,
    out: &mut Fields,
) -> Result<(), ChunkError> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let fields_max = fields_max.min(headers.len());
    let (len, headers) = match httparse::parse_headers(section, &mut headers) {
        Ok(Status::Complete(parsed)) => parsed,
        Ok(Status::Partial) => return Err(ChunkError::MalformedTrailers),
        Err(httparse::Error::TooManyHeaders) => return Err(ChunkError::TrailersTooLarge),
        Err(_) => return Err(ChunkError::MalformedTrailers),
    };
    if headers.len() > fields_max {
        return Err(ChunkError::TrailersTooLarge);
    }
    if len != section.len() {
        return Err(ChunkError::MalformedTrailers);
    }
    check_fields_end(section, 0, len, headers).map_err(|_| ChunkError::MalformedTrailers)?;
    out.clear();
    for header in headers
        .iter()
        .filter(|header| !FieldKind::of(header.name.as_bytes()).is_refused_in_trailers())
    {
        out.append(header.name.as_bytes(), header.value);
    }
    Ok(())
}

fn append_headers(head: &[u8], headers: &[Header<'_>], fields: &mut Fields) {
    for header in headers {
        let name = offset_in(head, header.name.as_bytes());
        let value = if header.value.is_empty() {
            name
        } else {
            offset_in(head, header.value)
        };
        fields.append_spans(
            Span::new(name, name + header.name.len()),
            Span::new(value, value + header.value.len()),
        );
    }
}

/// Checks that every field line ends in CR LF, and nothing else is there: `httparse` takes LF alone as well (GW-8).
fn check_fields_end(
    head: &[u8],
    first: usize,
    len: usize,
    headers: &[Header<'_>],
) -> Result<(), HeadError> {
    let mut expected = first;
    for header in headers {
        let name = offset_in(head, header.name.as_bytes());
        if name != expected {
            return Err(HeadError::BareLineFeed);
        }
        // An empty value points nowhere useful, so its line is searched from the colon on.
        let value_end = if header.value.is_empty() {
            name + header.name.len() + 1
        } else {
            offset_in(head, header.value) + header.value.len()
        };
        let rest = head.get(value_end..).unwrap_or_default();
        let space = rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        if rest.get(space..space + 2) != Some(b"\r\n") {
            return Err(HeadError::BareLineFeed);
        }
        expected = value_end + space + 2;
    }
    if head.get(expected..len) == Some(b"\r\n") {
        Ok(())
    } else {
        Err(HeadError::BareLineFeed)
    }
}

/// Where `part`, a slice of `whole`, begins in it.
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr())
}

fn request_error(error: httparse::Error, head: &[u8]) -> HeadError {
    match error {
        httparse::Error::Version => version_error(head),
        httparse::Error::HeaderName => HeadError::MalformedFieldName,
        httparse::Error::HeaderValue => HeadError::MalformedFieldValue,
        httparse::Error::TooManyHeaders => HeadError::TooManyFields,
        httparse::Error::NewLine => HeadError::BareLineFeed,
        httparse::Error::Status | httparse::Error::Token => HeadError::MalformedLine,
    }
}

/// A version that is well-formed is unsupported; anything else is no request line.
fn version_error(head: &[u8]) -> HeadError {
    let line = head
        .split(|b| matches!(b, b'\r' | b'\n'))
        .next()
        .unwrap_or_default();
    match line.splitn(3, |b| *b == b' ').nth(2) {
        Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            HeadError::UnsupportedVersion
        }
        _ => HeadError::MalformedLine,
    }
}

fn response_error(error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::Version | httparse::Error::Status | httparse::Error::Token => {
            HeadError::MalformedStatusLine
        }
        httparse::Error::HeaderName => HeadError::MalformedFieldName,
        httparse::Error::HeaderValue => HeadError::MalformedFieldValue,
        httparse::Error::TooManyHeaders => HeadError::TooManyFields,
        httparse::Error::NewLine => HeadError::BareLineFeed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The work of a reader is its parses, counted through the closure that does them, and its search for line ends.
    #[test]
    fn a_head_byte_by_byte_is_parsed_a_handful_of_times() {
        let limits = HeadLimits {
            bytes: 32 << 10,
            fields: 100,
            target: 8 << 10,
        };
        let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        while head.len() < limits.bytes - 400 {
            head.extend_from_slice(b"A: ");
            head.resize(head.len() + 380, b'b');
            head.extend_from_slice(b"\r\n");
        }
        let endless = [&head[..], &[b'c'; 400]].concat();
        head.extend_from_slice(b"\r\n");
        for (raw, expected) in [
            (&head[..], Ok(Some(head.len()))),
            (&endless, Err(HeadError::HeadTooLarge)),
            (&[b'G'; 33 << 10], Err(HeadError::TargetTooLong)),
        ] {
            let (mut reader, mut out) = (HeadReader::default(), RequestHead::default());
            let (mut parses, mut bytes) = (0, 0);
            let found = (1..=raw.len()).find_map(|end| {
                let parse = |head: &[u8]| {
                    (parses, bytes) = (parses + 1, bytes + head.len());
                    parse_request::<FIELDS_COMMON>(head, limits, &mut out)
                };
                let found = reader.read(&raw[..end], limits, parse).transpose();
                assert_eq!(
                    reader.searched,
                    end.min(limits.bytes),
                    "no byte is searched twice"
                );
                found
            });
            assert_eq!(found.transpose(), expected);
            // The first bytes twice each (as they are, and as what starts a head), the very first once more in the hope
            // of a whole head, the first line, the whole.
            assert!(parses <= 2 * (START + 2) + 1, "{parses} parses");
            assert!(bytes <= 2 * limits.bytes, "{bytes} bytes parsed");
        }
    }
}
