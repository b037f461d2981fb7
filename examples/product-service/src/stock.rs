//! How much of a product there is: asked of another service, and told to others.

use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::Body;
use axum::http::{Request, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use tidegate_telemetry::{ClientLayer, ClientService};
use tokio::time::timeout;
use tower::{Layer as _, ServiceExt as _};

/// The longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Stock {
    pub(crate) id: usize,
    pub(crate) available: usize,
}

impl Stock {
    /// Of any product: a number that depends on nothing but its id.
    pub(crate) fn of(id: usize) -> Self {
        Self {
            id,
            available: id.wrapping_mul(7) % 50,
        }
    }
}

/// Asks the service at one base URL.
#[derive(Clone)]
pub(crate) struct Client {
    base: Box<str>,
    inner: ClientService<legacy::Client<HttpConnector, Body>>,
}

impl Client {
    /// With a span for each request.
    pub(crate) fn new(base: &str, layer: &ClientLayer) -> anyhow::Result<Self> {
        let base = base.trim_end_matches('/');
        let uri: Uri = base.parse().with_context(|| {
            format!("expected a URL such as http://localhost:8082, found {base}")
        })?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            bail!("expected a URL such as http://localhost:8082, found {base}");
        }
        let plain = legacy::Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Ok(Self {
            base: base.into(),
            inner: layer.layer(plain),
        })
    }

    /// Dropping the future gives the request up.
    pub(crate) async fn ask(&self, id: usize) -> anyhow::Result<Stock> {
        timeout(LIMIT, self.ask_unlimited(id))
            .await
            .context("no answer in time")?
    }

    async fn ask_unlimited(&self, id: usize) -> anyhow::Result<Stock> {
        let req = Request::get(format!("{}/stock/{id}", self.base)).body(Body::empty())?;
        let response = self.inner.clone().oneshot(req).await?;
        let status = response.status();
        if !status.is_success() {
            bail!("expected the status 200, found {status}");
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!(error))?;
        Ok(serde_json::from_slice(&body.to_bytes())?)
    }
}
