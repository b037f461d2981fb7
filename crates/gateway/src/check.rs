//! Normalises a request head and decides what its connection fields mean, before a route is looked for.

use base::RequestId;
use h1::{Framing, request_framing};
use message::{FieldKind, Fields, MethodKind, RequestHead, Version, list_elements};

use crate::plan::{ListenerPlan, UnderscoreFields};
use crate::refusal::Refusal;

/// More elements than any honest Connection field has.
const NOMINATIONS_MAX: usize = 16;
const REQUEST_ID_MAX: usize = 128;
/// Ranges of one request: each costs an origin more than it costs who asks (GW-45; RFC 9110 17.15).
const RANGES_MAX: usize = 200;

/// What the head asks of this connection, decided once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Where the body ends.
    pub(crate) framing: Framing,
    /// Whether the client wants the connection kept.
    pub(crate) keep_alive: bool,
    /// Whether it waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// Whether it asks to become a WebSocket.
    pub(crate) websocket: bool,
    /// Whether it takes trailers (GW-29).
    pub(crate) te_trailers: bool,
}

/// Checks and normalises the head in place: path, field names, nominations, request id.
///
/// # Errors
/// The [`Refusal`] to answer.
pub(crate) fn check_request(
    head: &mut RequestHead,
    listener: &ListenerPlan,
    via: &[u8],
) -> Result<Asked, Refusal> {
    let framing = request_framing(&head.fields, head.version)?;
    if let Framing::Length(length) = framing
        && length > listener.limits.body_max
    {
        return Err(Refusal::BodyTooLarge);
    }
    head.normalise_path(listener.paths)?;
    check_underscores(head, listener.underscore_fields)?;
    if head.method == MethodKind::Trace {
        return Err(Refusal::TraceRefused);
    }
    if head
        .fields
        .all(FieldKind::Via)
        .any(|value| value.windows(via.len()).any(|part| part == via))
    {
        return Err(Refusal::Loop);
    }
    let expects_continue = check_expect(head)?;
    let connection = check_connection(head)?;
    let websocket = connection.upgrade
        && head.version == Version::Http11
        && head.method == MethodKind::Get
        && framing == Framing::None
        && head
            .fields
            .all(FieldKind::Upgrade)
            .flat_map(list_elements)
            .any(|token| token.eq_ignore_ascii_case(b"websocket"));
    let te_trailers = head
        .fields
        .all(FieldKind::Te)
        .flat_map(list_elements)
        .any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
    ensure_request_id(head);
    Ok(Asked {
        framing,
        keep_alive: connection.keep_alive,
        expects_continue: expects_continue
            && !matches!(framing, Framing::None | Framing::Length(0)),
        websocket,
        te_trailers,
    })
}

/// CGI-like origins read `X_Real_IP` and `X-Real-IP` alike.
fn check_underscores(head: &mut RequestHead, policy: UnderscoreFields) -> Result<(), Refusal> {
    if policy == UnderscoreFields::Keep {
        return Ok(());
    }
    let holds = |name: &[u8]| name.contains(&b'_');
    if !head
        .fields
        .iter()
        .any(|field| field.kind == FieldKind::Other && holds(field.name))
    {
        return Ok(());
    }
    if policy == UnderscoreFields::Refuse {
        return Err(Refusal::UnderscoreField);
    }
    head.fields
        .remove_where(|field| field.kind == FieldKind::Other && holds(field.name));
    Ok(())
}

/// Only `100-continue` is known (GW-35); an HTTP/1.0 client's is ignored (RFC 9110 10.1.1).
fn check_expect(head: &RequestHead) -> Result<bool, Refusal> {
    let mut expects = false;
    for value in head.fields.all(FieldKind::Expect) {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::UnknownExpectation);
        }
        expects = true;
    }
    Ok(expects && head.version == Version::Http11)
}

/// Removes Range when it asks for more than [`RANGES_MAX`]: without it a server answers with the whole, as every server
/// may (RFC 9110 14.2). Says whether it did.
pub(crate) fn cap_ranges(fields: &mut Fields) -> bool {
    let ranges: usize = fields
        .all(FieldKind::Range)
        .map(|value| list_elements(value).count())
        .sum();
    let is_many = ranges > RANGES_MAX;
    if is_many {
        fields.remove_where(|field| field.kind == FieldKind::Range);
    }
    is_many
}

/// Whether a request may go on to another hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// It may.
    Further,
    /// The client asked for this hop's own answer.
    Last,
}

/// Counts an OPTIONS request's Max-Forwards down (GW-31; RFC 9110 7.6.2); other methods' is passed on.
///
/// # Errors
/// [`Refusal::MaxForwards`] for one that is no number, or several.
pub(crate) fn count_hop(head: &mut RequestHead) -> Result<Hop, Refusal> {
    if head.method != MethodKind::Options {
        return Ok(Hop::Further);
    }
    let only = {
        let mut all = head.fields.all(FieldKind::MaxForwards);
        match (all.next(), all.next()) {
            (None, _) => return Ok(Hop::Further),
            (Some(only), None) => parse_hops(only),
            (Some(_), Some(_)) => None,
        }
    };
    let Some(left) = only.ok_or(Refusal::MaxForwards)?.checked_sub(1) else {
        return Ok(Hop::Last);
    };
    head.fields
        .set(b"max-forwards", left.to_string().as_bytes());
    Ok(Hop::Further)
}

fn parse_hops(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

struct Connection {
    keep_alive: bool,
    upgrade: bool,
}

/// Reads Connection and removes the fields it names (GW-28; RFC 9110 7.6.1).
fn check_connection(head: &mut RequestHead) -> Result<Connection, Refusal> {
    let mut connection = Connection {
        keep_alive: head.version == Version::Http11,
        upgrade: false,
    };
    let mut close = false;
    let mut nominated: Vec<Vec<u8>> = Vec::new();
    for token in head
        .fields
        .all(FieldKind::Connection)
        .flat_map(list_elements)
    {
        if token.eq_ignore_ascii_case(b"close") {
            close = true;
        } else if token.eq_ignore_ascii_case(b"keep-alive") {
            connection.keep_alive = true;
        } else if token.eq_ignore_ascii_case(b"upgrade") {
            connection.upgrade = true;
        } else {
            let kind = FieldKind::of(token);
            if kind.is_protected_from_nomination() || nominated.len() >= NOMINATIONS_MAX {
                return Err(Refusal::ProtectedNomination);
            }
            if !kind.is_hop_by_hop() {
                nominated.push(token.to_vec());
            }
        }
    }
    for name in &nominated {
        head.fields.remove(name);
    }
    connection.keep_alive &= !close;
    Ok(connection)
}

/// Keeps a well-formed `x-request-id`, makes one otherwise.
pub(crate) fn ensure_request_id(head: &mut RequestHead) {
    let is_well_formed = |id: &[u8]| {
        (1..=REQUEST_ID_MAX).contains(&id.len())
            && id.iter().all(|b| {
                b.is_ascii_alphanumeric()
                    || matches!(b, b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b':')
            })
    };
    let (is_kept, is_present) = {
        let mut ids = head.fields.all(FieldKind::XRequestId);
        let (first, second) = (ids.next(), ids.next());
        let is_kept = matches!((first, second), (Some(id), None) if is_well_formed(id));
        (is_kept, first.is_some())
    };
    if is_kept {
        return;
    }
    if is_present {
        head.fields
            .remove_where(|field| field.kind == FieldKind::XRequestId);
    }
    head.fields
        .append(b"x-request-id", RequestId::random().as_bytes());
}
