//! What is known of a request when it begins, by the conventions for HTTP and RPC.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{HOST, USER_AGENT};
use http::uri::Authority;
use http::{Request, Uri};
use telemetry::metrics::{MethodLabel, Scheme};
use telemetry::{redacted_query, redacted_url};

use crate::attributes::Attributes;
use crate::exchange::{Call, Exchange, Side, is_head};
use crate::pipeline::Pipeline;
use crate::rpc;
use crate::span::Span;

/// Begins the span of a request that is served.
pub(crate) fn begin_serving<B>(
    pipeline: &Arc<Pipeline>,
    default: Scheme,
    req: &Request<B>,
) -> Exchange {
    let mut span = pipeline.begin_server(req.headers());
    let scheme = match req.uri().scheme_str() {
        Some("https") => Scheme::Https,
        Some("http") => Scheme::Http,
        Some(_) | None => default,
    };
    let is_grpc = rpc::is_grpc(req.headers());
    let route = if is_grpc { None } else { route(req) };
    if !is_grpc {
        span.name = span_name(pipeline, req, route.as_deref()).into();
    }
    if let Some(record) = span.record() {
        let attributes = &mut record.attributes;
        if is_grpc {
            attributes.text("rpc.system.name", "grpc");
        } else {
            put_method(attributes, pipeline, req);
            attributes.text("url.path", req.uri().path().to_owned());
            let scheme = match scheme {
                Scheme::Http => "http",
                Scheme::Https => "https",
            };
            attributes.text("url.scheme", scheme);
            if let Some(query) = req.uri().query() {
                attributes.bytes(
                    "url.query",
                    redacted_query(query.as_bytes(), &[], &mut Vec::new()),
                );
            }
            if let Some(agent) = req.headers().get(USER_AGENT) {
                attributes.bytes("user_agent.original", agent.as_bytes());
            }
            if let Some(route) = &route {
                attributes.text("http.route", String::from(&**route));
            }
        }
        if let Some(host) = authority(req) {
            put_server(attributes, bare_host(&host), host.port_u16());
        }
        if let Some(peer) = peer(req) {
            let address = peer.ip().to_canonical().to_string();
            if !is_grpc {
                attributes.text("client.address", address.clone());
            }
            attributes.text("network.peer.address", address);
            attributes.number("network.peer.port", peer.port());
        }
    }
    let side = Side::Server { scheme, route };
    begin(pipeline, span, side, req, is_grpc)
}

/// Begins the span of a request that is sent; `target` is where it goes when it does not say.
pub(crate) fn begin_sending<B>(
    pipeline: &Arc<Pipeline>,
    target: Option<&Uri>,
    req: &Request<B>,
) -> Exchange {
    let mut span = pipeline.begin_client();
    let is_grpc = rpc::is_grpc(req.headers());
    if !is_grpc {
        span.name = span_name(pipeline, req, None).into();
    }
    let target = target.filter(|_| req.uri().host().is_none());
    let scheme = target
        .and_then(Uri::scheme_str)
        .or(req.uri().scheme_str())
        .unwrap_or("http");
    let host = target
        .and_then(|target| target.authority().cloned())
        .or_else(|| authority(req));
    let port = host.as_ref().and_then(Authority::port_u16);
    let port = port.unwrap_or(if scheme == "https" { 443 } else { 80 });
    let address: Box<str> = host.as_ref().map_or("", bare_host).into();
    if let Some(record) = span.record() {
        let attributes = &mut record.attributes;
        if !address.is_empty() {
            put_server(attributes, &address, Some(port));
        }
        if is_grpc {
            attributes.text("rpc.system.name", "grpc");
        } else {
            put_method(attributes, pipeline, req);
            put_url(attributes, scheme, host.as_ref(), req.uri());
        }
    }
    let side = Side::Client { address, port };
    begin(pipeline, span, side, req, is_grpc)
}

fn begin<B>(
    pipeline: &Arc<Pipeline>,
    span: Span,
    side: Side,
    req: &Request<B>,
    is_grpc: bool,
) -> Exchange {
    let call = if is_grpc {
        Call::Grpc {
            method: rpc::Method::of(req.uri()),
            status: None,
        }
    } else {
        Call::Http {
            method: pipeline.method_label(req.method()),
            is_head: is_head(req.method()),
        }
    };
    Exchange::new(Arc::clone(pipeline), span, side, call, req.version())
}

fn span_name<B>(pipeline: &Pipeline, req: &Request<B>, route: Option<&str>) -> String {
    let method = pipeline.method_label(req.method()).span_text();
    match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

fn put_method<B>(attributes: &mut Attributes, pipeline: &Pipeline, req: &Request<B>) {
    let method = pipeline.method_label(req.method());
    attributes.text("http.request.method", method.text());
    if method == MethodLabel::OTHER {
        let sent = req.method().as_str().to_owned();
        attributes.text("http.request.method_original", sent);
    }
}

fn put_server(attributes: &mut Attributes, address: &str, port: Option<u16>) {
    attributes.text("server.address", address.to_owned());
    if let Some(port) = port {
        attributes.number("server.port", port);
    }
}

/// `url.full`, without secrets.
fn put_url(attributes: &mut Attributes, scheme: &str, host: Option<&Authority>, uri: &Uri) {
    let mut url = String::new();
    if let Some(host) = host {
        url.push_str(scheme);
        url.push_str("://");
        if host.as_str().contains('@') {
            url.push_str("REDACTED:REDACTED@");
        }
        let place = host.as_str();
        url.push_str(place.rsplit_once('@').map_or(place, |(_, place)| place));
    }
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    url.push_str(target);
    attributes.bytes(
        "url.full",
        redacted_url(url.as_bytes(), &[], &mut Vec::new()),
    );
}

/// Where the request is for: `:authority` or the URI, else `Host`.
fn authority<B>(req: &Request<B>) -> Option<Authority> {
    let of_uri = req.uri().authority().cloned();
    of_uri.or_else(|| {
        let host = req.headers().get(HOST)?;
        Authority::try_from(host.as_bytes()).ok()
    })
}

/// Without the brackets of an IPv6 address.
fn bare_host(host: &Authority) -> &str {
    host.host().trim_start_matches('[').trim_end_matches(']')
}

#[cfg(feature = "axum")]
fn route<B>(req: &Request<B>) -> Option<Box<str>> {
    let matched = req.extensions().get::<axum::extract::MatchedPath>()?;
    Some(matched.as_str().into())
}

#[cfg(not(feature = "axum"))]
fn route<B>(_: &Request<B>) -> Option<Box<str>> {
    None
}

#[cfg(feature = "axum")]
fn peer<B>(req: &Request<B>) -> Option<SocketAddr> {
    let info = req
        .extensions()
        .get::<axum::extract::ConnectInfo<SocketAddr>>()?;
    Some(info.0)
}

#[cfg(not(feature = "axum"))]
fn peer<B>(_: &Request<B>) -> Option<SocketAddr> {
    None
}
