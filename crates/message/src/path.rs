//! Path normalisation (GW-26; RFC 3986 6.2.2): one form that routes match and origins receive.

use crate::percent::hex_value;

/// What to do with octets that origins read in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PathPolicy {
    /// `%2F` (default refuse).
    pub encoded_slash: EncodedSlash,
    /// `%5C` (default refuse). A raw backslash is always refused.
    pub encoded_backslash: EncodedOctet,
    /// `%00` (default refuse).
    pub encoded_nul: EncodedOctet,
    /// `//` (default merge).
    pub double_slash: DoubleSlash,
}

/// What to do with `%2F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EncodedSlash {
    /// Answer 400.
    #[default]
    Refuse,
    /// Match and forward `%2F`.
    Keep,
    /// Make it a `/` before dot segments are removed.
    Decode,
}

/// What to do with `%5C` or `%00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EncodedOctet {
    /// Answer 400.
    #[default]
    Refuse,
    /// Match and forward it encoded.
    Keep,
}

/// What to do with empty path segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DoubleSlash {
    /// `/a//b` is matched and forwarded as `/a/b`.
    #[default]
    Merge,
    /// `/a//b` is matched and forwarded as written.
    Keep,
    /// Answer 400.
    Refuse,
}

/// A path that origins read in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Neither `/…` nor `*`.
    #[error("expected a path that begins with /")]
    NotAbsolute,
    /// `%` without two hex digits.
    #[error("expected two hex digits after % in the path")]
    MalformedEscape,
    /// `%2F` under [`EncodedSlash::Refuse`].
    #[error("the path holds %2F, which this listener refuses")]
    EncodedSlash,
    /// `%5C` under [`EncodedOctet::Refuse`], or a raw `\`.
    #[error("the path holds a backslash, which this listener refuses")]
    Backslash,
    /// `%00` under [`EncodedOctet::Refuse`].
    #[error("the path holds %00, which this listener refuses")]
    EncodedNul,
    /// `//` under [`DoubleSlash::Refuse`].
    #[error("the path holds an empty segment, which this listener refuses")]
    EmptySegment,
    /// `.;` or `..;`: some origins cut the parameter and see a dot segment.
    #[error("the path holds a dot segment with a parameter")]
    DotSegmentParameter,
    /// A control character or raw non-ASCII.
    #[error("the path holds a byte that has no place in a target")]
    ForbiddenByte,
}

/// Whether the path is in normal form as it stands, told by one quick pass; may say no of one that is.
pub(crate) fn is_normal_path(path: &[u8], policy: PathPolicy) -> bool {
    if path.first() != Some(&b'/') {
        return false;
    }
    let mut after_slash = false;
    for byte in path {
        match byte {
            b'/' if after_slash && policy.double_slash != DoubleSlash::Keep => return false,
            b'/' => after_slash = true,
            b'.' if after_slash => return false,
            byte if CLASSES[*byte as usize] == Class::Plain => after_slash = false,
            _ => return false,
        }
    }
    true
}

/// Appends the normal form of `path` to `out`.
///
/// Percent-escapes of unreserved characters are decoded, all others get upper-case digits, characters that no path may
/// hold raw are escaped, dot segments go, empty segments are treated as the policy says. What is appended is normal:
/// a second pass changes nothing.
///
/// # Errors
/// [`PathError`]; `out` then holds a part of the path.
pub fn normalise_path(path: &[u8], policy: PathPolicy, out: &mut Vec<u8>) -> Result<(), PathError> {
    if path.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    let start = out.len();
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        rest = after;
        match CLASSES[*byte as usize] {
            Class::Plain => out.push(*byte),
            Class::Slash => end_segment(out, start, policy)?,
            Class::Escape => push_escape(out, *byte),
            Class::Backslash => return Err(PathError::Backslash),
            Class::Forbidden => return Err(PathError::ForbiddenByte),
            Class::Percent => {
                let [high, low, after @ ..] = rest else {
                    return Err(PathError::MalformedEscape);
                };
                let (Some(high), Some(low)) = (hex_value(*high), hex_value(*low)) else {
                    return Err(PathError::MalformedEscape);
                };
                rest = after;
                push_decoded(out, start, high << 4 | low, policy)?;
            }
        }
    }
    close_dots(out, start)?;
    Ok(())
}

