//! Ranges of IP addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address range such as `10.0.0.0/8`; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// A text that is no address range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// No address before the slash.
    #[error("expected an address range such as 10.0.0.0/8 or ::1, found `{found}`")]
    Malformed {
        /// The text.
        found: Box<str>,
    },
    /// The prefix is longer than the address.
    #[error("expected a prefix length of at most {max}, found `{found}`")]
    PrefixTooLong {
        /// 32 or 128.
        max: u8,
        /// The text.
        found: Box<str>,
    },
    /// Bits are set to the right of the prefix.
    #[error("expected no bits set beyond the prefix, found `{found}`; meant {network}?")]
    HostBits {
        /// The text.
        found: Box<str>,
        /// What it would be without them.
        network: Cidr,
    },
}

impl Cidr {
    /// Whether the range holds the address. An IPv4-mapped IPv6 address counts as the IPv4 address it carries.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                shared_prefix(u128::from(network.to_bits() ^ address.to_bits()) << 96)
                    >= self.prefix
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                shared_prefix(network.to_bits() ^ address.to_bits()) >= self.prefix
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    fn masked(address: IpAddr, prefix: u8) -> IpAddr {
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        }
    }
}

/// How many leading bits of a difference are zero, at most 128.
fn shared_prefix(difference: u128) -> u8 {
    u8::try_from(difference.leading_zeros()).unwrap_or(u8::MAX)
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let malformed = || CidrError::Malformed { found: text.into() };
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => (address, Some(prefix)),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => max,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| malformed())?
            }
            Some(_) => return Err(malformed()),
        };
        if prefix > max {
            return Err(CidrError::PrefixTooLong {
                max,
                found: text.into(),
            });
        }
        let network = Self::masked(address, prefix);
        if network != address {
            return Err(CidrError::HostBits {
                found: text.into(),
                network: Self { network, prefix },
            });
        }
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, address: &str, expected: bool) {
        let range: Cidr = range.parse().unwrap();
        assert_eq!(
            range.contains(address.parse().unwrap()),
            expected,
            "{range} {address}"
        );
    }

    #[test]
    fn contains_what_the_prefix_says() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1/32", "192.0.2.2", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("::/0", "2001:db8::1", true);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
    }

    #[test]
    fn refuses_what_is_no_range() {
        for text in [
            "",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/a",
            "host/8",
        ] {
            assert!(
                matches!(text.parse::<Cidr>(), Err(CidrError::Malformed { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            "10.0.0.0/33".parse::<Cidr>(),
            Err(CidrError::PrefixTooLong { max: 32, .. })
        ));
        assert_eq!(
            "10.1.0.0/8".parse::<Cidr>().unwrap_err().to_string(),
            "expected no bits set beyond the prefix, found `10.1.0.0/8`; meant 10.0.0.0/8?"
        );
    }
}
