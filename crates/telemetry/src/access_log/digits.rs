//! Numbers and addresses of a line.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::line::Line;
use crate::ascii::{Ascii, last_digit};

pub(crate) fn put_number(line: &mut Line<'_>, number: impl Into<u64>) {
    line.put(Ascii::number(number).as_bytes());
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

pub(crate) fn put_ip(line: &mut Line<'_>, ip: IpAddr) {
    line.put(Ascii::ip(ip).as_bytes());
}

pub(crate) fn put_addr(line: &mut Line<'_>, addr: SocketAddr) {
    line.put(Ascii::socket(addr).as_bytes());
}
