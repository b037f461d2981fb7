//! The keys at the top.

use std::time::Duration;

use admin::plan::AdminPlan;
use gateway::plan::{ListenerPlan, RoutePlan};
use telemetry::plan::TelemetryPlan;
use upstream::plan::UpstreamPlan;

use super::admin::{admin_or_off, default_admin};
use super::listener::ListenerConfig;
use super::route::RouteConfig;
use super::telemetry::TelemetryConfig;
use super::upstream::UpstreamConfig;
use super::word::NAME;
use crate::kind::{Flag, Kind, OrWord, duration, list, lowered, map, object, whole};
use crate::object::{object, or, required};
use crate::plan::{DnsPlan, Plan, Workers};

/// A whole configuration as written.
pub(crate) struct Root {
    workers: Workers,
    pin_workers: bool,
    shutdown_grace: Duration,
    listeners: Vec<(Box<str>, ListenerConfig)>,
    upstreams: Vec<(Box<str>, UpstreamConfig)>,
    routes: Vec<RoutePlan>,
    dns: DnsPlan,
    telemetry: TelemetryPlan,
    admin: Option<AdminPlan>,
}

object! {
    /// The keys at the top of a file. In a folder of files, `listeners` and `upstreams` are united and `routes`
    /// follow one another in the order of the file names; every other key stands in one file only.
    "configuration": Root => {
        /// Threads that serve traffic; `auto` is the CPUs this process may use.
        workers: or(workers(), Workers::Auto),
        /// Whether worker N runs on the Nth allowed CPU only.
        pin_workers: or(Flag, false),
        /// How long connections may finish after SIGTERM.
        shutdown_grace: or(duration("0", "1h"), Duration::from_secs(30)),
        /// Where connections are accepted, by name.
        listeners: required(map("listeners", &NAME, object::<ListenerConfig>(), 1, 100)),
        /// Where requests are forwarded to, by name.
        upstreams: or(map("upstreams", &NAME, object::<UpstreamConfig>(), 0, 10_000), Vec::new()),
        /// What is done with requests, on every listener. The most specific match wins; the order only breaks ties.
        routes: or(list("routes", lowered::<RouteConfig>(), 0, 100_000), Vec::new()),
        /// Who is asked for the names of endpoints.
        dns: or(object::<DnsPlan>(), DnsPlan::default()),
        /// What Tidegate tells about itself.
        telemetry: or(lowered::<TelemetryConfig>(), TelemetryPlan::default()),
        /// The admin API.
        admin: or(admin_or_off(), Some(default_admin())),
    }
    later: ["stores", "hubs", "llm", "relay"];
}

fn workers() -> impl Kind<Value = Workers> {
    OrWord {
        words: &[("auto", Workers::Auto)],
        kind: whole::<u16>(1, 1024),
        wrap: Workers::Count,
        unwrap: |workers| match workers {
            Workers::Auto => None,
            Workers::Count(count) => Some(count),
        },
    }
}

impl Root {
    /// Gives listeners and upstreams their names.
    pub(crate) fn into_plan(self) -> Plan {
        Plan {
            workers: self.workers,
            pin_workers: self.pin_workers,
            shutdown_grace: self.shutdown_grace,
            listeners: self
                .listeners
                .into_iter()
                .map(|(name, listener)| listener.into_plan(name))
                .collect(),
            routes: self.routes,
            upstreams: self
                .upstreams
                .into_iter()
                .map(|(name, upstream)| upstream.into_plan(name))
                .collect(),
            dns: self.dns,
            telemetry: self.telemetry,
            admin: self.admin,
        }
    }

    /// The inverse of [`Root::into_plan`].
    pub(crate) fn of(plan: &Plan) -> Self {
        let listener = |plan: &ListenerPlan| (plan.name.clone(), ListenerConfig::of(plan));
        let upstream = |plan: &UpstreamPlan| (plan.name.clone(), UpstreamConfig::of(plan));
        Self {
            workers: plan.workers,
            pin_workers: plan.pin_workers,
            shutdown_grace: plan.shutdown_grace,
            listeners: plan.listeners.iter().map(listener).collect(),
            upstreams: plan.upstreams.iter().map(upstream).collect(),
            routes: plan.routes.clone(),
            dns: plan.dns.clone(),
            telemetry: plan.telemetry.clone(),
            admin: plan.admin.clone(),
        }
    }
}
