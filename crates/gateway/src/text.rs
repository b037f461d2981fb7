//! Fills the variables of a [`TextTemplate`].

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use message::{FieldKind, RequestHead};

use crate::plan::{Part, TextTemplate, Variable};
use crate::router::PathTemplate;

/// What variables are taken from.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) client_ip: IpAddr,
    pub(crate) template: Option<&'a PathTemplate>,
}

/// Appends the text. Every value is made of bytes that a field value may hold: paths and hosts are normalised, ids and
/// addresses have alphabets of their own (GW-15).
pub(crate) fn append_text(out: &mut Vec<u8>, text: &TextTemplate, values: Values<'_>) {
    for part in text.parts() {
        match part {
            Part::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
            Part::Variable(variable) => append_variable(out, variable, values),
        }
    }
}

fn append_variable(
    out: &mut Vec<u8>,
    variable: &Variable,
    Values {
        head,
        client_ip,
        template,
    }: Values<'_>,
) {
    match variable {
        Variable::ClientIp => append_ip(out, client_ip),
        Variable::RequestId => {
            out.extend_from_slice(head.fields.first(FieldKind::XRequestId).unwrap_or_default())
        }
        Variable::Host => out.extend_from_slice(head.host()),
        Variable::Method => out.extend_from_slice(head.method_text()),
        Variable::Scheme => out.extend_from_slice(b"http"),
        Variable::Path => out.extend_from_slice(head.path()),
        Variable::Query => {
            if let Some(query) = head.query() {
                out.push(b'?');
                out.extend_from_slice(query);
            }
        }
        Variable::PathParam(name) => {
            let captured = template.and_then(|template| template.capture(head.path(), name));
            out.extend_from_slice(captured.unwrap_or_default());
        }
    }
}

/// Appends an address as text; IPv6 without brackets.
pub(crate) fn append_ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                h1::append_decimal(out, u64::from(octet));
            }
        }
        IpAddr::V6(_) => {
            // A vector takes every byte.
            drop(write!(out, "{address}"));
        }
    }
}

/// Appends an address with its port; IPv6 in brackets.
pub(crate) fn append_socket(out: &mut Vec<u8>, address: SocketAddr) {
    // A vector takes every byte.
    drop(write!(out, "{address}"));
}

/// Gives back memory that one large message made a vector hold on to.
pub(crate) fn shrink(vec: &mut Vec<u8>, kept: usize) {
    vec.clear();
    if vec.capacity() > kept {
        *vec = Vec::new();
    }
}
