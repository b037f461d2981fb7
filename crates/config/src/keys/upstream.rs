//! `upstreams:`.

use std::net::SocketAddr;

use serde_json::Value as Json;
use tls::ConnectorPlan;
use upstream::plan::{Balance, ConnectionsPlan, EndpointAddress, EndpointPlan, UpstreamPlan};

use super::tls::UpstreamTlsConfig;
use crate::catalog::{Catalog, Shape};
use crate::kind::{
    Choices, Kind, Nature, Parsed, Refusal, choices, duration, list, lowered, object, whole,
};
use crate::object::{object, optional, or, required};
use crate::reader::Reader;
use crate::yaml::{Data, Node};

/// An upstream as written.
#[derive(Clone)]
pub(super) struct UpstreamConfig {
    endpoints: Vec<EndpointPlan>,
    balance: Balance,
    connections: ConnectionsPlan,
    protocol: Protocol,
    tls: Option<ConnectorPlan>,
}

/// What endpoints are spoken to in; one for now, so that no plan carries it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
}

object! {
    /// A named set of endpoints, and how connections to them are kept.
    "upstream": UpstreamConfig => {
        /// Where requests go: `host:port`, or a map with a weight. A name is resolved again when its TTL ends, and
        /// every address it has is an endpoint.
        endpoints: required(list("endpoints", Endpoint, 1, 1_000)),
        /// How an endpoint is picked: in turn (smooth over weights), by weight at random, by the fewest requests in
        /// flight, or the better of two random picks.
        balance: or(BALANCE, Balance::default()),
        /// Bounds and times of the connections to each endpoint.
        connections: or(object::<ConnectionsPlan>(), ConnectionsPlan::default()),
        /// What endpoints are spoken to in.
        protocol: or(PROTOCOL, Protocol::Http1),
        /// How endpoints are greeted; absent: in plain text.
        tls: optional(lowered::<UpstreamTlsConfig>()),
    }
    later: ["discover", "health", "outlier", "breaker"];
}

object! {
    /// An endpoint with a weight.
    "endpoint": EndpointPlan => {
        /// `host:port`.
        address: required(&ENDPOINT_ADDRESS),
        /// Its share of the traffic relative to its siblings.
        weight: or(whole::<u32>(1, 1_000), 1),
    }
}

object! {
    /// Bounds and times of the connections to one endpoint.
    "connections": ConnectionsPlan, d = ConnectionsPlan::default() => {
        /// Open connections to one endpoint over all workers.
        max: or(whole::<u32>(1, 100_000), d.max),
        /// Idle connections kept per endpoint and worker.
        idle_max: or(whole::<u32>(0, 100_000), d.idle_max),
        /// An idle connection older than this is closed.
        idle_timeout: or(duration("1ms", "24h"), d.idle_timeout),
        /// A connection older than this, shortened by up to a tenth at random, is not used again.
        lifetime_max: or(duration("1s", "7d"), d.lifetime_max),
        /// The longest wait for a connection, name resolution aside.
        connect_timeout: or(duration("1ms", "5m"), d.connect_timeout),
        /// Requests of one worker that may wait for a connection of one endpoint.
        pending_max: or(whole::<u32>(0, 100_000), d.pending_max),
        /// The longest wait in that queue.
        pending_timeout: or(duration("1ms", "5m"), d.pending_timeout),
    }
    later: ["idle_min"];
}

const BALANCE: Choices<Balance> = choices(
    &[
        ("round_robin", Balance::RoundRobin),
        ("random", Balance::Random),
        ("least_requests", Balance::LeastRequests),
        ("p2c", Balance::P2c),
    ],
    &["p2c_ewma", "maglev"],
);

const PROTOCOL: Choices<Protocol> = choices(&[("http1", Protocol::Http1)], &["http2", "auto"]);

/// `host:port`, or a map.
struct Endpoint;

impl Kind for Endpoint {
    type Value = EndpointPlan;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<EndpointPlan> {
        match node.data() {
            Data::Map(_) => object::<EndpointPlan>().read(reader, node),
            Data::Scalar(_) | Data::List(_) | Data::Shared(_) => Some(EndpointPlan {
                address: ENDPOINT_ADDRESS.read(reader, node)?,
                weight: 1,
            }),
        }
    }

    fn show(&self, value: &EndpointPlan) -> Json {
        match value.weight {
            1 => ENDPOINT_ADDRESS.show(&value.address),
            _ => object::<EndpointPlan>().show(value),
        }
    }

    fn describe(&self, catalog: &mut Catalog) -> Shape {
        let address = ENDPOINT_ADDRESS.describe(catalog);
        address.or(object::<EndpointPlan>().describe(catalog))
    }
}

static ENDPOINT_ADDRESS: Parsed<EndpointAddress> = Parsed {
    name: "`host:port`",
    expected: "a host and a port such as 127.0.0.1:9000 or products.internal:9000",
    pattern: "^[^/@]+:[0-9]{1,5}$",
    parse: parse_address,
    show: |address| match address {
        EndpointAddress::Socket(address) => address.to_string(),
        EndpointAddress::Name { host, port } => format!("{host}:{port}"),
    },
    nature: Nature::Plain,
};

fn parse_address(text: &str) -> Result<EndpointAddress, Refusal> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match address.port() {
            0 => Err(Refusal::expected("a port from 1 to 65535")),
            _ => Ok(EndpointAddress::Socket(address)),
        };
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        let port = match (scheme, host.contains(':')) {
            ("https", false) => ":443",
            ("http", false) => ":80",
            (_, _) => "",
        };
        return Err(Refusal::hint(format!("did you mean `{host}{port}`?")));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(Refusal::hint("the port is missing"));
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let port = match port.parse() {
        Ok(port @ 1..) if digits => port,
        Ok(_) | Err(_) => return Err(Refusal::expected("a port from 1 to 65535")),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if !is_dns_name(&host) {
        return Err(Refusal::default());
    }
    Ok(EndpointAddress::Name {
        host: host.into(),
        port,
    })
}

/// Labels of 1 to 63 letters, digits, `-` and `_`, at most 253 bytes in sum (RFC 1035 2.3.4), and no number as the
/// last: that is a misspelt IPv4 address.
pub(super) fn is_dns_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    host.len() <= 253
        && host.split('.').all(is_label)
        && !host.rsplit('.').next().is_none_or(is_number)
}

impl UpstreamConfig {
    pub(super) fn into_plan(self, name: Box<str>) -> UpstreamPlan {
        UpstreamPlan {
            name,
            endpoints: self.endpoints,
            balance: self.balance,
            connections: self.connections,
            tls: self.tls,
        }
    }

    pub(super) fn of(plan: &UpstreamPlan) -> Self {
        Self {
            endpoints: plan.endpoints.clone(),
            balance: plan.balance,
            connections: plan.connections.clone(),
            protocol: Protocol::Http1,
            tls: plan.tls.clone(),
        }
    }
}
