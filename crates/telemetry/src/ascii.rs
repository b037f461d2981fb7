//! Short texts of numbers and addresses, made on the stack: without formatting machinery where it matters, and without
//! allocating.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

/// The longest is a socket address: `[` 39 characters of IPv6, a scope, `]:65535`.
const MAX: usize = 64;
/// The longest `u64`.
const DIGITS_MAX: usize = 20;
const DIGITS: &[u8; 10] = b"0123456789";

/// Each octet as it stands in an address, a dot behind it, and how many of the characters that is.
static OCTETS: [([u8; 4], usize); 256] = octets();

/// A short text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ascii {
    bytes: [u8; MAX],
    len: usize,
}

impl Ascii {
    /// No text.
    pub(crate) const EMPTY: Self = Self {
        bytes: [0; MAX],
        len: 0,
    };

    /// In decimal.
    pub(crate) fn number(number: impl Into<u64>) -> Self {
        let mut text = Self::EMPTY;
        text.push_number(number.into());
        text
    }

    /// An address as the standard library writes it.
    pub(crate) fn ip(ip: IpAddr) -> Self {
        let mut text = Self::EMPTY;
        text.push_ip(ip);
        text
    }

    /// An address and port as the standard library writes them, without a scope.
    pub(crate) fn socket(addr: SocketAddr) -> Self {
        let mut text = Self::EMPTY;
        match addr {
            SocketAddr::V4(_) => text.push_ip(addr.ip()),
            SocketAddr::V6(_) => {
                text.push(b"[");
                text.push_ip(addr.ip());
                text.push(b"]");
            }
        }
        text.push(b":");
        text.push_number(addr.port().into());
        text
    }

    /// The text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The same.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
            self.len = end;
        }
    }

    fn push_number(&mut self, number: u64) {
        let mut digits = [0; DIGITS_MAX];
        let mut left = number;
        let mut start = DIGITS_MAX;
        for digit in digits.iter_mut().rev() {
            *digit = last_digit(left);
            left /= 10;
            start -= 1;
            if left == 0 {
                break;
            }
        }
        self.push(digits.get(start..).unwrap_or_default());
    }

    /// An IPv4 address is the common case. IPv6 has rules for shortening that the standard library knows.
    fn push_ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(v4) => {
                for octet in v4.octets() {
                    let (text, len) = OCTETS[usize::from(octet)];
                    self.push(&text);
                    // Digits and the dot.
                    self.len -= text.len() - len;
                }
                self.len -= 1;
            }
            IpAddr::V6(v6) => write!(self, "{v6}").expect("the longest address has room"),
        }
    }
}

impl fmt::Write for Ascii {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

const fn octets() -> [([u8; 4], usize); 256] {
    let mut all = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < all.len() {
        let (hundreds, tens, ones) = (octet / 100, octet / 10 % 10, octet % 10);
        let [hundreds, tens, ones] = [DIGITS[hundreds], DIGITS[tens], DIGITS[ones]];
        all[octet] = match octet {
            0..=9 => ([ones, b'.', b'.', b'.'], 2),
            10..=99 => ([tens, ones, b'.', b'.'], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        octet += 1;
    }
    all
}

/// The last digit of a number in decimal.
pub(crate) fn last_digit(number: u64) -> u8 {
    DIGITS
        .get(usize::try_from(number % 10).unwrap_or(0))
        .copied()
        .unwrap_or(b'0')
}
