//! The checked, immutable form of a whole configuration.

use std::net::SocketAddr;
use std::time::Duration;

use admin::plan::AdminPlan;
use gateway::plan::{ListenerPlan, RoutePlan};
use telemetry::plan::TelemetryPlan;
use upstream::plan::UpstreamPlan;

/// A whole configuration, decided. Plain data: compared on reload, printed by the admin API.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Data-plane threads (default `auto`).
    pub workers: Workers,
    /// Whether worker N runs on the Nth allowed CPU only (default false).
    pub pin_workers: bool,
    /// How long connections may finish after SIGTERM: 0 to 1 h (default 30 s).
    pub shutdown_grace: Duration,
    /// In file order; 1 to 100.
    pub listeners: Vec<ListenerPlan>,
    /// In file order; at most 100,000.
    pub routes: Vec<RoutePlan>,
    /// In file order; at most 10,000.
    pub upstreams: Vec<UpstreamPlan>,
    /// Who is asked for the names of endpoints.
    pub dns: DnsPlan,
    /// What Tidegate tells about itself.
    pub telemetry: TelemetryPlan,
    /// The admin API; `None` when `admin: off`.
    pub admin: Option<AdminPlan>,
}

/// How many data-plane threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Workers {
    /// The CPUs this process may use: affinity and cgroup quota, not the machine's.
    #[default]
    Auto,
    /// 1 to 1,024.
    Count(u16),
}

/// Who is asked for the names of endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DnsPlan {
    /// The name servers.
    pub servers: NameServers,
}

/// Name servers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum NameServers {
    /// Those of the system, with its search list.
    #[default]
    System,
    /// These, 1 to 8, without a search list.
    At(Vec<SocketAddr>),
}
