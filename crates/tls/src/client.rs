//! Who a client says it is, by a certificate that was verified.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

/// Bytes of a subject, and of all alternative names. A part of a name would be another name.
const TEXT_MAX: usize = 4096;

/// A client's certificate as upstreams are told of it. In values whatever could be read as the beginning of another, and
/// what is not printable ASCII, is percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The distinguished name, in the order of RFC 4514: `CN=alice,O=Example`.
    pub subject: Box<str>,
    /// Alternative names: `DNS=alice.example.com,URI=spiffe://example.com/alice`; empty when there are none.
    pub alternatives: Box<str>,
}

impl ClientIdentity {
    /// `None` for what is no certificate, or one whose names cannot be read or are longer than 4 KiB.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let names = parsed.subject_alternative_name().ok()?;
        let names = names.map(|names| &*names.value.general_names);
        let (subject, alternatives) = (
            subject(parsed.subject())?,
            alternatives(names.unwrap_or_default())?,
        );
        let fits = subject.len().max(alternatives.len()) <= TEXT_MAX;
        fits.then(|| Self {
            subject: subject.into(),
            alternatives: alternatives.into(),
        })
    }
}

/// The last part first (RFC 4514 2.1); parts of one level are joined by a plus sign.
fn subject(name: &X509Name<'_>) -> Option<String> {
    let mut levels = Vec::new();
    for level in name.iter_rdn() {
        let mut parts = Vec::new();
        for part in level.iter() {
            let kind = part.attr_type();
            let kind = match oid2abbrev(kind, oid_registry()) {
                Ok(short) => short.to_owned(),
                Err(_) => kind.to_id_string(),
            };
            parts.push(format!("{kind}={}", shown(part.as_str().ok()?)));
        }
        levels.push(parts.join("+"));
    }
    levels.reverse();
    Some(levels.join(","))
}

fn alternatives(names: &[GeneralName<'_>]) -> Option<String> {
    let mut told = Vec::new();
    for name in names {
        told.push(match name {
            GeneralName::DNSName(text) => format!("DNS={}", shown(text)),
            GeneralName::URI(text) => format!("URI={}", shown(text)),
            GeneralName::RFC822Name(text) => format!("email={}", shown(text)),
            GeneralName::IPAddress(octets) => format!("IP={}", shown_address(octets)?),
            // Kinds that have no common text.
            GeneralName::OtherName(..)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::RegisteredID(_)
            | GeneralName::Invalid(..) => continue,
        });
    }
    Some(told.join(","))
}

/// A value of which no part can be read as anything else.
fn shown(text: &str) -> String {
    let mut out = String::new();
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        let is_plain = match byte {
            b' ' => at != 0 && at != last,
            b'%' | b',' | b'=' | b'+' | b';' | b'"' | b'\\' | b'<' | b'>' => false,
            byte => byte.is_ascii_graphic(),
        };
        if is_plain {
            out.push(char::from(byte));
        } else {
            // Into a string it cannot fail.
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

fn shown_address(octets: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    let v6 = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(v6).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_hold_other_values() {
        for (text, expected) in [
            ("alice", "alice"),
            ("alice, O=Admins", "alice%2C O%3DAdmins"),
            (
                "spiffe://x/mallory,DNS=admin",
                "spiffe://x/mallory%2CDNS%3Dadmin",
            ),
            ("a+b;c\"d\\e<f>", "a%2Bb%3Bc%22d%5Ce%3Cf%3E"),
            ("100%", "100%25"),
            (" alice ", "%20alice%20"),
            ("Zo\u{eb}\r\n", "Zo%C3%AB%0D%0A"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
