//! A response's body that knows when it has ended.

use std::pin::Pin;
use std::task::{self, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::context::Context;
use crate::exchange::{End, Exchange, word_of};

pin_project! {
    /// The body of an observed response; by [`ServerLayer`](crate::ServerLayer) and [`ClientLayer`](crate::ClientLayer).
    /// The span ends with its last frame. Dropping it earlier ends the span without an error of its own.
    #[derive(Debug)]
    pub struct ObservedBody<B> {
        #[pin]
        inner: B,
        exchange: Option<Exchange>,
        context: Option<Context>,
    }
}

impl<B: Body> ObservedBody<B> {
    /// `context`: what the body is made under.
    pub(crate) fn new(inner: B, mut exchange: Exchange, context: Option<Context>) -> Self {
        let exchange = if inner.is_end_stream() {
            exchange.end(End::Complete);
            None
        } else {
            Some(exchange)
        };
        Self {
            inner,
            exchange,
            context,
        }
    }

    /// Of a response that ends with its head.
    pub(crate) fn ended(inner: B, mut exchange: Exchange) -> Self {
        exchange.end(End::Complete);
        Self {
            inner,
            exchange: None,
            context: None,
        }
    }
}

impl<B: Body> Body for ObservedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let mut poll = |inner: Pin<&mut B>| inner.poll_frame(cx);
        let polled = match &this.context {
            Some(context) => context.enter(|| poll(this.inner.as_mut())),
            None => poll(this.inner.as_mut()),
        };
        let frame = ready!(polled);
        if let Some(exchange) = this.exchange {
            let end = match &frame {
                None => Some(End::Complete),
                Some(Err(_)) => Some(End::Failed(word_of::<B::Error>())),
                Some(Ok(frame)) => {
                    if let Some(trailers) = frame.trailers_ref() {
                        exchange.trailed(trailers);
                    }
                    this.inner.is_end_stream().then_some(End::Complete)
                }
            };
            if let Some(end) = end {
                exchange.end(end);
                *this.exchange = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body + Default> Default for ObservedBody<B> {
    /// An empty body that belongs to no request.
    fn default() -> Self {
        Self {
            inner: B::default(),
            exchange: None,
            context: None,
        }
    }
}
