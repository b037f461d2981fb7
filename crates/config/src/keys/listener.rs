//! `listeners:`.

use std::net::{Ipv4Addr, SocketAddr};

use base::Cidr;
use gateway::plan::{ConnectionsMax, ForwardedHeaders, LimitsPlan, ListenerPlan, UnderscoreFields};
use message::{DoubleSlash, EncodedOctet, EncodedSlash, PathPolicy};
use tls::TlsPlan;

use super::scope::claim_address;
use super::tls::TlsConfig;
use crate::kind::{
    Choices, Kind, Nature, OrWord, Parsed, Refusal, choices, duration, list, lowered, object, size,
    whole,
};
use crate::object::{object, optional, or, required};

/// A listener as written.
#[derive(Clone)]
pub(super) struct ListenerConfig {
    address: SocketAddr,
    protocols: Vec<Protocol>,
    tls: Option<TlsPlan>,
    trusted_proxies: Vec<Cidr>,
    forwarded_headers: ForwardedHeaders,
    paths: PathPolicy,
    underscore_fields: UnderscoreFields,
    limits: LimitsPlan,
}

/// What a listener speaks; one for now, so that no plan carries it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
}

object! {
    /// An address that accepts connections.
    "listener": ListenerConfig => {
        /// Where it listens: `0.0.0.0:8080`, `[::]:8080`, or `:8080` for every IPv4 address. Port 0 asks for a free one.
        address: required((&SOCKET_ADDRESS).checked(claim_address)),
        /// What it speaks.
        protocols: or(list("protocols", PROTOCOLS, 1, 3).unique(), vec![Protocol::Http1]),
        /// How clients are greeted; absent: in plain text.
        tls: optional(lowered::<TlsConfig>()),
        /// Peers whose `X-Forwarded-*` and `Forwarded` fields are believed, as addresses or ranges.
        trusted_proxies: or(list("ranges", &RANGE, 0, 1_000), Vec::new()),
        /// Which fields tell the upstream about the client.
        forwarded_headers: or(FORWARDED_HEADERS, ForwardedHeaders::default()),
        /// How ambiguous request paths are treated.
        paths: or(object::<PathPolicy>(), PathPolicy::default()),
        /// What is done with field names that hold `_`.
        underscore_fields: or(UNDERSCORE_FIELDS, UnderscoreFields::default()),
        /// Bounds and times of its connections.
        limits: or(object::<LimitsPlan>(), LimitsPlan::default()),
    }
    later: ["proxy_protocol"];
}

object! {
    /// How paths are treated that origins read in more than one way. `refuse` answers 400.
    "paths": PathPolicy, d = PathPolicy::default() => {
        /// `%2F`: kept as it is, or decoded before dot segments are removed.
        encoded_slash: or(ENCODED_SLASH, d.encoded_slash),
        /// `%5C`; a raw backslash is always refused.
        encoded_backslash: or(ENCODED_OCTET, d.encoded_backslash),
        /// `%00`.
        encoded_nul: or(ENCODED_OCTET, d.encoded_nul),
        /// `//`: made one, or kept.
        double_slash: or(DOUBLE_SLASH, d.double_slash),
    }
}

object! {
    /// Bounds and times of a listener's connections.
    "limits": LimitsPlan, d = LimitsPlan::default() => {
        /// Bytes of a request head; 431 beyond.
        head_max: or(size::<u32>(1 << 10, 1 << 20), d.head_max),
        /// Fields of a request head; 431 beyond.
        headers_max: or(whole::<u16>(1, 1_000), d.headers_max),
        /// Bytes of a request target; 414 beyond.
        uri_max: or(size::<u32>(64, 64 << 10), d.uri_max),
        /// Bytes of a request body; 413 beyond.
        body_max: or(size::<u64>(0, 1 << 40), d.body_max),
        /// Open connections over all workers; `auto` is an equal share of two fifths of the descriptor limit.
        connections_max: or(connections_max(), d.connections_max),
        /// Open connections of one client address over all workers.
        connections_per_ip_max: or(whole::<u32>(1, 1_000_000), d.connections_per_ip_max),
        /// Requests on one connection, which is then closed after the response.
        requests_per_connection_max: or(whole::<u32>(1, 1_000_000_000), d.requests_per_connection_max),
        /// Accepted to hands shaken, where there is `tls`.
        handshake_timeout: or(duration("1ms", "1h"), d.handshake_timeout),
        /// First byte of a request to the end of its head; 408 beyond.
        head_timeout: or(duration("1ms", "1h"), d.head_timeout),
        /// Wait for the first byte of the next request.
        idle_timeout: or(duration("1ms", "24h"), d.idle_timeout),
        /// Wait for request body bytes, in sum: this plus one second per `body_rate_min` bytes received.
        body_timeout: or(duration("1ms", "1h"), d.body_timeout),
        /// Bytes per second that extend `body_timeout`.
        body_rate_min: or(size::<u32>(1, 1 << 30), d.body_rate_min),
        /// A client that takes no byte for this long is dropped.
        write_timeout: or(duration("1ms", "1h"), d.write_timeout),
    }
}

