//! `OTEL_EXPORTER_OTLP_*` (specification, OTLP exporter): the variables of a signal win, each by itself, over those for
//! all signals.

use std::path::PathBuf;
use std::time::Duration;

use base::Secret;
use message::FieldName;

use super::endpoint::{Endpoint, Use, redacted};
use super::reader::{Choice, Reader};
use super::{Effect, PerSignal, Warning, headers};
use crate::plan::{OtlpCompression, OtlpProtocol};

const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How one signal is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Otlp {
    /// `_ENDPOINT`: the URL as it is to be used, with scheme `http` or `https` and without user or fragment. For HTTP it
    /// has a path; for gRPC it is scheme, host and port. Without a port it is the scheme's, 80 or 443. Default
    /// `http://localhost:4318/v1/traces` and so on, `http://localhost:4317` for gRPC. Path and query may hold keys.
    pub endpoint: String,
    /// The same for the other transport, HTTP or gRPC, for a program that is told elsewhere to use that one.
    pub other_endpoint: String,
    /// Whether a variable named the endpoint.
    pub is_endpoint_set: bool,
    /// `_PROTOCOL`; default `http/protobuf`.
    pub protocol: OtlpProtocol,
    /// `_HEADERS`: sent with each request, each name once, at most 1,024. The signal's replace the general ones.
    pub headers: Vec<(FieldName, Secret)>,
    /// `_COMPRESSION`; `None`: not set, as the program sees fit. `zstd` is an addition to the specification's words.
    pub compression: Option<OtlpCompression>,
    /// `_TIMEOUT`: the longest wait for one export; default 10 s, [`super::NO_LIMIT`] for 0.
    pub timeout: Duration,
    /// `_CERTIFICATE`: PEM file with the certificates that the receiver's is checked against.
    pub certificate: Option<PathBuf>,
    /// `_CLIENT_KEY`: PEM file with the key to `client_certificate`.
    pub client_key: Option<PathBuf>,
    /// `_CLIENT_CERTIFICATE`: PEM file with the certificate to show.
    pub client_certificate: Option<PathBuf>,
    /// Whether it is sent without TLS: what the scheme says and, for an endpoint of gRPC that is written without one,
    /// `_INSECURE` (default false). Always agrees with the scheme of `endpoint`.
    pub insecure: bool,
}

const PROTOCOLS: Choice<OtlpProtocol> = Choice {
    words: &[
        ("grpc", OtlpProtocol::Grpc),
        ("http/protobuf", OtlpProtocol::HttpProtobuf),
        ("http/json", OtlpProtocol::HttpJson),
    ],
    unsupported: &[],
};

const COMPRESSIONS: Choice<OtlpCompression> = Choice {
    words: &[
        ("gzip", OtlpCompression::Gzip),
        ("none", OtlpCompression::None),
        ("zstd", OtlpCompression::Zstd),
    ],
    unsupported: &[],
};

/// The variables of one signal, or of all.
struct Names {
    endpoint: &'static str,
    protocol: &'static str,
    headers: &'static str,
    compression: &'static str,
    timeout: &'static str,
    certificate: &'static str,
    client_key: &'static str,
    client_certificate: &'static str,
    insecure: &'static str,
}

macro_rules! names {
    ($prefix:literal) => {
        Names {
            endpoint: concat!($prefix, "ENDPOINT"),
            protocol: concat!($prefix, "PROTOCOL"),
            headers: concat!($prefix, "HEADERS"),
            compression: concat!($prefix, "COMPRESSION"),
            timeout: concat!($prefix, "TIMEOUT"),
            certificate: concat!($prefix, "CERTIFICATE"),
            client_key: concat!($prefix, "CLIENT_KEY"),
            client_certificate: concat!($prefix, "CLIENT_CERTIFICATE"),
            insecure: concat!($prefix, "INSECURE"),
        }
    };
}

const GENERAL: Names = names!("OTEL_EXPORTER_OTLP_");
const TRACES: Names = names!("OTEL_EXPORTER_OTLP_TRACES_");
const METRICS: Names = names!("OTEL_EXPORTER_OTLP_METRICS_");
const LOGS: Names = names!("OTEL_EXPORTER_OTLP_LOGS_");

pub(super) fn read(reader: &mut Reader<'_>) -> PerSignal<Otlp> {
    let general = Given::read(reader, &GENERAL);
    let mut one = |names, path| {
        let own = Given::read(reader, names);
        resolve(reader, own, &general, path)
    };
    PerSignal {
        traces: one(&TRACES, "v1/traces"),
        metrics: one(&METRICS, "v1/metrics"),
        logs: one(&LOGS, "v1/logs"),
    }
}

