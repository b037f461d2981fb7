//! Numbers and addresses in decimal, without formatting machinery and without allocating.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::line::Line;

/// The longest `u64`.
const DIGITS_MAX: usize = 20;

pub(crate) fn put_number(line: &mut Line<'_>, number: impl Into<u64>) {
    let mut digits = [0; DIGITS_MAX];
    let mut left = number.into();
    let mut start = DIGITS_MAX;
    for digit in digits.iter_mut().rev() {
        *digit = last_digit(left);
        left /= 10;
        start -= 1;
        if left == 0 {
            break;
        }
    }
    line.put(digits.get(start..).unwrap_or_default());
}

/// Milliseconds with three decimals: `12.345`.
pub(crate) fn put_millis(line: &mut Line<'_>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let rest = micros % 1000;
    put_number(line, micros / 1000);
    line.put(&[
        b'.',
        last_digit(rest / 100),
        last_digit(rest / 10),
        last_digit(rest),
    ]);
}

/// An IPv4 address is the common case. IPv6 has rules for shortening that the standard library knows; it formats
/// within the stack.
pub(crate) fn put_ip(line: &mut Line<'_>, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    line.put(b".");
                }
                put_number(line, octet);
            }
        }
        IpAddr::V6(v6) => write!(line, "{v6}").expect("a line takes or remembers everything"),
    }
}

pub(crate) fn put_addr(line: &mut Line<'_>, addr: SocketAddr) {
    match addr {
        SocketAddr::V4(_) => put_ip(line, addr.ip()),
        SocketAddr::V6(_) => {
            line.put(b"[");
            put_ip(line, addr.ip());
            line.put(b"]");
        }
    }
    line.put(b":");
    put_number(line, addr.port());
}

fn last_digit(number: u64) -> u8 {
    b"0123456789"
        .get(usize::try_from(number % 10).unwrap_or(0))
        .copied()
        .unwrap_or(b'0')
}
