//! The names a certificate is for (RFC 6125, RFC 9525): those of its subjectAltName, nothing of its subject.

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

/// Names and addresses of one certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// In lower case.
    pub(crate) exact: Vec<Box<str>>,
    /// Of wildcards what follows the asterisk: `.example.com`.
    pub(crate) suffixes: Vec<Box<str>>,
    pub(crate) addresses: Vec<IpAddr>,
}

impl CertificateNames {
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
            return names;
        };
        for name in &alternatives.value.general_names {
            if let GeneralName::DNSName(name) = name {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix('*') {
                    Some(suffix) if suffix.starts_with('.') => names.suffixes.push(suffix.into()),
                    Some(_) => {}
                    None => names.exact.push(name.into()),
                }
            } else if let GeneralName::IPAddress(octets) = name {
                names.addresses.extend(address(octets));
            }
        }
        names
    }

    /// Whether it is for nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.suffixes.is_empty() && self.addresses.is_empty()
    }

    /// Whether the certificate is for this host: a name in lower case without a dot at its end, or an address without
    /// brackets. A wildcard stands for one label (RFC 9525 6.3).
    pub fn covers(&self, host: &[u8]) -> bool {
        let Ok(host) = std::str::from_utf8(host) else {
            return false;
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let is_exact = self.exact.iter().any(|name| **name == *host);
        is_exact || suffix(host).is_some_and(|of| self.suffixes.iter().any(|name| **name == *of))
    }
}

/// What a wildcard that stands for the first label has behind it.
pub(crate) fn suffix(host: &str) -> Option<&str> {
    let dot = host.find('.').filter(|at| *at > 0)?;
    host.get(dot..)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(octets).ok().map(IpAddr::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cover_hosts() {
        let names = CertificateNames {
            exact: vec!["example.com".into()],
            suffixes: vec![".example.com".into()],
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        };
        for (host, expected) in [
            ("example.com", true),
            ("a.example.com", true),
            ("a.b.example.com", false),
            (".example.com", false),
            ("example.org", false),
            ("aexample.com", false),
            ("127.0.0.1", true),
            ("::1", true),
            ("127.0.0.2", false),
            ("", false),
            ("com", false),
        ] {
            assert_eq!(names.covers(host.as_bytes()), expected, "{host}");
        }
        assert!(!names.covers(b"\xff"));
    }
}
