//! Queries without their secrets.

/// Values of these are credentials by the conventions (case-sensitive; semantic conventions, `url.query`).
const SECRET: [&[u8]; 7] = [
    b"AWSAccessKeyId",
    b"Signature",
    b"sig",
    b"X-Amz-Credential",
    b"X-Amz-Security-Token",
    b"X-Amz-Signature",
    b"X-Goog-Signature",
];
const SHOWN_INSTEAD: &[u8] = b"REDACTED";

/// A query with the values of secret parameters replaced by `REDACTED`; `also` names further ones. Where there is one, the
/// text is put together in `room`, which is emptied first; otherwise it is the query itself.
pub fn redacted_query<'a>(query: &'a [u8], also: &[Box<str>], room: &'a mut Vec<u8>) -> &'a [u8] {
    if !has_secret(query, also) {
        return query;
    }
    room.clear();
    append_redacted_query(room, query, also);
    room
}

/// The same of a URL or of a path with its query.
pub fn redacted_url<'a>(url: &'a [u8], also: &[Box<str>], room: &'a mut Vec<u8>) -> &'a [u8] {
    let (_, query) = split(url);
    if !has_secret(query, also) {
        return url;
    }
    room.clear();
    append_redacted_url(room, url, also);
    room
}

/// Appends the same.
pub(crate) fn append_redacted_url(out: &mut Vec<u8>, url: &[u8], also: &[Box<str>]) {
    let (before, query) = split(url);
    out.extend_from_slice(before);
    append_redacted_query(out, query, also);
}

fn append_redacted_query(out: &mut Vec<u8>, query: &[u8], also: &[Box<str>]) {
    for (at, (name, value)) in pairs(query).enumerate() {
        if at > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        if let Some(value) = value {
            let is_hidden = is_secret(name, also);
            out.push(b'=');
            out.extend_from_slice(if is_hidden { SHOWN_INSTEAD } else { value });
        }
    }
}

/// Everything up to the question mark, and the query behind it.
fn split(url: &[u8]) -> (&[u8], &[u8]) {
    let at = url.iter().position(|byte| *byte == b'?');
    at.and_then(|at| url.split_at_checked(at + 1))
        .unwrap_or((url, &[]))
}

fn has_secret(query: &[u8], also: &[Box<str>]) -> bool {
    pairs(query).any(|(name, value)| value.is_some() && is_secret(name, also))
}

fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    query.split(|byte| *byte == b'&').map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=');
        match at.and_then(|at| pair.split_at_checked(at)) {
            Some((name, value)) => (name, value.get(1..)),
            None => (pair, None),
        }
    })
}

/// Names are compared as they are and percent-decoded: `%73ig` is `sig` to a server.
fn is_secret(name: &[u8], also: &[Box<str>]) -> bool {
    let mut listed = SECRET
        .into_iter()
        .chain(also.iter().map(|secret| secret.as_bytes()));
    if name.contains(&b'%') {
        listed.any(|secret| name == secret || percent_decoded(name).eq(secret.iter().copied()))
    } else {
        listed.any(|secret| name == secret)
    }
}

fn percent_decoded(name: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (byte, after) = rest.split_first()?;
        let (decoded, left) = match (byte, after) {
            (b'%', [high, low, left @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, left),
                _ => (b'%', after),
            },
            _ => (*byte, after),
        };
        rest = left;
        Some(decoded)
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_values_are_replaced() {
        for (query, expected) in [
            ("", ""),
            ("page=2", "page=2"),
            ("sig=abc", "sig=REDACTED"),
            ("a=1&sig=abc&b=2", "a=1&sig=REDACTED&b=2"),
            (
                "X-Amz-Signature=x&X-Amz-Date=y",
                "X-Amz-Signature=REDACTED&X-Amz-Date=y",
            ),
            ("SIG=abc", "SIG=abc"),
            ("sig", "sig"),
            ("sig=", "sig=REDACTED"),
            ("sig=a=b", "sig=REDACTED"),
            ("%73ig=abc", "%73ig=REDACTED"),
            ("token=t&Token=u", "token=REDACTED&Token=u"),
            ("&&sig=1&", "&&sig=REDACTED&"),
            ("%=1&%7=2&%zz=3", "%=1&%7=2&%zz=3"),
        ] {
            let also = ["token".into()];
            let mut room = Vec::new();
            let shown = redacted_query(query.as_bytes(), &also, &mut room);
            assert_eq!(String::from_utf8_lossy(shown), expected, "{query}");
            let url = format!("/a%3Fb?{query}");
            let shown = redacted_url(url.as_bytes(), &also, &mut room);
            assert_eq!(String::from_utf8_lossy(shown), format!("/a%3Fb?{expected}"));
        }
    }
}
