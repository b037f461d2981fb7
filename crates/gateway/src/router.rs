//! Which route takes a request: compiled once per plan, shared by all workers, searched without allocating.
//!
//! Precedence: exact host > longest wildcard host > no host; then exact path > template by most literal segments >
//! longest prefix; then method; then number of header and query matches; then file order. The search visits candidates
//! in that order and takes the first whose conditions hold.

mod conditions;
mod paths;
mod template;

use std::collections::HashMap;

use foldhash::fast::FixedState;
use message::{HostPattern, RequestHead};

use crate::plan::RoutePlan;
use conditions::Conditions;
use paths::PathTable;

pub use template::{PathTemplate, PathTemplateError};

/// Where a route stands in the plan.
pub type RouteIndex = u32;

type Map<K, V> = HashMap<K, V, FixedState>;

/// Finds the route of a request.
#[derive(Debug, Default)]
pub struct Router {
    exact_hosts: Map<Box<[u8]>, PathTable>,
    /// By suffix with its leading dot.
    wildcard_hosts: Map<Box<[u8]>, PathTable>,
    any_host: PathTable,
    /// By route.
    conditions: Vec<Conditions>,
}

impl Router {
    /// Compiles the routes. Their paths and templates were checked when the plan was made; one that is malformed all
    /// the same takes no request.
    pub fn new(routes: &[RoutePlan]) -> Self {
        let mut router = Self::default();
        for (index, route) in (0..).zip(routes) {
            router.conditions.push(Conditions::new(&route.matches));
            if route.matches.hosts.is_empty() {
                router.any_host.insert(route.matches.path.as_ref(), index);
            }
            for host in &route.matches.hosts {
                let table = match host {
                    HostPattern::Exact(host) => router.exact_hosts.entry(host.as_bytes().into()),
                    HostPattern::Wildcard(suffix) => {
                        router.wildcard_hosts.entry(suffix.as_bytes().into())
                    }
                };
                table
                    .or_default()
                    .insert(route.matches.path.as_ref(), index);
            }
        }
        let conditions = &router.conditions;
        let tables = router
            .exact_hosts
            .values_mut()
            .chain(router.wildcard_hosts.values_mut());
        for table in tables.chain([&mut router.any_host]) {
            table.sort(conditions);
        }
        router
    }

    /// The most specific route that takes the request, whose path and host are normalised.
    pub fn find(&self, head: &RequestHead) -> Option<RouteIndex> {
        let (host, path) = (head.host(), head.path());
        let holds = |route: RouteIndex| {
            self.conditions
                .get(route as usize)
                .is_some_and(|all| all.hold(head))
        };
        let in_exact = if self.exact_hosts.is_empty() {
            None
        } else {
            self.exact_hosts.get(host)
        };
        if let Some(found) = in_exact.and_then(|table| table.find(path, &self.conditions, &holds)) {
            return Some(found);
        }
        if !self.wildcard_hosts.is_empty() {
            // The longest suffix first: every dot but a leading one begins one.
            let dots = host
                .iter()
                .enumerate()
                .skip(1)
                .filter(|(_, byte)| **byte == b'.');
            for (dot, _) in dots {
                let table = self.wildcard_hosts.get(&host[dot..]);
                if let Some(found) =
                    table.and_then(|table| table.find(path, &self.conditions, &holds))
                {
                    return Some(found);
                }
            }
        }
        self.any_host.find(path, &self.conditions, &holds)
    }
}
