//! The trace viewer: takes spans as OTLP over HTTP, keeps the last traces, and shows them as pages and as JSON. The pages
//! bring all they need and run nothing.

mod data;
mod id;
mod intake;
mod page;
mod span;
mod store;
mod text;
mod waterfall;

use std::cell::RefCell;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL};
use hyper::{Method, Request, StatusCode};
use otlp::Signal;

use crate::reply::{Reply, json_reply, reply, with};
use id::TraceId;
use store::Store;

/// The viewer. All its state is in memory, and bounded.
#[derive(Default)]
pub(crate) struct Traces {
    store: RefCell<Store>,
}

/// What there is.
enum Resource {
    List,
    Data,
    Trace(TraceId),
    Export,
    /// Metrics and log records, which nothing here shows.
    OtherSignal,
}

impl Resource {
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::List,
            "/traces.json" => Self::Data,
            _ => match Signal::ALL.iter().find(|signal| signal.http_path() == path) {
                Some(Signal::Traces) => Self::Export,
                Some(Signal::Metrics | Signal::Logs) => Self::OtherSignal,
                None => Self::Trace(TraceId::parse(path.strip_prefix("/traces/")?)?),
            },
        })
    }

    fn allowed(&self) -> &'static str {
        match self {
            Self::List | Self::Data | Self::Trace(_) => "GET, HEAD",
            Self::Export | Self::OtherSignal => "POST",
        }
    }
}

impl Traces {
    pub(crate) async fn answer(&self, req: Request<Incoming>) -> Reply {
        let (head, body) = req.into_parts();
        let Some(resource) = Resource::at(head.uri.path()) else {
            return page::not_found("There is no such page.");
        };
        let allowed = resource.allowed();
        if allowed.split(", ").all(|allowed| allowed != head.method) {
            return with(wrong_method(&resource), ALLOW, allowed);
        }
        match resource {
            Resource::List => page::list(&self.store.borrow()),
            Resource::Data => {
                let data = data::show(&self.store.borrow());
                with(json_reply(StatusCode::OK, &data), CACHE_CONTROL, "no-store")
            }
            Resource::Trace(id) => match self.store.borrow().find(id) {
                Some(trace) => page::trace(trace),
                None => {
                    page::not_found("There is no such trace, or it had to make room for others.")
                }
            },
            Resource::Export => intake::answer(&self.store, &head.headers, body).await,
            Resource::OtherSignal => intake::not_found(),
        }
    }
}

fn wrong_method(resource: &Resource) -> Reply {
    match resource {
        Resource::List | Resource::Data | Resource::Trace(_) => {
            reply(StatusCode::METHOD_NOT_ALLOWED, "")
        }
        Resource::Export | Resource::OtherSignal => intake::wrong_method(&Method::POST),
    }
}
