//! `dns:`.

use std::net::{IpAddr, SocketAddr};

use crate::kind::{Kind, Nature, OrWord, Parsed, Refusal, list};
use crate::object::{object, or};
use crate::plan::{DnsPlan, NameServers};

object! {
    /// Who is asked for the names of endpoints. A name that stands in the hosts file is asked of nobody.
    "dns": DnsPlan => {
        /// `system` are those of `/etc/resolv.conf`, with its search list; addresses take their place and have none.
        servers: or(servers(), NameServers::System),
    }
}

fn servers() -> impl Kind<Value = NameServers> {
    OrWord {
        words: &[("system", NameServers::System)],
        kind: list("servers", &SERVER, 1, 8).unique(),
        wrap: NameServers::At,
        unwrap: |servers| match servers {
            NameServers::System => None,
            NameServers::At(addrs) => Some(addrs),
        },
    }
}

static SERVER: Parsed<SocketAddr> = Parsed {
    name: "name server",
    expected: "the address and port of a name server such as 10.0.0.2:53 or [fd00::2]:53",
    pattern: "^.+:[0-9]{1,5}$",
    parse: |text| match text.parse::<SocketAddr>() {
        Ok(addr) if addr.port() == 0 => Err(Refusal::expected("a port from 1 to 65535")),
        Ok(addr) => Ok(addr),
        Err(_) => Err(match text.parse::<IpAddr>() {
            Ok(ip) => Refusal::hint(format!("did you mean `{}`?", SocketAddr::new(ip, 53))),
            Err(_) => Refusal::default(),
        }),
    },
    show: SocketAddr::to_string,
    nature: Nature::Plain,
};
