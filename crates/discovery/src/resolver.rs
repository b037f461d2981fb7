//! One resolution: IP literals, the hosts file, then DNS with the search list of the system.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use hickory_resolver::{Hosts, MAX_TTL, TokioResolver};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::error::{ResolveError, ResolverError};
use crate::stats::Stats;
use crate::system::{load_hosts, load_system};

/// Addresses of one name that are used; more are left out, the highest first.
const ADDRESSES_MAX: usize = 1_000;
/// Names of one resolver that are asked for at a time; more wait, within their time limit.
const CONCURRENT_MAX: usize = 100;
/// All name servers, search domains and repetitions of one resolution together.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// One try at the name servers. Three fit into [`TIME_LIMIT`].
const TRY_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Tries after the first.
const RETRIES: usize = 2;

/// Asks the name servers. Clones share connections and [`Stats`]; nothing is cached.
#[derive(Clone)]
pub struct Resolver {
    shared: Arc<Shared>,
    time_limit: Duration,
}

struct Shared {
    dns: TokioResolver,
    hosts: Hosts,
    search: Vec<Name>,
    /// A name with fewer dots is looked for in the search list first.
    dots_min: usize,
    places: Semaphore,
    stats: Arc<Stats>,
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// IPv4 and IPv6, sorted, each once: 1 to 1,000.
    pub addresses: Vec<IpAddr>,
    /// The lowest TTL on the way to them, as found: neither raised nor lowered. IP literals and the hosts file have
    /// one of a day.
    pub valid_for: Duration,
}

/// An answer, perhaps without what one of its two halves would have added.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) answer: Answer,
    /// The half that failed.
    pub(crate) missing: Option<Family>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// What one question was answered with.
#[derive(Debug)]
enum Half {
    Addresses(Answer),
    NoName,
    NoAddress,
    TimedOut,
    Failed(NetError),
}

/// Why a name gave no address.
enum Lack {
    NoName,
    NoAddress,
    TimedOut,
    Failed(NetError),
}

impl Resolver {
    /// With the name servers, search list and options of `/etc/resolv.conf`, or of the system's settings on Apple
    /// systems, and the hosts file. Both are read here, blocking, and not again. A missing `/etc/resolv.conf` or one
    /// without name servers means the name server of this machine, as the C library has it. Needs no runtime.
    ///
    /// # Errors
    /// When the name servers cannot be read or make no sense.
    pub fn from_system() -> Result<Self, ResolverError> {
        let (config, options) = load_system()?;
        Self::new(config, options, load_hosts()).map_err(ResolverError::invalid)
    }

    /// With these name servers, which are asked over UDP and for truncated answers over TCP, the hosts file, and without
    /// a search list. The hosts file is read here, blocking, and not again. Needs no runtime.
    pub fn with_servers(addrs: &[SocketAddr]) -> Self {
        let server = |addr: &SocketAddr| {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = addr.port();
            }
            NameServerConfig::new(addr.ip(), true, connections)
        };
        let config = ResolverConfig::from_name_servers(addrs.iter().map(server).collect());
        Self::new(config, ResolverOpts::default(), load_hosts())
            .expect("only TLS, which is not compiled in, can make this fail")
    }

    fn new(
        mut config: ResolverConfig,
        mut options: ResolverOpts,
        hosts: Hosts,
    ) -> Result<Self, NetError> {
        let search = std::mem::take(&mut config.search);
        let dots_min = options.ndots;
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = 0;
        options.timeout = TRY_TIMEOUT;
        options.attempts = RETRIES;
        // Both halves of each name.
        options.max_active_requests = 2 * CONCURRENT_MAX;
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()?;
        let shared = Shared {
            dns,
            hosts,
            search,
            dots_min,
            places: Semaphore::new(CONCURRENT_MAX),
            stats: Arc::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            time_limit: TIME_LIMIT,
        })
    }

    /// With another bound on the time of one resolution than 5 s.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// The counters of this resolver and its clones.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.shared.stats
    }

    /// Finds the addresses of a name, within 5 s. When only one of A and AAAA is answered in that time, its addresses
    /// are the answer. Dropping the future ends the resolution.
    ///
    /// The hosts file goes before DNS, and a name that it holds is not asked for. A name that ends in a dot is not
    /// looked for in the search list.
    ///
    /// # Errors
    /// When there is no address, or none can be had in time.
    pub async fn resolve(&self, host: &str) -> Result<Answer, ResolveError> {
        self.find(host).await.map(|found| found.answer)
    }

    /// As [`Resolver::resolve`], which tells whether half of the answer is missing.
    pub(crate) async fn find(&self, host: &str) -> Result<Found, ResolveError> {
        self.shared.stats.count_resolution();
        // The futures of the DNS library measure kilobytes.
        let found = Box::pin(self.find_anywhere(host)).await;
        if found.is_err() {
            self.shared.stats.count_failure();
        }
        found
    }

    async fn find_anywhere(&self, host: &str) -> Result<Found, ResolveError> {
        if let Ok(address) = host.parse() {
            return Ok(Found::forever(vec![address]));
        }
        let name = parse_name(host)?;
        if let Some(found) = self.shared.find_in_hosts(&name) {
            return Ok(found);
        }
        let deadline = Instant::now() + self.time_limit;
        let place = timeout_at(deadline, self.shared.places.acquire()).await;
        let asked = match place {
            Ok(_place) => self.shared.ask(name, deadline).await,
            Err(_) => Err(Lack::TimedOut),
        };
        asked.map_err(|lack| lack.of(host, self.time_limit))
    }
}