/// Appends what an escape stands for: itself when unreserved, else the escape, as far as the policy allows it.
fn push_decoded(
    out: &mut Vec<u8>,
    start: usize,
    octet: u8,
    policy: PathPolicy,
) -> Result<(), PathError> {
    match octet {
        b'/' => match policy.encoded_slash {
            EncodedSlash::Refuse => return Err(PathError::EncodedSlash),
            EncodedSlash::Keep => push_escape(out, octet),
            EncodedSlash::Decode => end_segment(out, start, policy)?,
        },
        b'\\' if policy.encoded_backslash == EncodedOctet::Refuse => {
            return Err(PathError::Backslash);
        }
        0 if policy.encoded_nul == EncodedOctet::Refuse => return Err(PathError::EncodedNul),
        _ if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') => {
            out.push(octet)
        }
        _ => push_escape(out, octet),
    }
    Ok(())
}

fn push_escape(out: &mut Vec<u8>, octet: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[
        b'%',
        HEX[usize::from(octet >> 4)],
        HEX[usize::from(octet & 15)],
    ]);
}

/// Ends the segment under way and begins the next: `out[start..]` ends in `/` afterwards.
fn end_segment(out: &mut Vec<u8>, start: usize, policy: PathPolicy) -> Result<(), PathError> {
    if out.len() > start && !close_dots(out, start)? && out.ends_with(b"/") {
        match policy.double_slash {
            DoubleSlash::Merge => return Ok(()),
            DoubleSlash::Keep => {}
            DoubleSlash::Refuse => return Err(PathError::EmptySegment),
        }
    } else if out.len() > start && out.ends_with(b"/") {
        return Ok(());
    }
    out.push(b'/');
    Ok(())
}

/// Removes the last segment when it is `.`, and it and its parent when it is `..` (RFC 3986 5.2.4), so that
/// `out[start..]` ends in `/`. Says whether it did.
fn close_dots(out: &mut Vec<u8>, start: usize) -> Result<bool, PathError> {
    let begin = out
        .iter()
        .skip(start)
        .rposition(|b| *b == b'/')
        .map_or(start, |slash| start + slash + 1);
    match out.get(begin..).unwrap_or_default() {
        b"." => out.truncate(begin),
        b".." => {
            // `begin` follows a slash; the parent, if there is one, ends before that slash.
            let parent_end = begin.saturating_sub(1).max(start);
            let parent = out[start..parent_end]
                .iter()
                .rposition(|b| *b == b'/')
                .map_or(start, |slash| start + slash);
            out.truncate(parent + 1);
        }
        [b'.', b';', ..] | [b'.', b'.', b';', ..] => return Err(PathError::DotSegmentParameter),
        _ => return Ok(false),
    }
    Ok(true)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Unreserved, sub-delims, `:` and `@` (RFC 3986 3.3).
    Plain,
    Slash,
    Percent,
    Backslash,
    /// Printable ASCII that no path may hold raw; common clients send it all the same.
    Escape,
    Forbidden,
}

