//! What the system says about name servers and static names.

use hickory_resolver::Hosts;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};

use crate::error::ResolverError;

/// Longest `/etc/resolv.conf` that is read, in bytes.
#[cfg(not(target_vendor = "apple"))]
const RESOLV_CONF_MAX: u64 = 1 << 20;

/// A machine without a hosts file has no static names.
pub(crate) fn load_hosts() -> Hosts {
    Hosts::from_system().unwrap_or_default()
}

#[cfg(target_vendor = "apple")]
pub(crate) fn load_system() -> Result<(ResolverConfig, ResolverOpts), ResolverError> {
    hickory_resolver::system_conf::read_system_conf().map_err(ResolverError::invalid)
}

#[cfg(not(target_vendor = "apple"))]
pub(crate) fn load_system() -> Result<(ResolverConfig, ResolverOpts), ResolverError> {
    use std::io::{ErrorKind, Read as _};

    let mut text = Vec::new();
    match std::fs::File::open("/etc/resolv.conf") {
        Ok(file) => file
            .take(RESOLV_CONF_MAX)
            .read_to_end(&mut text)
            .map(drop)
            .map_err(|source| ResolverError::Unreadable { source })?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(ResolverError::Unreadable { source }),
    }
    parse_system(text)
}

#[cfg(not(target_vendor = "apple"))]
pub(crate) fn parse_system(
    mut text: Vec<u8>,
) -> Result<(ResolverConfig, ResolverOpts), ResolverError> {
    use hickory_resolver::system_conf::parse_resolv_conf;
    parse_resolv_conf(&text)
        .or_else(|_| {
            text.extend_from_slice(b"\nnameserver 127.0.0.1\n");
            parse_resolv_conf(&text)
        })
        .map_err(ResolverError::invalid)
}

#[cfg(all(test, not(target_vendor = "apple")))]
mod tests {
    use super::parse_system;

    #[test]
    fn without_a_name_server_it_is_this_machine() {
        for text in ["", "search one.test\n"] {
            let (config, _) = parse_system(text.into()).unwrap();
            let servers = config.name_servers();
            assert_eq!(servers.len(), 1);
            assert!(servers[0].ip.is_loopback());
        }
    }
}