/// What the variables of one signal, or of all, say.
struct Given {
    /// How it is to be read depends on the protocol, which may differ between signals.
    endpoint: Option<WrittenEndpoint>,
    protocol: Option<OtlpProtocol>,
    headers: Option<Vec<(FieldName, Secret)>>,
    compression: Option<OtlpCompression>,
    timeout: Option<Duration>,
    certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    insecure: Option<bool>,
}

struct WrittenEndpoint {
    variable: &'static str,
    text: String,
}

impl Given {
    fn read(reader: &mut Reader<'_>, names: &Names) -> Self {
        let variable = names.endpoint;
        Self {
            endpoint: reader
                .text(variable)
                .map(|text| WrittenEndpoint { variable, text }),
            protocol: reader.choice(names.protocol, &PROTOCOLS),
            headers: headers::read(reader, names.headers),
            compression: reader.choice(names.compression, &COMPRESSIONS),
            timeout: reader.timeout(names.timeout),
            certificate: reader.path(names.certificate),
            client_key: reader.path(names.client_key),
            client_certificate: reader.path(names.client_certificate),
            insecure: reader.flag(names.insecure),
        }
    }
}

fn resolve(reader: &mut Reader<'_>, own: Given, general: &Given, path: &'static str) -> Otlp {
    let protocol = own
        .protocol
        .or(general.protocol)
        .unwrap_or(OtlpProtocol::HttpProtobuf);
    let is_insecure = own.insecure.or(general.insecure).unwrap_or(false);
    let grpc = Uses {
        own: Use::Grpc { is_insecure },
        general: Use::Grpc { is_insecure },
        default: "http://localhost:4317".to_owned(),
    };
    let http = Uses {
        own: Use::HttpUrl,
        general: Use::HttpBase { appended: path },
        default: format!("http://localhost:4318/{path}"),
    };
    let (uses, other) = match protocol {
        OtlpProtocol::Grpc => (grpc, http),
        OtlpProtocol::HttpProtobuf | OtlpProtocol::HttpJson => (http, grpc),
    };
    let mut tell = |warning| reader.warn(warning);
    let endpoint = uses.find(own.endpoint.as_ref(), general.endpoint.as_ref(), &mut tell);
    let is_endpoint_set = endpoint.is_some();
    // What is wrong with it was told.
    let elsewhere = other.find(own.endpoint.as_ref(), general.endpoint.as_ref(), &mut drop);
    let (endpoint, insecure) = match endpoint {
        Some(endpoint) => (endpoint.url, endpoint.is_insecure),
        None => (uses.default, true),
    };
    let path = |own: Option<PathBuf>, general: &Option<PathBuf>| own.or_else(|| general.clone());
    Otlp {
        endpoint,
        other_endpoint: elsewhere.map_or(other.default, |endpoint| endpoint.url),
        is_endpoint_set,
        protocol,
        headers: own
            .headers
            .or_else(|| general.headers.clone())
            .unwrap_or_default(),
        compression: own.compression.or(general.compression),
        timeout: own.timeout.or(general.timeout).unwrap_or(TIMEOUT_DEFAULT),
        certificate: path(own.certificate, &general.certificate),
        client_key: path(own.client_key, &general.client_key),
        client_certificate: path(own.client_certificate, &general.client_certificate),
        insecure,
    }
}

/// How a signal's endpoint and the one for all signals are read for one transport.
struct Uses {
    own: Use,
    general: Use,
    default: String,
}

impl Uses {
    fn find(
        &self,
        own: Option<&WrittenEndpoint>,
        general: Option<&WrittenEndpoint>,
        tell: &mut dyn FnMut(Warning),
    ) -> Option<Endpoint> {
        own.and_then(|own| own.parse(self.own, tell))
            .or_else(|| general?.parse(self.general, tell))
    }
}

impl WrittenEndpoint {
    fn parse(&self, used: Use, tell: &mut dyn FnMut(Warning)) -> Option<Endpoint> {
        let mut warn = |expected, effect| {
            let found = redacted(&self.text);
            tell(Warning::new(self.variable, expected, &found, effect));
        };
        match Endpoint::parse(&self.text, used) {
            Ok(endpoint) => {
                for expected in &endpoint.left_out {
                    warn(*expected, Effect::PartIgnored);
                }
                Some(endpoint)
            }
            Err(expected) => {
                warn(expected, Effect::Ignored);
                None
            }
        }
    }
}