impl Shared {
    fn find_in_hosts(&self, name: &Name) -> Option<Found> {
        let lookup = |of| {
            let query = Query::query(name.clone(), of);
            self.hosts.lookup_static_host(&query)
        };
        let lookups = [RecordType::A, RecordType::AAAA].map(lookup);
        let records = lookups.iter().flatten().flat_map(|lookup| lookup.answers());
        let addresses: Vec<IpAddr> = records.filter_map(|record| record.data.ip_addr()).collect();
        (!addresses.is_empty()).then(|| Found::forever(addresses))
    }

    /// Tries the name with and without the search list in the order that users of the C library expect: silence ends
    /// it, so that a slow name server does not turn one name into another; a name server that answers, if only with a
    /// failure, does not.
    async fn ask(&self, name: Name, deadline: Instant) -> Result<Found, Lack> {
        let mut lack = Lack::NoName;
        for name in self.candidates(name) {
            let (v4, v6) = tokio::join!(
                self.ask_half(&name, RecordType::A, deadline),
                self.ask_half(&name, RecordType::AAAA, deadline),
            );
            match join(v4, v6) {
                Ok(found) => return Ok(found),
                Err(Lack::TimedOut) => return Err(Lack::TimedOut),
                Err(worse) => lack = lack.or(worse),
            }
        }
        Err(lack)
    }

    fn candidates(&self, name: Name) -> Vec<Name> {
        if name.is_fqdn() {
            return vec![name];
        }
        let searched = self.search.iter().filter_map(|domain| {
            // A name that is too long with the domain does not exist.
            let mut name = name.clone().append_domain(domain).ok()?;
            name.set_fqdn(true);
            Some(name)
        });
        let mut absolute = name.clone();
        absolute.set_fqdn(true);
        let absolute_first = usize::from(name.num_labels()) > self.dots_min || name.is_localhost();
        if absolute_first {
            std::iter::once(absolute).chain(searched).collect()
        } else {
            searched.chain(std::iter::once(absolute)).collect()
        }
    }

    async fn ask_half(&self, name: &Name, of: RecordType, deadline: Instant) -> Half {
        match timeout_at(deadline, self.dns.lookup(name.clone(), of)).await {
            Ok(Ok(lookup)) => Half::of(lookup.answers()),
            Ok(Err(error)) if error.is_nx_domain() => Half::NoName,
            Ok(Err(error)) if error.is_no_records_found() => Half::NoAddress,
            Ok(Err(NetError::Timeout)) | Err(_) => Half::TimedOut,
            Ok(Err(error)) => Half::Failed(error),
        }
    }
}

impl Half {
    fn of(records: &[Record]) -> Self {
        let addresses = records.iter().filter_map(|record| record.data.ip_addr());
        let addresses = sorted(addresses.collect());
        let ttl = records.iter().map(|record| record.ttl).min();
        match ttl {
            Some(ttl) if !addresses.is_empty() => Self::Addresses(Answer {
                addresses,
                valid_for: Duration::from_secs(ttl.into()),
            }),
            Some(_) | None => Self::NoAddress,
        }
    }

    /// The addresses, or why there are none.
    fn into_answer(self) -> Result<Answer, Lack> {
        match self {
            Self::Addresses(answer) => Ok(answer),
            Self::NoName => Err(Lack::NoName),
            Self::NoAddress => Err(Lack::NoAddress),
            Self::TimedOut => Err(Lack::TimedOut),
            Self::Failed(error) => Err(Lack::Failed(error)),
        }
    }
}

