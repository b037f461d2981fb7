//! `routes:`.

use gateway::plan::{
    FilterPlan, ForwardPlan, MatchPlan, RedirectPlan, RespondPlan, RoutePlan, TargetPlan,
};

use super::answer::is_complete;
use super::forward::ForwardConfig;
use super::headers::FilterConfig;
use super::matching::MatchConfig;
use super::scope::{Matched, claim_route_name};
use super::word::NAME;
use crate::kind::{Kind, Lower, list, lowered, object};
use crate::object::{object, optional, or};
use crate::reader::Reader;
use crate::yaml::Place;

/// A route as written.
pub(super) struct RouteConfig {
    name: Option<Box<str>>,
    r#match: MatchPlan,
    filters: Vec<FilterPlan>,
    forward: Option<ForwardPlan>,
    respond: Option<RespondPlan>,
    redirect: Option<RedirectPlan>,
}

object! {
    /// A match, filters, and exactly one target.
    "route": RouteConfig => {
        /// Labels metrics and logs; no other route has it. Absent: `routes[N]`, N from 0.
        name: optional((&NAME).checked(|r, n, name| claim_route_name(r, n, name))),
        /// Which requests it takes.
        r#match: or(lowered::<MatchConfig>(), MatchPlan::default()),
        /// Steps on requests and responses, in this order.
        filters: or(list("filters", lowered::<FilterConfig>(), 0, 64), Vec::new()),
        /// Sends the request to an upstream.
        forward: optional(lowered::<ForwardConfig>()),
        /// Answers from the configuration.
        respond: optional(object::<RespondPlan>().checked(is_complete)),
        /// Answers with a `Location`.
        redirect: optional(object::<RedirectPlan>()),
    }
    exactly_one: ["forward", "respond", "redirect"];
    later: ["hub", "llm", "relay"];
}

impl Lower for RouteConfig {
    type Plan = RoutePlan;

    fn prepare(reader: &mut Reader<'_>) {
        reader.scope.matched = Matched::of(None);
    }

    fn lower(self, reader: &mut Reader<'_>, _: Place) -> Option<RoutePlan> {
        let target = self
            .forward
            .map(TargetPlan::Forward)
            .or(self.respond.map(TargetPlan::Respond))
            .or(self.redirect.map(TargetPlan::Redirect))?;
        Some(RoutePlan {
            name: self.name.unwrap_or_else(|| reader.path().into()),
            matches: self.r#match,
            filters: self.filters,
            target,
        })
    }

    fn raise(plan: &RoutePlan) -> Self {
        // Brackets have no place in a written name.
        let named = !plan.name.contains('[');
        let mut route = Self {
            name: named.then(|| plan.name.clone()),
            r#match: plan.matches.clone(),
            filters: plan.filters.clone(),
            forward: None,
            respond: None,
            redirect: None,
        };
        match plan.target.clone() {
            TargetPlan::Forward(forward) => route.forward = Some(forward),
            TargetPlan::Respond(respond) => route.respond = Some(respond),
            TargetPlan::Redirect(redirect) => route.redirect = Some(redirect),
        }
        route
    }
}
