//! One name over time.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::error::ResolveError;
use crate::resolver::{Family, Found, Resolver, sorted};

/// Between two resolutions that both found addresses.
const TTL_MIN: Duration = Duration::from_secs(1);
const TTL_MAX: Duration = Duration::from_secs(300);
/// Between a resolution that found none and the next.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A name has other addresses than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The name, as it was given.
    pub host: Box<str>,
    /// All its addresses, sorted, each once: 1 to 1,000.
    pub addresses: Vec<IpAddr>,
}

/// Resolves a name, again and again, until the receiver is gone; sends the first answer and every change.
///
/// The next resolution is due when the TTL ends, which counts as no less than 1 s and no more than 5 min, plus up to a
/// tenth of that at random. When a resolution fails or finds no address, the last good set stays in force, without a
/// bound in time, and the next is due after 1 s, then 2 s and so on up to 30 s, plus up to a tenth. When only one of A
/// and AAAA fails, the last good addresses of that family stay. The first failure in a row is logged, and its end.
///
/// While the channel is full, it waits and does not resolve. Dropping the future is safe at any time; nothing is sent
/// by halves.
pub async fn follow(resolver: Resolver, host: Box<str>, updates: Sender<Update>) {
    let mut followed = Followed {
        host,
        addresses: Vec::new(),
        failures: 0,
    };
    loop {
        let found = tokio::select! {
            () = updates.closed() => return,
            found = resolver.find(&followed.host) => found,
        };
        let pause = match found {
            Ok(found) => {
                let ttl = found.answer.valid_for;
                if let Some(update) = followed.accept(found)
                    && updates.send(update).await.is_err()
                {
                    return;
                }
                ttl.clamp(TTL_MIN, TTL_MAX)
            }
            Err(error) => followed.fail(&error),
        };
        tokio::select! {
            () = updates.closed() => return,
            () = sleep(jittered(pause)) => {}
        }
    }
}

/// What is known of a name.
struct Followed {
    host: Box<str>,
    /// The last good set; empty until there is one.
    addresses: Vec<IpAddr>,
    /// In a row, up to now.
    failures: u32,
}

impl Followed {
    fn accept(&mut self, found: Found) -> Option<Update> {
        if self.failures > 0 {
            info!(
                host = &*self.host,
                failures = self.failures,
                "host name resolves again"
            );
            self.failures = 0;
        }
        let addresses = match found.missing {
            Some(family) => self.with_last_of(family, found.answer.addresses),
            None => found.answer.addresses,
        };
        if addresses == self.addresses {
            return None;
        }
        self.addresses.clone_from(&addresses);
        Some(Update {
            host: self.host.clone(),
            addresses,
        })
    }

    fn with_last_of(&self, family: Family, mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        let of_family = |address: &&IpAddr| match family {
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        };
        addresses.extend(self.addresses.iter().filter(of_family));
        sorted(addresses)
    }

    /// Returns the pause before the next try.
    fn fail(&mut self, error: &ResolveError) -> Duration {
        if self.failures == 0 {
            warn!(
                host = &*self.host,
                error = error as &dyn std::error::Error,
                addresses_kept = self.addresses.len(),
                "host name does not resolve",
            );
        }
        let pause = RETRY_MIN.saturating_mul(1 << self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        pause.min(RETRY_MAX)
    }
}

/// Plus up to a tenth, so that many names do not fall into step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + 0.1 * fastrand::f64())
}
