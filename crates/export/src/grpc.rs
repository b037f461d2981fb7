//! OTLP over gRPC: unary calls on one HTTP/2 connection. The five bytes around a message and the trailers are done
//! here; there is no generated code, since requests are bytes already.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, TE};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream};
use otlp::Signal;
use tokio::task::JoinSet;

use crate::body::Body;
use crate::connect::{ConnectError, Connector};
use crate::endpoint::Endpoint;
use crate::failure::chain;
use crate::grpc::answer::Answer;
use crate::part::FRAME_HEAD;
use crate::verdict::{ANSWER_MAX, Verdict};

mod answer;
mod repeat;

/// What is offered in the TLS handshake.
pub(crate) const ALPN: &[u8] = b"h2";
const CONTENT: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Bytes of an answer's headers.
const HEADERS_MAX: u32 = 64 << 10;

/// One signal's method at one back end.
pub(crate) struct Client {
    signal: Signal,
    connector: Connector,
    url: Uri,
    headers: HeaderMap,
    current: Mutex<Option<Arc<Connection>>>,
    /// Held while connecting, so that others wait for that connection instead of opening their own.
    connecting: tokio::sync::Mutex<()>,
}

struct Connection {
    sender: SendRequest<Bytes>,
    /// Drives it, and ends with it.
    _driver: JoinSet<()>,
}

/// Whether a connection was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    New,
    Kept,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection failed")]
    Broken(#[from] h2::Error),
    #[error("the request cannot be written")]
    Request(#[from] ::http::Error),
}

impl Client {
    /// `headers` are those of every request that the protocol does not set.
    pub(crate) fn new(
        signal: Signal,
        endpoint: &Endpoint,
        connector: Connector,
        mut headers: HeaderMap,
    ) -> Result<Self, ::http::Error> {
        headers.insert(CONTENT_TYPE, CONTENT);
        headers.insert(TE, TRAILERS);
        Ok(Self {
            signal,
            connector,
            url: Uri::try_from(endpoint.url())?,
            headers,
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
        })
    }

    /// Sends a message. When it fails on a kept connection without an answer, it is sent once more on a new one,
    /// silently: a back end that goes away or closes what rests leaves calls behind that it never saw (OT-32).
    pub(crate) async fn send(&self, body: &Body, limit: Duration) -> Verdict {
        let answer = match self.call(body, limit).await {
            (Err(error), Age::Kept) if error.may_be_stale() => self.call(body, limit).await.0,
            (answer, Age::Kept | Age::New) => answer,
        };
        match answer {
            Ok(Some(answer)) => answer.judge(self.signal),
            Ok(None) => Verdict::answer_too_long(),
            Err(error) => Verdict::lost(chain(&error)),
        }
    }

    /// Uses the present connection for no further call; those on it go on.
    pub(crate) fn distrust(&self) {
        *self.current() = None;
    }

    async fn call(&self, body: &Body, limit: Duration) -> (Result<Option<Answer>, CallError>, Age) {
        let (connection, age) = match self.connection().await {
            Ok(found) => found,
            Err(error) => return (Err(error), Age::New),
        };
        let answer = self.call_on(&connection, body, limit).await;
        // A call that was reset alone says nothing about the others.
        if let Err(CallError::Broken(error)) = &answer
            && !(error.is_reset() && error.is_remote())
        {
            self.forget(&connection);
        }
        (answer, age)
    }

    async fn connection(&self) -> Result<(Arc<Connection>, Age), CallError> {
        if let Some(connection) = self.current().clone() {
            return Ok((connection, Age::Kept));
        }
        let _turn = self.connecting.lock().await;
        if let Some(connection) = self.current().clone() {
            return Ok((connection, Age::Kept));
        }
        let stream = self.connector.connect().await?;
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .max_header_list_size(HEADERS_MAX)
            .handshake(stream)
            .await?;
        let mut driver = JoinSet::new();
        // How it ends shows in the calls.
        driver.spawn(async { drop(connection.await) });
        let connection = Arc::new(Connection {
            sender,
            _driver: driver,
        });
        *self.current() = Some(Arc::clone(&connection));
        Ok((connection, Age::New))
    }

    /// `None` when the answer is too long.
    async fn call_on(
        &self,
        connection: &Connection,
        body: &Body,
        limit: Duration,
    ) -> Result<Option<Answer>, CallError> {
        let mut sender = connection.sender.clone().ready().await?;
        let (response, mut stream) = sender.send_request(self.head(body, limit)?, false)?;
        // All at once: h2 keeps the reference and sends as the peer's window allows.
        stream.send_data(body.bytes.clone(), true)?;
        let (head, mut incoming) = response.await?.into_parts();
        let Some(body) = read(&mut incoming).await? else {
            return Ok(None);
        };
        let trailers = if incoming.is_end_stream() {
            None
        } else {
            incoming.trailers().await?
        };
        Ok(Some(Answer {
            status: head.status,
            headers: head.headers,
            trailers,
            body,
        }))
    }

    fn head(&self, body: &Body, limit: Duration) -> Result<Request<()>, ::http::Error> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.insert(TIMEOUT, timeout_value(limit)?);
        if let Some(encoding) = body.encoding {
            headers.insert(ENCODING, HeaderValue::from_static(encoding));
        }
        Ok(request)
    }

    fn forget(&self, connection: &Arc<Connection>) {
        let mut current = self.current();
        if current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, connection))
        {
            *current = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallError {
    /// Whether a kept connection may have been dead, or about to go, before the call began.
    fn may_be_stale(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Request(_) => false,
            Self::Broken(error) => {
                !error.is_reset() || error.reason() == Some(Reason::REFUSED_STREAM)
            }
        }
    }
}

/// Milliseconds, in at most eight digits (RPC-1): a limit is an hour at most.
fn timeout_value(limit: Duration) -> Result<HeaderValue, ::http::Error> {
    let millis = limit.as_millis().clamp(1, 99_999_999);
    Ok(HeaderValue::try_from(format!("{millis}m"))?)
}

/// The whole body, unless it is longer than an answer may be. Trailers may follow.
async fn read(incoming: &mut RecvStream) -> Result<Option<Vec<u8>>, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = match data {
            Ok(data) => data,
            // "Stop sending, this is the whole answer" (https://www.rfc-editor.org/rfc/rfc9113#section-8.1).
            Err(error) if error.reason() == Some(Reason::NO_ERROR) && error.is_reset() => break,
            Err(error) => return Err(error),
        };
        if bytes.len() + data.len() > ANSWER_MAX + FRAME_HEAD {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
        incoming.flow_control().release_capacity(data.len())?;
    }
    Ok(Some(bytes))
}
