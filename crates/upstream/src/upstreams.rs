//! All upstreams of one worker: adopted from a plan, swept now and then.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tls::{Connector, ServerName};

use crate::balance::EndpointSet;
use crate::endpoint::{Endpoint, EndpointTls};
use crate::plan::{EndpointAddress, UpstreamPlan};
use crate::shared::Shared;

/// What upstreams begin TLS with, by the name of the upstream.
pub type Connectors = HashMap<Box<str>, Arc<Connector>>;

/// An endpoint as the file or DNS gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedEndpoint {
    /// Where connections go.
    pub address: SocketAddr,
    /// The name that stands for the address, where there is one.
    pub host: Option<Arc<str>>,
    /// Share of the traffic.
    pub weight: u32,
}

/// One upstream of one worker.
#[derive(Debug)]
pub struct Upstream {
    /// As planned.
    pub plan: Arc<UpstreamPlan>,
    connector: Option<Arc<Connector>>,
    shared: Arc<Shared>,
    set: RefCell<Rc<EndpointSet>>,
}

/// All upstreams of one worker, in the order of the plan.
#[derive(Debug)]
pub struct Upstreams {
    shared: Arc<Shared>,
    all: RefCell<Vec<Rc<Upstream>>>,
}

impl ResolvedEndpoint {
    /// What its certificate is to be for: its host, else its address.
    fn server_name(&self) -> Option<ServerName<'static>> {
        match &self.host {
            Some(host) => ServerName::try_from(host.to_string()).ok(),
            None => Some(ServerName::IpAddress(self.address.ip().into())),
        }
    }
}

impl Upstream {
    /// Picks an endpoint, another one than those `tried` if there is one. `None` while there are none.
    pub fn pick(&self, tried: &[Rc<Endpoint>]) -> Option<Rc<Endpoint>> {
        self.set
            .borrow()
            .pick(self.plan.balance, tried)
            .map(Rc::clone)
    }

    /// The endpoints as they are.
    pub fn endpoints(&self) -> Vec<Rc<Endpoint>> {
        self.set.borrow().endpoints.clone()
    }

    /// Replaces the endpoints. Those that stay keep their connections; those that go serve out their requests (DISC-12).
    pub fn set_endpoints(&self, endpoints: &[ResolvedEndpoint]) {
        let old = Rc::clone(&self.set.borrow());
        let new = endpoints
            .iter()
            .map(|wanted| {
                old.endpoints
                    .iter()
                    .find(|known| known.is(wanted))
                    .map_or_else(|| self.endpoint(wanted), Rc::clone)
            })
            .collect();
        let new = Rc::new(EndpointSet::new(new));
        for gone in old
            .endpoints
            .iter()
            .filter(|known| !new.endpoints.iter().any(|kept| Rc::ptr_eq(kept, known)))
        {
            gone.retired.set(true);
            gone.idle.borrow_mut().clear();
        }
        *self.set.borrow_mut() = new;
    }

    /// Closes connections after use and idle ones at once. The endpoints stay: requests under way may try them again.
    fn retire(&self) {
        for endpoint in &self.set.borrow().endpoints {
            endpoint.retired.set(true);
            endpoint.idle.borrow_mut().clear();
        }
    }

    fn endpoint(&self, resolved: &ResolvedEndpoint) -> Rc<Endpoint> {
        let connections = self.plan.connections.clone();
        let budget = self
            .shared
            .budget(&self.plan.name, resolved.address, connections.max);
        let tls = self.plan.tls.as_ref().map(|plan| EndpointTls {
            connector: self.connector.clone(),
            name: plan.server_name.clone().or_else(|| resolved.server_name()),
        });
        Rc::new(Endpoint {
            address: resolved.address,
            host: resolved.host.clone(),
            tls,
            weight: resolved.weight.max(1),
            stats: crate::EndpointStats::default(),
            label: std::cell::OnceCell::new(),
            connections,
            shared: Arc::clone(&self.shared),
            budget,
            idle: RefCell::default(),
            pending: RefCell::default(),
            in_flight: Cell::new(0),
            owed: Cell::new(0),
            retired: Cell::new(false),
        })
    }

