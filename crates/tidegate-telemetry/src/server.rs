//! Requests that are served.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use telemetry::metrics::Scheme;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::ObservedBody;
use crate::context::Context;
use crate::exchange::{End, Exchange, word_of};
use crate::pipeline::Pipeline;
use crate::request;

/// Makes a span of each request that is served, and counts it. For axum (`Router::layer`, after the routes, so that
/// `http.route` is known), for tonic (`Server::builder().layer`), and for any other service of `http` requests.
///
/// - Requests are told by the HTTP conventions: name `{method} {route}`, `http.server.request.duration`,
///   `http.server.active_requests`. Those whose `content-type` is `application/grpc` are told by the RPC conventions:
///   name `{package.Service/Method}`, `rpc.server.call.duration`.
/// - Whatever the service does while it serves the request runs under the request's [`Context`]:
///   [`current`](crate::current), which is also in the request's extensions.
/// - The span ends with the last byte of the body. It has the status error for 5xx, a service that failed or panicked,
///   a body that broke, and the codes of gRPC that are the server's fault. Dropping the response earlier, because the
///   client has gone, is no error.
#[derive(Clone)]
pub struct ServerLayer {
    pipeline: Arc<Pipeline>,
    scheme: Scheme,
}

impl ServerLayer {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Self {
            pipeline,
            scheme: Scheme::Http,
        }
    }

    /// For a listener with TLS: `url.scheme` is `https` where the request does not tell (default `http`).
    #[must_use]
    pub fn https(mut self) -> Self {
        self.scheme = Scheme::Https;
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> ServerService<S> {
        ServerService {
            inner,
            layer: self.clone(),
        }
    }
}

impl fmt::Debug for ServerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLayer")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

/// A service whose requests are observed; by [`ServerLayer`].
#[derive(Clone, Debug)]
pub struct ServerService<S> {
    inner: S,
    layer: ServerLayer,
}

impl<S, B, R> Service<Request<B>> for ServerService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<ObservedBody<R>>;
    type Error = S::Error;
    type Future = ServerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        let ServerLayer { pipeline, scheme } = &self.layer;
        let exchange = request::begin_serving(pipeline, *scheme, &req);
        let context = exchange.span.context.clone();
        req.extensions_mut().insert(context.clone());
        let inner = context.enter(|| self.inner.call(req));
        ServerFuture {
            inner,
            exchange: Some(exchange),
            context,
        }
    }
}

pin_project! {
    /// A response under way; by [`ServerService`]. Dropping it ends the span without an error, since the client has gone.
    ///
    /// # Panics
    /// When it is polled after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ServerFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
        context: Context,
    }
}

impl<F, R, E> Future for ServerFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<ObservedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.context.enter(|| this.inner.poll(cx)));
        let mut exchange = this.exchange.take().expect("polled until ready once");
        Poll::Ready(match answer {
            Ok(response) => {
                let is_over =
                    exchange.answered(response.status(), response.version(), response.headers());
                let context = this.context.clone();
                Ok(response.map(|body| {
                    if is_over {
                        ObservedBody::ended(body, exchange)
                    } else {
                        ObservedBody::new(body, exchange, Some(context))
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
