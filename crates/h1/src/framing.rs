//! Where a body ends (RFC 9112 6): decided once per message, before a byte of the body is looked at.

use message::{FieldKind, Fields, MethodKind, StatusCode, Version, trim_ows};

use crate::error::HeadError;

/// Where a body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// After this many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// When the connection closes; responses only.
    UntilClose,
}

/// Where a request's body ends (GW-1 to GW-5, GW-9).
///
/// # Errors
/// [`HeadError`] when that is not certain.
pub fn request_framing(fields: &Fields, version: Version) -> Result<Framing, HeadError> {
    let length = content_length(fields)?;
    match (transfer_encoding(fields)?, length) {
        (Encoding::Absent, None) => Ok(Framing::None),
        (Encoding::Absent, Some(length)) => Ok(Framing::Length(length)),
        (Encoding::Chunked, _) if version == Version::Http10 => Err(HeadError::EncodingInHttp10),
        (Encoding::Chunked, Some(_)) => Err(HeadError::LengthAndEncoding),
        (Encoding::Chunked, None) => Ok(Framing::Chunked),
    }
}

/// What a response's framing depends on besides its fields.
#[derive(Clone, Copy, Debug)]
pub struct ResponseContext {
    /// The request's method.
    pub method: MethodKind,
    /// The response's status.
    pub status: StatusCode,
    /// The response's version.
    pub version: Version,
}

/// Where a response's body ends (GW-9, GW-10).
///
/// # Errors
/// [`HeadError`] when that is not certain: the upstream is answered for with 502.
pub fn response_framing(fields: &Fields, context: ResponseContext) -> Result<Framing, HeadError> {
    if context.status.is_bodiless() || context.method == MethodKind::Head {
        return Ok(Framing::None);
    }
    match request_framing(fields, context.version)? {
        Framing::None => Ok(Framing::UntilClose),
        framing @ (Framing::Length(_) | Framing::Chunked | Framing::UntilClose) => Ok(framing),
    }
}

/// The one Content-Length; several, or a list, must be identical (GW-2; RFC 9110 8.6). Says how long a body is or, in
/// an answer to HEAD and with 304, would be.
///
/// # Errors
/// [`HeadError::MalformedLength`].
pub fn content_length(fields: &Fields) -> Result<Option<u64>, HeadError> {
    let mut length = None;
    for value in fields
        .all(FieldKind::ContentLength)
        .flat_map(|value| value.split(|b| *b == b','))
    {
        let number = parse_length(trim_ows(value)).ok_or(HeadError::MalformedLength)?;
        if length.is_some_and(|known| known != number) {
            return Err(HeadError::MalformedLength);
        }
        length = Some(number);
    }
    Ok(length)
}

/// Digits only, at most 63 bits.
fn parse_length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
        number
            .checked_mul(10)?
            .checked_add(u64::from(value))
            .filter(|number| *number < 1 << 63)
    })
}

enum Encoding {
    Absent,
    Chunked,
}

/// All Transfer-Encoding fields as one list: nothing, or one plain `chunked` (GW-3, GW-5). Empty elements are errors:
/// readers disagree on them.
fn transfer_encoding(fields: &Fields) -> Result<Encoding, HeadError> {
    let mut codings = fields
        .all(FieldKind::TransferEncoding)
        .flat_map(|value| value.split(|b| *b == b','));
    let Some(mut last) = codings.next().map(trim_ows) else {
        return Ok(Encoding::Absent);
    };
    let mut others = false;
    for coding in codings {
        if last.is_empty() || last.eq_ignore_ascii_case(b"chunked") {
            return Err(HeadError::MalformedEncoding);
        }
        (others, last) = (true, trim_ows(coding));
    }
    match (last.eq_ignore_ascii_case(b"chunked"), others) {
        (false, _) => Err(HeadError::MalformedEncoding),
        (true, true) => Err(HeadError::UnsupportedEncoding),
        (true, false) => Ok(Encoding::Chunked),
    }
}
