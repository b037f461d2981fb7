//! Balancers: which endpoint a request goes to. Each is a function of the endpoints' weights and loads.

use std::cell::Cell;
use std::rc::Rc;

use crate::endpoint::Endpoint;
use crate::plan::Balance;

/// The endpoints that can be picked, with what the balancers need prepared. Built anew when the endpoints change.
#[derive(Debug)]
pub(crate) struct EndpointSet {
    pub(crate) endpoints: Vec<Rc<Endpoint>>,
    /// Running sums of the weights: a draw below the last one falls to one endpoint.
    sums: Vec<u64>,
    weights_differ: bool,
    /// Round robin without weights: whose turn it is. Starts anywhere, so that workers do not go in step.
    turn: Cell<usize>,
}

impl EndpointSet {
    pub(crate) fn new(endpoints: Vec<Rc<Endpoint>>) -> Self {
        let mut sum = 0;
        let sums = endpoints
            .iter()
            .map(|endpoint| {
                sum += u64::from(endpoint.weight);
                sum
            })
            .collect();
        let weights_differ = endpoints
            .windows(2)
            .any(|pair| pair[0].weight != pair[1].weight);
        let turn = Cell::new(fastrand::usize(..=endpoints.len()));
        Self {
            endpoints,
            sums,
            weights_differ,
            turn,
        }
    }

    /// Picks an endpoint, another one than those `tried` if there is one (RPC-5).
    pub(crate) fn pick(&self, balance: Balance, tried: &[Rc<Endpoint>]) -> Option<&Rc<Endpoint>> {
        if self.endpoints.len() <= 1 {
            return self.endpoints.first();
        }
        let picked = match balance {
            Balance::RoundRobin if self.weights_differ => self.smooth(),
            Balance::RoundRobin => self.in_turn(),
            Balance::Random => self.random(),
            Balance::LeastRequests => return self.least(tried).or_else(|| self.least(&[])),
            Balance::P2c => self.better_of_two(),
        };
        if tried.is_empty() || !is_tried(picked, tried) {
            return Some(picked);
        }
        let start = fastrand::usize(..self.endpoints.len());
        let (before, from) = self.endpoints.split_at(start);
        from.iter()
            .chain(before)
            .find(|endpoint| !is_tried(endpoint, tried))
            .or(Some(picked))
    }

    fn in_turn(&self) -> &Rc<Endpoint> {
        let turn = self.turn.get() % self.endpoints.len();
        self.turn.set(turn + 1);
        &self.endpoints[turn]
    }

    /// Smooth weighted round robin: everyone earns its weight, the richest pays the total. Spreads a heavy endpoint's
    /// turns evenly instead of giving them in a row.
    fn smooth(&self) -> &Rc<Endpoint> {
        let mut richest = &self.endpoints[0];
        let mut total = 0;
        for endpoint in &self.endpoints {
            let weight = i64::from(endpoint.weight);
            endpoint.owed.set(endpoint.owed.get() + weight);
            total += weight;
            if endpoint.owed.get() > richest.owed.get() {
                richest = endpoint;
            }
        }
        richest.owed.set(richest.owed.get() - total);
        richest
    }

    fn random(&self) -> &Rc<Endpoint> {
        if !self.weights_differ {
            return &self.endpoints[fastrand::usize(..self.endpoints.len())];
        }
        let total = self.sums.last().copied().unwrap_or(1);
        let draw = fastrand::u64(..total);
        &self.endpoints[self.sums.partition_point(|sum| *sum <= draw)]
    }

    /// The fewest requests in flight per weight; ties fall to the first from a random start.
    fn least(&self, tried: &[Rc<Endpoint>]) -> Option<&Rc<Endpoint>> {
        let start = fastrand::usize(..self.endpoints.len());
        let (before, from) = self.endpoints.split_at(start);
        from.iter()
            .chain(before)
            .filter(|endpoint| !is_tried(endpoint, tried))
            .min_by_key(|endpoint| endpoint.load())
    }

    /// The better of two different random endpoints, drawn evenly; weights count through the load.
    fn better_of_two(&self) -> &Rc<Endpoint> {
        let first = fastrand::usize(..self.endpoints.len());
        let step = fastrand::usize(1..self.endpoints.len());
        let second = (first + step) % self.endpoints.len();
        let (first, second) = (&self.endpoints[first], &self.endpoints[second]);
        if second.load() < first.load() {
            second
        } else {
            first
        }
    }
}

fn is_tried(endpoint: &Rc<Endpoint>, tried: &[Rc<Endpoint>]) -> bool {
    tried.iter().any(|other| Rc::ptr_eq(other, endpoint))
}