const PROTOCOLS: Choices<Protocol> = choices(&[("http1", Protocol::Http1)], &["http2", "http3"]);

const FORWARDED_HEADERS: Choices<ForwardedHeaders> = choices(
    &[
        ("x_forwarded", ForwardedHeaders::XForwarded),
        ("forwarded", ForwardedHeaders::Forwarded),
        ("both", ForwardedHeaders::Both),
        ("off", ForwardedHeaders::Off),
    ],
    &[],
);

const UNDERSCORE_FIELDS: Choices<UnderscoreFields> = choices(
    &[
        ("refuse", UnderscoreFields::Refuse),
        ("remove", UnderscoreFields::Remove),
        ("keep", UnderscoreFields::Keep),
    ],
    &[],
);

const ENCODED_SLASH: Choices<EncodedSlash> = choices(
    &[
        ("refuse", EncodedSlash::Refuse),
        ("keep", EncodedSlash::Keep),
        ("decode", EncodedSlash::Decode),
    ],
    &[],
);

const ENCODED_OCTET: Choices<EncodedOctet> = choices(
    &[
        ("refuse", EncodedOctet::Refuse),
        ("keep", EncodedOctet::Keep),
    ],
    &[],
);

const DOUBLE_SLASH: Choices<DoubleSlash> = choices(
    &[
        ("merge", DoubleSlash::Merge),
        ("keep", DoubleSlash::Keep),
        ("refuse", DoubleSlash::Refuse),
    ],
    &[],
);

/// Where a socket listens.
pub(super) static SOCKET_ADDRESS: Parsed<SocketAddr> = Parsed {
    name: "address",
    expected: "an address and a port such as 0.0.0.0:8080, [::]:8080 or :8080",
    pattern: "^.*:[0-9]{1,5}$",
    parse: |text| {
        if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
            return Ok((Ipv4Addr::UNSPECIFIED, port).into());
        }
        text.parse().map_err(|_| {
            if text.parse::<u16>().is_ok() {
                Refusal::hint(format!("did you mean `:{text}`?"))
            } else if text.starts_with("localhost:") {
                let meant = text.replace("localhost", "127.0.0.1");
                Refusal::hint(format!("did you mean `{meant}`?"))
            } else {
                Refusal::default()
            }
        })
    },
    show: SocketAddr::to_string,
    nature: Nature::Plain,
};

static RANGE: Parsed<Cidr> = Parsed {
    name: "address range",
    expected: "an address range such as 10.0.0.0/8 or ::1",
    pattern: "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$",
    parse: |text| {
        text.parse().map_err(|error| match error {
            base::CidrError::HostBits { network, .. } => Refusal {
                hint: Some(format!("did you mean `{network}`?")),
                ..Refusal::expected("no bits set beyond the prefix")
            },
            error @ (base::CidrError::Malformed { .. } | base::CidrError::PrefixTooLong { .. }) => {
                Refusal::of(error)
            }
        })
    },
    show: Cidr::to_string,
    nature: Nature::Plain,
};

fn connections_max() -> impl Kind<Value = ConnectionsMax> {
    OrWord {
        words: &[("auto", ConnectionsMax::Auto)],
        kind: whole::<u32>(1, 10_000_000),
        wrap: ConnectionsMax::Count,
        unwrap: |max| match max {
            ConnectionsMax::Auto => None,
            ConnectionsMax::Count(count) => Some(count),
        },
    }
}

impl ListenerConfig {
    pub(super) fn into_plan(self, name: Box<str>) -> ListenerPlan {
        ListenerPlan {
            name,
            address: self.address,
            tls: self.tls,
            trusted_proxies: self.trusted_proxies,
            forwarded_headers: self.forwarded_headers,
            paths: self.paths,
            underscore_fields: self.underscore_fields,
            limits: self.limits,
        }
    }

    pub(super) fn of(plan: &ListenerPlan) -> Self {
        Self {
            address: plan.address,
            protocols: vec![Protocol::Http1],
            tls: plan.tls.clone(),
            trusted_proxies: plan.trusted_proxies.clone(),
            forwarded_headers: plan.forwarded_headers,
            paths: plan.paths,
            underscore_fields: plan.underscore_fields,
            limits: plan.limits.clone(),
        }
    }
}