static CLASSES: [Class; 256] = {
    let mut classes = [Class::Forbidden; 256];
    let mut byte: u8 = 0x21;
    while byte < 0x7f {
        classes[byte as usize] = match byte {
            b'/' => Class::Slash,
            b'%' => Class::Percent,
            b'\\' => Class::Backslash,
            b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' | b'[' | b']' => Class::Escape,
            b'#' | b'?' => Class::Forbidden,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[track_caller]
    fn check(path: &str, policy: PathPolicy, expected: Result<&str, PathError>) {
        let mut out = b"before".to_vec();
        let found = normalise_path(path.as_bytes(), policy, &mut out).map(|()| out[6..].to_vec());
        assert_eq!(
            found,
            expected.map(|path| path.as_bytes().to_vec()),
            "{path}"
        );
        if let Ok(normal) = found {
            let mut again = Vec::new();
            normalise_path(&normal, policy, &mut again).unwrap();
            assert_eq!(again, normal, "a normal path stays as it is");
        }
        if is_normal_path(path.as_bytes(), policy) {
            assert_eq!(
                expected,
                Ok(path),
                "the quick pass says that {path} is normal"
            );
        }
    }

    #[test]
    fn gw_26_default_policy() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b.html", "/a/b.html"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/..", "/"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/a/b/c/./../../g", "/a/g"),
            ("/mid/content=5/../6", "/mid/6"),
            ("//", "/"),
            ("//a///b//", "/a/b/"),
            ("/a//../b", "/b"),
            ("/a//./..//b", "/b"),
            ("/%61%2d%7E", "/a-~"),
            ("/%2e%2e/a", "/a"),
            ("/a/%2E%2e/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/%c3%a9", "/%C3%A9"),
            ("/%252e%252e/", "/%252e%252e/"),
            ("/a|b{c}", "/a%7Cb%7Bc%7D"),
            ("/a;b=c/d", "/a;b=c/d"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/..b/.c", "/a/..b/.c"),
            ("/%3f%23", "/%3F%23"),
            ("/@:!$&'()*+,=", "/@:!$&'()*+,="),
        ] {
            check(path, PathPolicy::default(), Ok(expected));
        }
        for (path, fault) in [
            ("", PathError::NotAbsolute),
            ("a", PathError::NotAbsolute),
            ("/%", PathError::MalformedEscape),
            ("/%4", PathError::MalformedEscape),
            ("/%4g", PathError::MalformedEscape),
            ("/%+1", PathError::MalformedEscape),
            ("/a%2Fb", PathError::EncodedSlash),
            ("/a%2f..", PathError::EncodedSlash),
            ("/a%5Cb", PathError::Backslash),
            ("/a\\b", PathError::Backslash),
            ("/%00", PathError::EncodedNul),
            ("/a/..;/b", PathError::DotSegmentParameter),
            ("/a/..;x=1", PathError::DotSegmentParameter),
            ("/.;/b", PathError::DotSegmentParameter),
            ("/a b", PathError::ForbiddenByte),
            ("/a#b", PathError::ForbiddenByte),
            ("/\u{e9}", PathError::ForbiddenByte),
        ] {
            check(path, PathPolicy::default(), Err(fault));
        }
    }

    #[test]
    fn gw_26_other_policies() {
        let keep = PathPolicy {
            encoded_slash: EncodedSlash::Keep,
            encoded_backslash: EncodedOctet::Keep,
            encoded_nul: EncodedOctet::Keep,
            double_slash: DoubleSlash::Keep,
        };
        check("/a%2fb%5c%00//c", keep, Ok("/a%2Fb%5C%00//c"));
        check("/a//../b", keep, Ok("/a/b"));
        let decode = PathPolicy {
            encoded_slash: EncodedSlash::Decode,
            ..PathPolicy::default()
        };
        check("/a%2f..%2Fb", decode, Ok("/b"));
        check("/a%2f/b", decode, Ok("/a/b"));
        let refuse = PathPolicy {
            double_slash: DoubleSlash::Refuse,
            ..PathPolicy::default()
        };
        check("/a//b", refuse, Err(PathError::EmptySegment));
        check("/a/./b/", refuse, Ok("/a/b/"));
    }

    /// Any policy.
    fn policies() -> impl Strategy<Value = PathPolicy> {
        (
            select(
                &[
                    EncodedSlash::Refuse,
                    EncodedSlash::Keep,
                    EncodedSlash::Decode,
                ][..],
            ),
            select(&[EncodedOctet::Refuse, EncodedOctet::Keep][..]),
            select(&[EncodedOctet::Refuse, EncodedOctet::Keep][..]),
            select(&[DoubleSlash::Merge, DoubleSlash::Keep, DoubleSlash::Refuse][..]),
        )
            .prop_map(
                |(encoded_slash, encoded_backslash, encoded_nul, double_slash)| PathPolicy {
                    encoded_slash,
                    encoded_backslash,
                    encoded_nul,
                    double_slash,
                },
            )
    }

    /// A slash and parts that mean something to one reader or another, or noise.
    fn paths() -> impl Strategy<Value = Vec<u8>> {
        const PARTS: &[&[u8]] = &[
            b"/", b"/", b"/", b".", b".", b"..", b"/../", b"/./", b"%2e", b"%2E", b"%2f", b"%2F",
            b"%5c", b"%00", b"%25", b"%c3%a9", b"%41", b"%7e", b"%3b", b";", b"a", b"b", b"~",
            b"|", b"[", b"%", b"%4", b"\\", b"?", b"#", b" ", b"\xe9", b"\x00", b"*",
        ];
        let parts = vec(select(PARTS), 0..12).prop_map(|parts| parts.concat());
        let most = vec(select(&PARTS[..25]), 0..12).prop_map(|parts| parts.concat());
        prop_oneof![
            6 => most.prop_map(|rest| [b"/", &rest[..]].concat()),
            2 => parts.prop_map(|rest| [b"/", &rest[..]].concat()),
            1 => vec(any::<u8>(), 0..20),
        ]
    }

    /// RFC 3986 5.2.4 by segments, on a path without escapes of unreserved characters; empty segments are merged first.
    fn without_dots(path: &[u8], policy: PathPolicy) -> Vec<u8> {
        let segments: Vec<_> = path[1..].split(|b| *b == b'/').collect();
        let last = segments.len() - 1;
        let mut kept: Vec<&[u8]> = Vec::new();
        for (at, segment) in segments.into_iter().enumerate() {
            match segment {
                b"" if at < last && policy.double_slash != DoubleSlash::Keep => {}
                b"." | b".." => {
                    if segment == b".." {
                        kept.pop();
                    }
                    if at == last {
                        kept.push(b"");
                    }
                }
                _ => kept.push(segment),
            }
        }
        [b"/", kept.join(&b'/').as_slice()].concat()
    }

    /// Escapes of unreserved characters, and of `/` where the policy says so, decoded; all others in upper case.
    fn with_decoded(path: &[u8], policy: PathPolicy) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = path;
        while let [byte, after @ ..] = rest {
            rest = after;
            match (byte, after) {
                (b'%', [high, low, after @ ..]) => {
                    rest = after;
                    let octet = hex_value(*high).unwrap() << 4 | hex_value(*low).unwrap();
                    let decodes = octet.is_ascii_alphanumeric()
                        || b"-._~".contains(&octet)
                        || octet == b'/' && policy.encoded_slash == EncodedSlash::Decode;
                    if decodes {
                        out.push(octet);
                    } else {
                        out.extend_from_slice(format!("%{octet:02X}").as_bytes());
                    }
                }
                (b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' | b'[' | b']', _) => {
                    out.extend_from_slice(format!("%{byte:02X}").as_bytes());
                }
                _ => out.push(*byte),
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 5000,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn gw_26_what_is_normal_is_safe_and_stays(raw in paths(), policy in policies()) {
            let mut normal = Vec::new();
            let found = normalise_path(&raw, policy, &mut normal);
            if is_normal_path(&raw, policy) {
                prop_assert_eq!(found, Ok(()));
                prop_assert_eq!(&normal, &raw, "the quick pass says that it is normal");
            }
            if found.is_err() {
                return Ok(());
            }
            prop_assert_eq!(&normal, &without_dots(&with_decoded(&raw, policy), policy));

            let mut again = Vec::new();
            prop_assert_eq!(normalise_path(&normal, policy, &mut again), Ok(()));
            prop_assert_eq!(&again, &normal);

            let text = std::str::from_utf8(&normal).unwrap();
            prop_assert!(text.starts_with('/'));
            let forbidden = |b: u8| !b.is_ascii_graphic() || b"\"#<>?[\\]^`{|}".contains(&b);
            prop_assert!(!text.bytes().any(forbidden), "{text}");
            prop_assert!(!text.split('/').any(|segment| matches!(segment, "." | "..")));
            prop_assert!(policy.double_slash == DoubleSlash::Keep || !text.contains("//"));
            prop_assert!(policy.encoded_slash == EncodedSlash::Keep || !text.contains("%2F"));
            prop_assert!(policy.encoded_backslash == EncodedOctet::Keep || !text.contains("%5C"));
            prop_assert!(policy.encoded_nul == EncodedOctet::Keep || !text.contains("%00"));
            prop_assert!(!text.contains("/.;") && !text.contains("/..;"));
            // The quick pass knows every normal path but those with escapes or with a dot behind a slash.
            if !text.contains('%') && !text.contains("/.") {
                prop_assert!(is_normal_path(&normal, policy));
            }
        }
    }
}
