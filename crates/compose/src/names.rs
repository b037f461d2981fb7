//! Upstream endpoints given by name: who follows them, and what they stand for.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use config::{DnsPlan, NameServers, Plan};
use discovery::{Resolver, Update, follow};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use upstream::ResolvedEndpoint;
use upstream::plan::{EndpointAddress, UpstreamPlan};

/// Answers that may wait to be passed on.
const UPDATES_MAX: usize = 64;

/// Every name the plan in force follows.
pub(crate) struct Names {
    dns: DnsPlan,
    resolver: Option<Resolver>,
    followers: JoinSet<()>,
    followed: HashMap<Box<str>, AbortHandle>,
    known: HashMap<Box<str>, Vec<IpAddr>>,
    changed: BTreeSet<Box<str>>,
    updates: mpsc::Receiver<Update>,
    sender: mpsc::Sender<Update>,
}

impl Default for Names {
    fn default() -> Self {
        let (sender, updates) = mpsc::channel(UPDATES_MAX);
        Self {
            dns: DnsPlan::default(),
            resolver: None,
            followers: JoinSet::new(),
            followed: HashMap::new(),
            known: HashMap::new(),
            changed: BTreeSet::new(),
            updates,
            sender,
        }
    }
}

impl Names {
    /// Follows exactly the names of the plan, all of them anew when others are to be asked. Returns those it did not
    /// follow before.
    pub(crate) fn follow(&mut self, plan: &Plan) -> Vec<Box<str>> {
        if self.dns != plan.dns {
            self.ask_others(&plan.dns);
        }
        let wanted: BTreeSet<&str> = plan.upstreams.iter().flat_map(names_of).collect();
        self.followed.retain(|host, follower| {
            let stays = wanted.contains(&**host);
            if !stays {
                follower.abort();
            }
            stays
        });
        self.known.retain(|host, _| wanted.contains(&**host));
        let new: Vec<Box<str>> = wanted
            .into_iter()
            .filter(|host| !self.followed.contains_key(*host))
            .map(Box::from)
            .collect();
        for host in &new {
            self.begin(host);
        }
        new
    }

    /// Stops asking who was asked so far. What names stood for holds until the others answer.
    fn ask_others(&mut self, dns: &DnsPlan) {
        self.dns = dns.clone();
        self.resolver = None;
        for follower in self.followed.drain().map(|(_, follower)| follower) {
            follower.abort();
        }
        // Answers that wait to be passed on are of those before.
        (self.sender, self.updates) = mpsc::channel(UPDATES_MAX);
    }

    fn begin(&mut self, host: &str) {
        if self.resolver.is_none() {
            // Made on first use: most configurations need none.
            let resolver = match &self.dns.servers {
                NameServers::System => Resolver::from_system(),
                NameServers::At(addrs) => Ok(Resolver::with_servers(addrs)),
            };
            match resolver {
                Ok(resolver) => self.resolver = Some(resolver),
                Err(error) => {
                    tracing::error!("expected a resolver from the system's configuration: {error}")
                }
            }
        }
        if let Some(resolver) = &self.resolver {
            let follower =
                self.followers
                    .spawn(follow(resolver.clone(), host.into(), self.sender.clone()));
            self.followed.insert(host.into(), follower);
        }
    }

    /// Whether each of these names has answered once.
    pub(crate) fn know(&self, hosts: &[Box<str>]) -> bool {
        hosts.iter().all(|host| self.known.contains_key(host))
    }

    /// Waits for an answer and notes it. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        // The channel stays open: `sender` is kept here.
        if let Some(update) = self.updates.recv().await
            && self.followed.contains_key(&update.host)
        {
            self.changed.insert(update.host.clone());
            self.known.insert(update.host, update.addresses);
        }
    }

    /// Treats every known name as changed: workers took on a new plan.
    pub(crate) fn touch_all(&mut self) {
        self.changed = self.known.keys().cloned().collect();
    }

    /// The endpoints of every upstream that a change concerns, those with fixed addresses included.
    pub(crate) fn take_changed(&mut self, plan: &Plan) -> Vec<(Box<str>, Vec<ResolvedEndpoint>)> {
        let changed = std::mem::take(&mut self.changed);
        plan.upstreams
            .iter()
            .filter(|upstream| names_of(upstream).any(|host| changed.contains(host)))
            .map(|upstream| (upstream.name.clone(), self.endpoints(upstream)))
            .collect()
    }

    fn endpoints(&self, upstream: &UpstreamPlan) -> Vec<ResolvedEndpoint> {
        let mut endpoints: Vec<ResolvedEndpoint> = Vec::new();
        for endpoint in &upstream.endpoints {
            let weight = endpoint.weight;
            match &endpoint.address {
                EndpointAddress::Socket(address) => endpoints.push(ResolvedEndpoint {
                    address: *address,
                    host: None,
                    weight,
                }),
                EndpointAddress::Name { host, port } => {
                    let addresses = self.known.get(host).into_iter().flatten();
                    let host: Arc<str> = Arc::from(&**host);
                    endpoints.extend(addresses.map(|ip| ResolvedEndpoint {
                        address: SocketAddr::new(*ip, *port),
                        host: Some(Arc::clone(&host)),
                        weight,
                    }));
                }
            }
        }
        endpoints.sort_by_key(|endpoint| endpoint.address);
        endpoints.dedup_by_key(|endpoint| endpoint.address);
        endpoints
    }
}

fn names_of(upstream: &UpstreamPlan) -> impl Iterator<Item = &str> {
    upstream
        .endpoints
        .iter()
        .filter_map(|endpoint| match &endpoint.address {
            EndpointAddress::Name { host, .. } => Some(&**host),
            EndpointAddress::Socket(_) => None,
        })
}