    /// The endpoints that need no name resolution.
    fn static_endpoints(plan: &UpstreamPlan) -> Vec<ResolvedEndpoint> {
        plan.endpoints
            .iter()
            .filter_map(|endpoint| match endpoint.address {
                EndpointAddress::Socket(address) => Some(ResolvedEndpoint {
                    address,
                    host: None,
                    weight: endpoint.weight,
                }),
                EndpointAddress::Name { .. } => None,
            })
            .collect()
    }
}

impl Upstreams {
    /// No upstreams yet.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            all: RefCell::default(),
        }
    }

    /// Takes on a plan. An upstream whose plan did not change lives on with its connections and resolved endpoints.
    /// Of a changed one, endpoints whose connection bounds and TLS are the same live on too. An upstream with TLS that has no
    /// connector connects to nothing.
    pub fn adopt(&self, plans: &[Arc<UpstreamPlan>], connectors: &Connectors) -> Vec<Rc<Upstream>> {
        let mut old: HashMap<Box<str>, Rc<Upstream>> = self
            .all
            .borrow_mut()
            .drain(..)
            .map(|upstream| (upstream.plan.name.clone(), upstream))
            .collect();
        let mut kept = Vec::with_capacity(plans.len());
        for plan in plans {
            kept.push(match old.remove(&plan.name) {
                Some(known) if Arc::ptr_eq(&known.plan, plan) || *known.plan == **plan => known,
                Some(known) => self.changed(&known, plan, connectors),
                None => self.begun(plan, connectors),
            });
        }
        for gone in old.values() {
            gone.retire();
        }
        self.all.borrow_mut().clone_from(&kept);
        kept
    }

    /// The upstreams in force.
    pub fn all(&self) -> Vec<Rc<Upstream>> {
        self.all.borrow().clone()
    }

    /// The upstream of that name.
    pub fn named(&self, name: &str) -> Option<Rc<Upstream>> {
        self.all
            .borrow()
            .iter()
            .find(|upstream| *upstream.plan.name == *name)
            .map(Rc::clone)
    }

    /// Closes idle connections that are too old, closed by the other side, or wanted by another worker: once a
    /// second, and when a request anywhere waits for a connection. One task per worker runs it.
    pub async fn sweep(&self) {
        loop {
            let wanted = self.shared.wanted.notified();
            // Either ending means the same: look.
            drop(tokio::time::timeout(Duration::from_secs(1), wanted).await);
            let now = Instant::now();
            for upstream in &*self.all.borrow() {
                for endpoint in &upstream.set.borrow().endpoints {
                    endpoint.sweep(now);
                }
            }
        }
    }

    /// Closes every idle connection.
    pub fn close_idle(&self) {
        for upstream in self.all() {
            for endpoint in &upstream.set.borrow().endpoints {
                endpoint.idle.borrow_mut().clear();
            }
        }
    }

    fn begun(&self, plan: &Arc<UpstreamPlan>, connectors: &Connectors) -> Rc<Upstream> {
        let upstream = Upstream {
            plan: Arc::clone(plan),
            connector: connectors.get(&plan.name).cloned(),
            shared: Arc::clone(&self.shared),
            set: RefCell::new(Rc::new(EndpointSet::new(Vec::new()))),
        };
        upstream.set_endpoints(&Upstream::static_endpoints(plan));
        Rc::new(upstream)
    }

    fn changed(
        &self,
        known: &Rc<Upstream>,
        plan: &Arc<UpstreamPlan>,
        connectors: &Connectors,
    ) -> Rc<Upstream> {
        let upstream = self.begun(plan, connectors);
        let has_names = plan
            .endpoints
            .iter()
            .any(|endpoint| matches!(endpoint.address, EndpointAddress::Name { .. }));
        let keeps = known.plan.connections == plan.connections && known.plan.tls == plan.tls;
        if keeps {
            // Endpoints carry over with their connections.
            upstream.set.borrow_mut().clone_from(&known.set.borrow());
        }
        if has_names {
            // What names stood for holds until discovery speaks again, which it does at once for a changed plan.
            let mut endpoints = Upstream::static_endpoints(plan);
            for old in &known.set.borrow().endpoints {
                if !endpoints.iter().any(|new| new.address == old.address) {
                    endpoints.push(ResolvedEndpoint {
                        address: old.address,
                        host: old.host.clone(),
                        weight: old.weight,
                    });
                }
            }
            upstream.set_endpoints(&endpoints);
        } else {
            upstream.set_endpoints(&Upstream::static_endpoints(plan));
        }
        if !keeps {
            known.retire();
        }
        upstream
    }
}
