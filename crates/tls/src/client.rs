//! Who a client says it is, by a certificate that was verified.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// Bytes of a subject, and of all alternative names, that are told.
const TEXT_MAX: usize = 4096;

/// A client's certificate as upstreams are told of it: printable ASCII, everything else percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The distinguished name (RFC 4514): `CN=alice,O=Example`.
    pub subject: Box<str>,
    /// Alternative names: `DNS=alice.example.com,URI=spiffe://example.com/alice`; empty when there are none.
    pub alternatives: Box<str>,
}

impl ClientIdentity {
    /// `None` for what is no certificate.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let subject = parsed.subject().to_string();
        let mut alternatives = String::new();
        if let Ok(Some(names)) = parsed.subject_alternative_name() {
            for name in &names.value.general_names {
                let (kind, text) = match name {
                    GeneralName::DNSName(text) => ("DNS", (*text).to_owned()),
                    GeneralName::URI(text) => ("URI", (*text).to_owned()),
                    GeneralName::RFC822Name(text) => ("email", (*text).to_owned()),
                    GeneralName::IPAddress(octets) => ("IP", shown_address(octets)),
                    // Kinds that have no common text.
                    GeneralName::OtherName(..)
                    | GeneralName::X400Address(_)
                    | GeneralName::DirectoryName(_)
                    | GeneralName::EDIPartyName(_)
                    | GeneralName::RegisteredID(_)
                    | GeneralName::Invalid(..) => continue,
                };
                if !alternatives.is_empty() {
                    alternatives.push(',');
                }
                alternatives.push_str(kind);
                alternatives.push('=');
                alternatives.push_str(&text);
            }
        }
        Some(Self {
            subject: shown(&subject),
            alternatives: shown(&alternatives),
        })
    }
}

/// As a field's value: what is no visible ASCII or space is percent-encoded, and so is the percent sign.
fn shown(text: &str) -> Box<str> {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        if out.len() >= TEXT_MAX {
            break;
        }
    }
    out.trim().into()
}

fn shown_address(octets: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return std::net::Ipv4Addr::from(v4).to_string();
    }
    match <[u8; 16]>::try_from(octets) {
        Ok(v6) => std::net::Ipv6Addr::from(v6).to_string(),
        Err(_) => String::new(),
    }
}
