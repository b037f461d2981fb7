//! `tls:` of a listener, and of an upstream.

use std::net::IpAddr;
use std::path::PathBuf;

use tls::{CertificatePlan, ClientPlan, ConnectorPlan, MinVersion, ServerName, TlsPlan};

use super::telemetry::FILE;
use super::upstream::is_dns_name;
use crate::error::{ErrorKind, Fault};
use crate::kind::{Choices, Lower, Nature, Parsed, Refusal, choices, list, object};
use crate::object::{object, optional, or, required};
use crate::reader::Reader;
use crate::yaml::Place;

/// What is offered on both sides, in the order of preference.
const ALPN: [&str; 1] = ["http/1.1"];

/// TLS as written.
pub(super) struct TlsConfig {
    certificates: Vec<CertificatePlan>,
    client_ca: Option<PathBuf>,
    client_certificate: Option<Demand>,
    min_version: MinVersion,
}

/// What is asked of clients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Demand {
    Optional,
    Required,
}

object! {
    /// How a listener's clients are greeted. Files are read at the start and whenever they change; one that cannot be used
    /// leaves what there was in force.
    "listener_tls": TlsConfig => {
        /// Certificates; each is shown to clients that ask for one of its names, the first to all others.
        certificates: required(list("certificates", object::<CertificatePlan>(), 1, 1_000)),
        /// PEM file with the certificates that sign those of clients. Subject and alternative names of a client's certificate
        /// are sent on as `x-client-cert-subject` and `x-client-cert-san`: `CN=alice,O=Example`, `DNS=alice.example.com`,
        /// with commas and the like within values percent-encoded.
        client_ca: optional(&FILE),
        /// Whether a client without a certificate is turned away; absent: `required` beside `client_ca`. It guards this
        /// listener: routes are the same on all of them.
        client_certificate: optional(DEMAND),
        /// The oldest version that is spoken.
        min_version: or(MIN_VERSION, MinVersion::default()),
    }
}

/// TLS towards endpoints as written.
pub(super) struct UpstreamTlsConfig {
    server_name: Option<ServerName<'static>>,
    ca: Option<PathBuf>,
    certificate: Option<CertificatePlan>,
    min_version: MinVersion,
}

object! {
    /// How an upstream's endpoints are greeted. They are always verified. Files are read at the start and whenever they
    /// change; one that cannot be used leaves what there was in force.
    "upstream_tls": UpstreamTlsConfig => {
        /// The name that their certificates are to be for, and that they are asked for; absent: the host of each endpoint as
        /// it is written.
        server_name: optional(&SERVER_NAME),
        /// PEM file with the certificates that sign theirs; absent: those of the machine.
        ca: optional(&FILE),
        /// Shown to endpoints that ask for one.
        certificate: optional(object::<CertificatePlan>()),
        /// The oldest version that is spoken.
        min_version: or(MIN_VERSION, MinVersion::default()),
    }
}

object! {
    /// A certificate and its key.
    "certificate": CertificatePlan => {
        /// PEM file: the certificate, then those between it and the root.
        cert: required(&FILE),
        /// PEM file: its private key.
        key: required(&FILE),
    }
}

const DEMAND: Choices<Demand> = choices(
    &[
        ("optional", Demand::Optional),
        ("required", Demand::Required),
    ],
    &[],
);

const MIN_VERSION: Choices<MinVersion> = choices(
    &[("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)],
    &[],
);

static SERVER_NAME: Parsed<ServerName<'static>> = Parsed {
    name: "host",
    expected: "a host such as products.internal, or an address",
    pattern: "^[^/@]{1,253}$",
    parse: |text| {
        let is_name = text.parse::<IpAddr>().is_ok() || is_dns_name(text);
        let name = ServerName::try_from(text.to_ascii_lowercase());
        name.ok().filter(|_| is_name).ok_or_else(Refusal::default)
    },
    show: |name| name.to_str().into_owned(),
    nature: Nature::Plain,
};

impl Lower for UpstreamTlsConfig {
    type Plan = ConnectorPlan;

    fn lower(self, _: &mut Reader<'_>, _: Place) -> Option<ConnectorPlan> {
        Some(ConnectorPlan {
            server_name: self.server_name,
            ca: self.ca,
            certificate: self.certificate,
            min_version: self.min_version,
            alpn: ALPN.to_vec(),
        })
    }

    fn raise(plan: &ConnectorPlan) -> Self {
        Self {
            server_name: plan.server_name.clone(),
            ca: plan.ca.clone(),
            certificate: plan.certificate.clone(),
            min_version: plan.min_version,
        }
    }
}

impl Lower for TlsConfig {
    type Plan = TlsPlan;

    fn lower(self, reader: &mut Reader<'_>, place: Place) -> Option<TlsPlan> {
        let client = match (self.client_ca, self.client_certificate) {
            (Some(ca), demand) => Some(ClientPlan {
                ca,
                is_required: demand != Some(Demand::Optional),
            }),
            (None, None) => None,
            (None, Some(_)) => {
                let expected = "`client_ca` beside `client_certificate`";
                let fault = Fault::new(ErrorKind::Conflict, expected, "none");
                return reader.refuse(place, fault);
            }
        };
        Some(TlsPlan {
            certificates: self.certificates,
            client,
            min_version: self.min_version,
            alpn: ALPN.to_vec(),
        })
    }

    fn raise(plan: &TlsPlan) -> Self {
        let client = plan.client.as_ref();
        let demand = |client: &ClientPlan| match client.is_required {
            true => Demand::Required,
            false => Demand::Optional,
        };
        Self {
            certificates: plan.certificates.clone(),
            client_ca: client.map(|client| client.ca.clone()),
            client_certificate: client.map(demand),
            min_version: plan.min_version,
        }
    }
}
