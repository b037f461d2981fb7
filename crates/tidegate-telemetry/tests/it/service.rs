//! An axum service and a client for it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use tidegate_telemetry::{ClientService, ObservedBody, Telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tower_layer::Layer as _;

pub(crate) type HttpClient = ClientService<Client<HttpConnector, Body>>;
pub(crate) type Answer = Response<ObservedBody<hyper::body::Incoming>>;

/// Serves until it is dropped.
pub(crate) struct Service {
    pub(crate) addr: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Service {
    pub(crate) async fn start(telemetry: &Telemetry, routes: Router) -> Self {
        Self::start_plain(routes.layer(telemetry.server_layer())).await
    }

    pub(crate) async fn start_plain(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound socket");
        let app = routes.into_make_service_with_connect_info::<SocketAddr>();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.expect("served to the end") });
        Self {
            addr,
            _tasks: tasks,
        }
    }
}

pub(crate) fn client(telemetry: &Telemetry) -> HttpClient {
    let plain = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    telemetry.client_layer().layer(plain)
}

pub(crate) async fn send(client: &HttpClient, req: Request<Body>) -> Result<Answer, Error> {
    client.clone().oneshot(req).await
}

/// `GET` to the end of the body.
pub(crate) async fn get(client: &HttpClient, addr: SocketAddr, target: &str) -> (u16, String) {
    let req = Request::get(format!("http://{addr}{target}"));
    let response = send(client, req.body(Body::empty()).expect("an answer"))
        .await
        .expect("an answer");
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("an answer")
        .to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("an answer"))
}
