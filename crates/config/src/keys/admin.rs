//! `admin:`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use admin::plan::AdminPlan;
use base::Secret;

use super::listener::SOCKET_ADDRESS;
use super::scope::claim_address;
use crate::error::{ErrorKind, Fault};
use crate::kind::{Kind, Nature, OrWord, Parsed, Refusal, object};
use crate::object::{object, optional, or};
use crate::reader::Reader;
use crate::yaml::Node;

pub(super) const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

object! {
    /// The admin API. An address that is not a loopback address requires a token.
    "admin": AdminPlan => {
        /// Where it listens; never the address of a listener.
        address: or((&SOCKET_ADDRESS).checked(claim_address), DEFAULT_ADDRESS),
        /// Clients send it as `Authorization: Bearer TOKEN`; 16 to 4,096 printable characters without space.
        token: optional(&TOKEN),
    }
}

static TOKEN: Parsed<Secret> = Parsed {
    name: "secret",
    expected: "a token of 16 to 4096 printable ASCII characters without space",
    pattern: "^[!-~]{16,4096}$",
    parse: |text| {
        if (16..=4096).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Secret::new(text))
        } else {
            Err(Refusal::default())
        }
    },
    show: |_| String::new(),
    nature: Nature::Secret,
};

/// What `admin:` is when it is absent.
pub(super) fn default_admin() -> AdminPlan {
    AdminPlan {
        address: DEFAULT_ADDRESS,
        token: None,
    }
}

/// The admin API, or `off`.
pub(super) fn admin_or_off() -> impl Kind<Value = Option<AdminPlan>> {
    OrWord {
        words: &[("off", None)],
        kind: object::<AdminPlan>().checked(is_guarded),
        wrap: Some,
        unwrap: Option::as_ref,
    }
}

fn is_guarded(reader: &mut Reader<'_>, node: &Node<'_>, admin: &AdminPlan) -> bool {
    if admin.token.is_some() || admin.address.ip().to_canonical().is_loopback() {
        return true;
    }
    let expected = format!("a `token`, since {} is no loopback address", admin.address);
    let fault = Fault::new(ErrorKind::Missing, expected, "none")
        .hint("take the token from the environment: `token: ${ADMIN_TOKEN}`");
    reader.refuse::<()>(node.place, fault).is_some()
}
