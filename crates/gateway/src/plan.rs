//! The decided form of `listeners:` and `routes:`: plain data, every default filled in, every bound checked.
//! Built by `config`, compared on reload to see which listeners live on, compiled into a
//! [`crate::router::Router`] before a worker sees it.

mod listener;
mod route;
mod template;

pub use listener::{ConnectionsMax, ForwardedHeaders, LimitsPlan, ListenerPlan, UnderscoreFields};
pub use route::{
    FilterPlan, ForwardPlan, HeaderEditsPlan, HstsPlan, MatchPlan, PathMatch, RedirectPlan,
    RespondPlan, RetryOn, RetryPlan, RewritePath, RewritePlan, RoutePlan, SplitPlan, TargetPlan,
};
pub use template::{Part, TextTemplate, TextTemplateError, Variable};
