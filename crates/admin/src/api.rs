//! From a request to its answer.

use std::sync::Arc;
use std::time::Duration;

use base::Secret;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, VARY};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::reply::{Refusal, Reply, json, pieces, with};
use crate::system::{Health, Readiness, ReloadError, ReloadReport, System};
use crate::{dashboard, guard};

/// Only `/log` wants a body; one that is sent elsewhere is read and forgotten.
const BODY_MAX: usize = 64 * 1024;

/// What every connection shares.
pub(crate) struct Api {
    pub(crate) system: Arc<dyn System>,
    pub(crate) token: Option<Secret>,
    pub(crate) request_timeout: Duration,
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    Dashboard,
    Health,
    Ready,
    Metrics,
    Config,
    Upstreams,
    Reload,
    Log,
}

impl Resource {
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Dashboard,
            "/health" => Self::Health,
            "/ready" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/config" => Self::Config,
            "/upstreams" => Self::Upstreams,
            "/reload" => Self::Reload,
            "/log" => Self::Log,
            _ => return None,
        })
    }

    /// Probes of orchestrators carry no token, and what they see tells nothing.
    fn is_open(self) -> bool {
        matches!(self, Self::Health | Self::Ready)
    }

    fn check_method(self, method: &Method) -> Result<(), Refusal> {
        let reads = method == Method::GET || method == Method::HEAD;
        let (allowed, allow) = match self {
            Self::Reload => (method == Method::POST, "POST"),
            Self::Log => (reads || method == Method::PUT, "GET, HEAD, PUT"),
            Self::Dashboard
            | Self::Health
            | Self::Ready
            | Self::Metrics
            | Self::Config
            | Self::Upstreams => (reads, "GET, HEAD"),
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::WrongMethod { allow })
        }
    }
}

impl Api {
    /// Answers, within the time limit.
    pub(crate) async fn answer(&self, req: Request<Incoming>) -> Reply {
        let (head, body) = req.into_parts();
        let answered = tokio::time::timeout(self.request_timeout, self.try_answer(&head, body));
        match answered.await {
            Ok(Ok(reply)) => reply,
            Ok(Err(refusal)) => refusal.reply(),
            Err(_) => Refusal::TimedOut.reply(),
        }
    }

    async fn try_answer(&self, head: &Parts, body: Incoming) -> Result<Reply, Refusal> {
        let resource = Resource::at(head.uri.path());
        guard::check_host(head, self.token.as_ref())?;
        if !resource.is_some_and(Resource::is_open) {
            guard::check_token(head, self.token.as_ref())?;
        }
        let resource = resource.ok_or(Refusal::NotFound)?;
        resource.check_method(&head.method)?;
        if head.method == Method::POST || head.method == Method::PUT {
            guard::check_origin(head)?;
        }
        let body = collect(body).await?;
        if head.method == Method::PUT {
            self.set_log_filter(&body)?;
        }
        self.show(resource, head).await
    }

    /// The body is the filter, as text.
    fn set_log_filter(&self, body: &[u8]) -> Result<(), Refusal> {
        let invalid = |error| Refusal::Invalid(vec![error]);
        let filter = std::str::from_utf8(body);
        let filter = filter.map_err(|_| invalid("expected a log filter in UTF-8".into()))?;
        self.system.set_log_filter(filter.trim()).map_err(invalid)
    }

    async fn show(&self, resource: Resource, head: &Parts) -> Result<Reply, Refusal> {
        Ok(match resource {
            Resource::Dashboard => dashboard::reply(),
            Resource::Health => health(&self.system.health().await),
            Resource::Ready => ready(self.system.ready()),
            Resource::Metrics => self.metrics(head).await?,
            Resource::Config => json(StatusCode::OK, &self.system.config().await),
            Resource::Upstreams => json(StatusCode::OK, &self.system.upstreams().await),
            Resource::Log => json(
                StatusCode::OK,
                &json!({ "filter": self.system.log_filter() }),
            ),
            Resource::Reload => match self.system.reload().await {
                Ok(report) => json(StatusCode::OK, &describe(&report)),
                Err(ReloadError::Invalid(errors)) => return Err(Refusal::Invalid(errors)),
                Err(ReloadError::Conflict(errors)) => return Err(Refusal::Conflict(errors)),
            },
        })
    }

    async fn metrics(&self, head: &Parts) -> Result<Reply, Refusal> {
        let accept: Vec<&str> = head
            .headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let page = self.system.metrics(&accept.join(", ")).await;
        let page = page.ok_or(Refusal::Incomplete)?;
        let page = pieces(StatusCode::OK, page.content_type, page.pieces);
        Ok(with(page, VARY, "accept"))
    }
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, Refusal> {
    if usize::try_from(body.size_hint().lower()).map_or(true, |size| size > BODY_MAX) {
        return Err(Refusal::BodyTooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::BodyBroken)?;
        if let Some(more) = frame.data_ref() {
            if bytes.len() + more.len() > BODY_MAX {
                return Err(Refusal::BodyTooLarge);
            }
            bytes.extend_from_slice(more);
        }
    }
    Ok(bytes)
}

fn health(health: &Health) -> Reply {
    let (status, label) = if health.is_alive() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "failing")
    };
    let workers: Vec<Value> = health
        .workers
        .iter()
        .map(|worker| {
            json!({
                "name": worker.name,
                "alive": worker.alive,
                "loop_lag_ms": worker.loop_lag.map(|lag| lag.as_secs_f64() * 1000.0),
            })
        })
        .collect();
    json(status, &json!({ "status": label, "workers": workers }))
}

fn ready(readiness: Readiness) -> Reply {
    let status = match readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Starting | Readiness::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, &json!({ "status": readiness.label() }))
}

fn describe(report: &ReloadReport) -> Value {
    json!({
        "version": report.version,
        "changed": report.changed,
        "notes": report.notes,
    })
}
