//! Requests that are sent.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use http::{Request, Response, Uri};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::ObservedBody;
use crate::carrier;
use crate::exchange::{End, Exchange, word_of};
use crate::pipeline::Pipeline;
use crate::request;

/// Makes a span of each request that is sent, below the one that runs ([`current`](crate::current)), passes the context
/// on in the request's headers, and counts it. For the clients of hyper-util and tonic, and for any other service of
/// `http` requests. Put it below whatever sends a request again: each try has a span of its own.
///
/// - Requests are told by the HTTP conventions: name `{method}`, `http.client.request.duration`. Those whose
///   `content-type` is `application/grpc` are told by the RPC conventions: name `{package.Service/Method}`,
///   `rpc.client.call.duration`.
/// - The span ends with the last byte of the body. It has the status error for 4xx and 5xx, a request that failed, a body
///   that broke, and every code of gRPC but OK. Dropping the request or the rest of its response is no error.
///
/// ```
/// use hyper_util::client::legacy::Client;
/// use hyper_util::client::legacy::connect::HttpConnector;
/// use hyper_util::rt::TokioExecutor;
/// use tidegate_telemetry::{ClientService, Telemetry};
/// use tower_layer::Layer as _;
///
/// type Observed = ClientService<Client<HttpConnector, axum::body::Body>>;
///
/// fn client(telemetry: &Telemetry) -> Observed {
///     let plain = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
///     telemetry.client_layer().layer(plain)
/// }
/// ```
#[derive(Clone)]
pub struct ClientLayer {
    pipeline: Arc<Pipeline>,
    target: Option<Uri>,
}

impl ClientLayer {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Self {
            pipeline,
            target: None,
        }
    }

    /// Where requests without a host in their URI go: a tonic channel knows it, and does not say. Gives `server.address`
    /// and `server.port`.
    #[must_use]
    pub fn for_target(mut self, target: Uri) -> Self {
        self.target = Some(target);
        self
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> ClientService<S> {
        ClientService {
            inner,
            layer: self.clone(),
        }
    }
}

impl fmt::Debug for ClientLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientLayer")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// A client whose requests are observed; by [`ClientLayer`].
#[derive(Clone, Debug)]
pub struct ClientService<S> {
    inner: S,
    layer: ClientLayer,
}

impl<S, B, R> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<ObservedBody<R>>;
    type Error = S::Error;
    type Future = ClientFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        let ClientLayer { pipeline, target } = &self.layer;
        let exchange = request::begin_sending(pipeline, target.as_ref(), &req);
        let context = &exchange.span.context;
        carrier::write(&pipeline.propagators, context, req.headers_mut());
        ClientFuture {
            inner: self.inner.call(req),
            exchange: Some(exchange),
        }
    }
}

pin_project! {
    /// A request under way; by [`ClientService`]. Dropping it ends the span without an error.
    ///
    /// # Panics
    /// When it is polled after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ClientFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
    }
}

impl<F, R, E> Future for ClientFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<ObservedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        let mut exchange = this.exchange.take().expect("polled until ready once");
        Poll::Ready(match answer {
            Ok(response) => {
                let is_over =
                    exchange.answered(response.status(), response.version(), response.headers());
                Ok(response.map(|body| {
                    if is_over {
                        ObservedBody::ended(body, exchange)
                    } else {
                        ObservedBody::new(body, exchange, None)
                    }
                }))
            }
            Err(error) => {
                exchange.end(End::Failed(word_of::<E>()));
                Err(error)
            }
        })
    }
}