impl Lack {
    /// The one of two that says more about why there is no address: what may be over soon, or the first.
    fn or(self, other: Self) -> Self {
        if other.rank() > self.rank() {
            other
        } else {
            self
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::NoName => 0,
            Self::NoAddress => 1,
            Self::Failed(_) => 2,
            Self::TimedOut => 3,
        }
    }

    /// Whether the answer is that there is nothing.
    fn is_certain(&self) -> bool {
        match self {
            Self::NoName | Self::NoAddress => true,
            Self::TimedOut | Self::Failed(_) => false,
        }
    }

    fn of(self, host: &str, limit: Duration) -> ResolveError {
        let host = host.into();
        match self {
            Self::NoName => ResolveError::NoSuchName { host },
            Self::NoAddress => ResolveError::NoAddress { host },
            Self::TimedOut => ResolveError::TimedOut { host, limit },
            Self::Failed(error) => ResolveError::ServerFailed {
                host,
                source: Box::new(error),
            },
        }
    }
}

impl Found {
    fn forever(addresses: Vec<IpAddr>) -> Self {
        Self {
            answer: Answer {
                addresses: sorted(addresses),
                valid_for: Duration::from_secs(MAX_TTL.into()),
            },
            missing: None,
        }
    }
}

fn join(v4: Half, v6: Half) -> Result<Found, Lack> {
    let only = |answer, lack: &Lack, family| Found {
        answer,
        missing: (!lack.is_certain()).then_some(family),
    };
    match (v4.into_answer(), v6.into_answer()) {
        (Ok(v4), Ok(v6)) => Ok(Found {
            answer: Answer {
                addresses: sorted([v4.addresses, v6.addresses].concat()),
                valid_for: v4.valid_for.min(v6.valid_for),
            },
            missing: None,
        }),
        (Ok(v4), Err(lack)) => Ok(only(v4, &lack, Family::V6)),
        (Err(lack), Ok(v6)) => Ok(only(v6, &lack, Family::V4)),
        (Err(v4), Err(v6)) => Err(v4.or(v6)),
    }
}

/// Sorted, each once, and no more than may be.
pub(crate) fn sorted(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    addresses
}

/// Case makes no difference (RFC 4343).
fn parse_name(host: &str) -> Result<Name, ResolveError> {
    let malformed = |source| ResolveError::Malformed {
        host: host.into(),
        source,
    };
    if host.is_empty() {
        return Err(malformed("it is empty".into()));
    }
    Name::from_ascii(host.to_ascii_lowercase()).map_err(|error| malformed(error.into()))
}

#[cfg(all(test, not(target_vendor = "apple")))]
#[expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]
mod tests {
    use super::*;
    use crate::system::parse_system;

    fn resolver(resolv_conf: &str, hosts: &str) -> Resolver {
        let (config, options) = parse_system(resolv_conf.into()).unwrap();
        let mut file = Hosts::default();
        file.read_hosts_conf(hosts.as_bytes()).unwrap();
        Resolver::new(config, options, file).unwrap()
    }

    #[test]
    fn names_are_searched_for_as_the_c_library_does() {
        let conf = "nameserver 192.0.2.53\nsearch one.test two.test\noptions ndots:2\n";
        let resolver = resolver(conf, "");
        let cases: [(&str, &[&str]); 4] = [
            ("a", &["a.one.test.", "a.two.test.", "a."]),
            ("a.b", &["a.b.one.test.", "a.b.two.test.", "a.b."]),
            ("a.b.c", &["a.b.c.", "a.b.c.one.test.", "a.b.c.two.test."]),
            ("a.", &["a."]),
        ];
        for (host, expected) in cases {
            let names = resolver.shared.candidates(parse_name(host).unwrap());
            let names: Vec<String> = names.iter().map(Name::to_string).collect();
            assert_eq!(names, expected, "{host}");
        }
    }

    /// The name server is at an address that leads nowhere.
    #[tokio::test]
    async fn the_hosts_file_goes_before_dns() {
        let hosts = "192.0.2.7 Box box.alias # one family is enough\n2001:db8::7 six\n";
        let resolver = resolver("nameserver 192.0.2.53\nsearch one.test\n", hosts);
        let cases = [
            ("box", "192.0.2.7"),
            ("BOX.", "192.0.2.7"),
            ("box.alias", "192.0.2.7"),
            ("six", "2001:db8::7"),
        ];
        for (host, expected) in cases {
            let found = resolver.resolve(host).await.unwrap();
            assert_eq!(found.addresses, [expected.parse::<IpAddr>().unwrap()]);
        }
    }
}
