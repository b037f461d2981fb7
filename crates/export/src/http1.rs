//! OTLP over HTTP/1.1, on connections that are kept alive.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER};
use ::http::{HeaderMap, HeaderValue, Request, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use otlp::Signal;
use tokio::task::JoinSet;

use crate::body::Body;
use crate::connect::{ConnectError, Connector};
use crate::endpoint::Endpoint;
use crate::failure::chain;
use crate::http1::answer::Answer;
use crate::plan::Protocol;
use crate::verdict::{ANSWER_MAX, Verdict};

mod answer;

/// What is offered in the TLS handshake.
pub(crate) const ALPN: &[u8] = b"http/1.1";
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Bytes of an answer's head, and the most that is read at once of its body.
const READ_BUFFER_MAX: usize = 64 << 10;

/// One signal's path at one back end.
pub(crate) struct Client {
    signal: Signal,
    connector: Connector,
    target: Uri,
    headers: HeaderMap,
    idle: Mutex<Vec<Connection>>,
    idle_max: usize,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Drives it, and ends with it.
    _driver: JoinSet<()>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection failed")]
    Broken(#[from] hyper::Error),
    #[error("the request cannot be written")]
    Request(#[from] ::http::Error),
}

impl Client {
    /// `headers` are those of every request that the protocol does not set.
    pub(crate) fn new(
        signal: Signal,
        protocol: Protocol,
        endpoint: &Endpoint,
        connector: Connector,
        mut headers: HeaderMap,
        idle_max: usize,
    ) -> Result<Self, ::http::Error> {
        headers.insert(HOST, HeaderValue::try_from(endpoint.authority())?);
        headers.insert(
            CONTENT_TYPE,
            match protocol {
                Protocol::Grpc | Protocol::HttpProtobuf => PROTOBUF,
                Protocol::HttpJson => JSON,
            },
        );
        Ok(Self {
            signal,
            connector,
            target: Uri::try_from(endpoint.target())?,
            headers,
            idle: Mutex::new(Vec::new()),
            idle_max,
        })
    }

    /// Sends a body. A kept connection that turns out to be dead is replaced once, silently: nothing tells when a back
    /// end closes one that rests (OT-32).
    pub(crate) async fn send(&self, body: &Body) -> Verdict {
        let kept = match self.take_idle() {
            Some(connection) => self.exchange(connection, body).await.ok(),
            None => None,
        };
        let answer = match kept {
            Some(answer) => Ok(answer),
            None => self.exchange_on_new(body).await,
        };
        match answer {
            Ok(Some(answer)) => answer.judge(self.signal, SystemTime::now()),
            Ok(None) => Verdict::answer_too_long(),
            Err(error) => Verdict::lost(chain(&error)),
        }
    }

    async fn exchange_on_new(&self, body: &Body) -> Result<Option<Answer>, ExchangeError> {
        let stream = self.connector.connect().await?;
        let (sender, connection) = Builder::new()
            .max_buf_size(READ_BUFFER_MAX)
            .handshake(TokioIo::new(stream))
            .await?;
        let mut driver = JoinSet::new();
        // How it ends shows in the exchange.
        driver.spawn(async { drop(connection.await) });
        let connection = Connection {
            sender,
            _driver: driver,
        };
        self.exchange(connection, body).await
    }

    /// `None` when the answer is too long.
    async fn exchange(
        &self,
        mut connection: Connection,
        body: &Body,
    ) -> Result<Option<Answer>, ExchangeError> {
        connection.sender.ready().await?;
        let response = connection.sender.send_request(self.request(body)?).await?;
        let (head, incoming) = response.into_parts();
        let Some(bytes) = read(incoming).await? else {
            return Ok(None);
        };
        // An answer that came before the end of the request leaves a connection behind that may stay busy for ever.
        if head.status.is_success() || connection.sender.is_ready() {
            self.keep(connection);
        }
        Ok(Some(Answer {
            status: head.status,
            retry_after: head.headers.get(RETRY_AFTER).cloned(),
            json: is_json(head.headers.get(CONTENT_TYPE)),
            body: bytes,
        }))
    }

    fn request(&self, body: &Body) -> Result<Request<Full<Bytes>>, ::http::Error> {
        let mut request = Request::post(self.target.clone()).body(Full::new(body.bytes.clone()))?;
        *request.headers_mut() = self.headers.clone();
        if let Some(encoding) = body.encoding {
            let encoding = HeaderValue::from_static(encoding);
            request.headers_mut().insert(CONTENT_ENCODING, encoding);
        }
        Ok(request)
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        // The others rest longer still, so they are closed too sooner or later; here they go when they are found.
        while let Some(connection) = idle.pop() {
            if !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < self.idle_max {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The whole body, unless it is longer than an answer may be.
async fn read(mut incoming: Incoming) -> hyper::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue; // Trailers.
        };
        if bytes.len() + data.len() > ANSWER_MAX {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes))
}

/// Parameters and case do not matter (OT-28).
fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type.and_then(|value| value.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
