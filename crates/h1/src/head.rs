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
    /// How many bytes were looked at in vain.
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
        if !self.is_due(head, limits) {
            return Ok(None);
        }
        let parsed = parse(head);
        if matches!(parsed, Ok(Some(_))) || has_empty_line(head) {
            return parsed;
        }
        if head.len() == limits.bytes {
            return parsed.and_then(|_| Err(too_large(head)));
        }
        // A fault behind the first line waits for the whole head, or it would be told earlier in a large read.
        let line_end = head.iter().position(|b| *b == b'\n');
        parse(&head[..line_end.map_or(head.len().min(START), |at| at + 1)])?;
        (self.searched, self.line_seen) = (head.len(), line_end.is_some());
        Ok(None)
    }

    /// Whether a parse may decide something. Always on the first bytes: most heads come whole.
    fn is_due(&self, head: &[u8], limits: HeadLimits) -> bool {
        let unseen = head
            .get(self.searched.saturating_sub(2)..)
            .unwrap_or_default();
        self.searched < START
            || head.len() == limits.bytes
            || !self.line_seen && unseen.contains(&b'\n')
            || has_empty_line(unseen)
    }
}

/// What fills the limit without an end: a line that never ends is a target that never ends.
fn too_large(head: &[u8]) -> HeadError {
    if head.contains(&b'\n') {
        HeadError::HeadTooLarge
    } else {
        HeadError::TargetTooLong
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
    let parsed =
        ParserConfig::default().parse_request_with_uninit_headers(&mut request, head, slots);
    let len = match parsed {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(request_error(error, head)),
    };
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(HeadError::MalformedLine);
    };
    if target.len() > limits.target {
        return Err(HeadError::TargetTooLong);
    }
    let line_end = offset_in(head, target.as_bytes()) + target.len() + " HTTP/1.x".len();
    check_line_ends(head, line_end, len, request.headers)?;
    out.clear();
    out.fields.store(head.get(..len).unwrap_or_default());
    append_headers(head, request.headers, &mut out.fields);
    let version = if minor == 0 {
        Version::Http10
    } else {
        Version::Http11
    };
    let method = Span::new(0, method.len());
    let target_at = offset_in(head, target.as_bytes());
    set_target(out, method, target.as_bytes(), target_at, version)?;
    Ok(Some(len))
}

/// Tells the parts of the target, checks Host against it, and fills the request line (GW-16, GW-20 to GW-22).
fn set_target(
    out: &mut RequestHead,
    method: Span,
    target: &[u8],
    at: usize,
    version: Version,
) -> Result<(), HeadError> {
    if target
        .iter()
        .any(|b| !(0x21..0x7f).contains(b) || *b == b'#')
    {
        return Err(HeadError::MalformedTarget);
    }
    let is_method = |known: &[u8]| out.fields.bytes(method) == known;
    if is_method(b"CONNECT") {
        return Err(HeadError::ConnectRefused);
    }
    let host = only_host(&out.fields, version)?;
    let (authority, rest_at) = match target {
        [b'/', ..] => (host, 0),
        b"*" if is_method(b"OPTIONS") => (host, 0),
        _ => {
            let authority_at = scheme_len(target).ok_or(HeadError::WrongTargetForm)?;
            let after = target.get(authority_at..).unwrap_or_default();
            let len = after
                .iter()
                .position(|b| matches!(b, b'/' | b'?'))
                .unwrap_or(after.len());
            Authority::parse(&after[..len]).map_err(HeadError::MalformedHost)?;
            let span = Span::new(at + authority_at, at + authority_at + len);
            (Some(span), authority_at + len)
        }
    };
    let rest = target.get(rest_at..).unwrap_or_default();
    let path_len = rest.iter().position(|b| *b == b'?').unwrap_or(rest.len());
    let query = (path_len < rest.len())
        .then(|| Span::new(at + rest_at + path_len + 1, at + rest_at + rest.len()));
    let path = match (path_len, query) {
        (0, None) if is_method(b"OPTIONS") => out.fields.store(b"*"),
        (0, _) => out.fields.store(b"/"),
        _ => Span::new(at + rest_at, at + rest_at + path_len),
    };
    out.set_line(method, path, query, authority, version);
    out.normalise_host().map_err(HeadError::MalformedHost)
}

/// The Host field: exactly one in HTTP/1.1, at most one in HTTP/1.0, always well-formed (GW-20).
fn only_host(fields: &Fields, version: Version) -> Result<Option<Span>, HeadError> {
    let mut spans = fields.spans(FieldKind::Host);
    match (spans.next(), spans.next()) {
        (Some(host), None) => {
            Authority::parse(fields.bytes(host)).map_err(HeadError::MalformedHost)?;
            Ok(Some(host))
        }
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
    let parsed = ParserConfig::default()
        .allow_spaces_after_header_name_in_responses(true)
        .parse_response_with_uninit_headers(&mut response, head, slots);
    let len = match parsed {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(response_error(error)),
    };
    let (Some(code), Some(minor)) = (response.code, response.version) else {
        return Err(HeadError::MalformedStatusLine);
    };
    out.clear();
    out.status =
        StatusCode::try_from(u64::from(code)).map_err(|_| HeadError::MalformedStatusLine)?;
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
/// trailers are left out (GW-37).
///
/// # Errors
/// [`ChunkError`] for lines that are no fields and for more than `fields_max` of them.
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
    let first = headers
        .first()
        .map_or(len - 2, |header| offset_in(section, header.name.as_bytes()));
    if len != section.len() || first != 0 && !headers.is_empty() {
        return Err(ChunkError::MalformedTrailers);
    }
    check_fields_end(section, 0, len, headers).map_err(|_| ChunkError::MalformedTrailers)?;
    out.clear();
    for header in headers
        .iter()
        .filter(|header| !FieldKind::of(header.name.as_bytes()).is_refused_in_trailers())
    {
        out.append(header.name.as_bytes(), header.value.trim_ascii());
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

/// Checks that every line ends in CR LF: `httparse` takes LF alone as well (GW-8).
fn check_line_ends(
    head: &[u8],
    line_end: usize,
    len: usize,
    headers: &[Header<'_>],
) -> Result<(), HeadError> {
    match head.get(line_end..line_end + 2) {
        Some(b"\r\n") => check_fields_end(head, line_end + 2, len, headers),
        _ => Err(HeadError::BareLineFeed),
    }
}

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
    match line.rsplit(|b| *b == b' ').next() {
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
