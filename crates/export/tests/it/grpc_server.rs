//! A back end that speaks OTLP over gRPC and lets nothing pass that is only nearly right.

use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::task::JoinSet;

use crate::server::{Io, Received, Record, Reply, decompress, expect, header, signal_of};

/// What a call does to its connection.
enum Then {
    GoOn,
    /// The call must not end before its connection, or the client would be told.
    Cut(SendResponse<Bytes>),
    Bye,
}

pub(crate) async fn serve(
    stream: Box<dyn Io>,
    record: &std::sync::Arc<Record>,
) -> Result<(), String> {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return Ok(()); // Gone before it began.
    };
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            call = connection.accept() => match call {
                // A client that goes away is no fault.
                None | Some(Err(_)) => return Ok(()),
                Some(Ok((request, respond))) => {
                    let record = std::sync::Arc::clone(record);
                    calls.spawn(async move { answer(request, respond, &record).await });
                }
            },
            Some(ended) = calls.join_next() => match ended.map_err(|error| error.to_string())?? {
                Then::GoOn => {}
                Then::Cut(call) => {
                    drop(connection);
                    drop(call);
                    return Ok(());
                }
                Then::Bye => connection.graceful_shutdown(),
            },
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    record: &Record,
) -> Result<Then, String> {
    let (head, mut body) = request.into_parts();
    let mut framed = Vec::new();
    while let Some(data) = body.data().await {
        let Ok(data) = data else {
            return Ok(Then::GoOn); // Cancelled.
        };
        framed.extend_from_slice(&data);
        drop(body.flow_control().release_capacity(data.len()));
    }
    let mut reply = record.receive(check(&head, &framed, record)?);
    while let Reply::Later(wait, next) = reply {
        tokio::time::sleep(wait).await;
        reply = *next;
    }
    let bye = matches!(reply, Reply::TakenAndBye);
    match reply {
        Reply::Taken | Reply::TakenAndBye => respond_with(&mut respond, &[]),
        Reply::With(message) => respond_with(&mut respond, &message),
        Reply::Code(code, fields) => {
            // Nothing but trailers, in the place of headers.
            let mut response = Response::new(());
            let headers = response.headers_mut();
            headers.insert("content-type", HeaderValue::from_static("application/grpc"));
            headers.insert("grpc-status", HeaderValue::from(code));
            extend(headers, &fields);
            drop(respond.send_response(response, true));
        }
        Reply::Status(status, fields, body) => {
            let mut response = Response::builder().status(status).body(()).unwrap();
            extend(response.headers_mut(), &fields);
            if let Ok(mut stream) = respond.send_response(response, body.is_empty())
                && !body.is_empty()
            {
                drop(stream.send_data(body.into(), true));
            }
        }
        Reply::Cut => return Ok(Then::Cut(respond)),
        Reply::Hang => {
            // Until the client cancels.
            std::future::poll_fn(|cx| respond.poll_reset(cx)).await.ok();
        }
        Reply::Reset(reason) => respond.send_reset(reason),
        Reply::Later(..) => return Err("later twice".to_owned()),
    }
    Ok(if bye { Then::Bye } else { Then::GoOn })
}

/// A message and good trailers.
fn respond_with(respond: &mut SendResponse<Bytes>, message: &[u8]) {
    let response = Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let Ok(mut stream) = respond.send_response(response, false) else {
        return; // Cancelled.
    };
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    drop(stream.send_data(framed.into(), false));
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    drop(stream.send_trailers(trailers));
}

fn extend(headers: &mut HeaderMap, fields: &[(&'static str, String)]) {
    for (name, value) in fields {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
}

fn check(head: &http::request::Parts, framed: &[u8], record: &Record) -> Result<Received, String> {
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into(),
            )
        })
        .collect();
    let is = |name: &str, expected: &str| {
        let found = header(&headers, name);
        expect(found == Some(expected), || format!("{name}: {found:?}"))
    };
    expect(head.method == "POST", || format!("method {}", head.method))?;
    expect(head.uri.scheme_str() == Some(record.scheme), || {
        format!("scheme of {}", head.uri)
    })?;
    let authority = head.uri.authority().map(ToString::to_string);
    expect(
        authority
            .as_deref()
            .is_some_and(|found| found.ends_with(&format!(":{}", record.addr.port()))),
        || format!("authority {authority:?}"),
    )?;
    is("content-type", "application/grpc")?;
    is("te", "trailers")?;
    let timeout = header(&headers, "grpc-timeout").and_then(|text| text.strip_suffix('m'));
    let timeout = timeout
        .filter(|digits| digits.len() <= 8)
        .and_then(|digits| digits.parse::<u32>().ok());
    expect(timeout.is_some_and(|millis| millis > 0), || {
        format!("grpc-timeout in {headers:?}")
    })?;
    let (prefix, message) = framed.split_at_checked(5).ok_or("no message")?;
    let encoding = header(&headers, "grpc-encoding").map(str::to_owned);
    expect(prefix[0] == u8::from(encoding.is_some()), || {
        format!("flag {}", prefix[0])
    })?;
    let length = u32::from_be_bytes(prefix[1..].try_into().unwrap());
    expect(usize::try_from(length) == Ok(message.len()), || {
        format!("length {length}")
    })?;
    let body = decompress(message, encoding.as_deref())?;
    otlp::count_items(signal_of(head.uri.path()), &body).map_err(|error| error.to_string())?;
    Ok(Received {
        nth: 0,
        target: head.uri.path().to_owned(),
        headers,
        encoding,
        body,
        at: Instant::now(),
    })
}

/// Codes of HTTP/2 that end a stream without saying that it was never looked at.
pub(crate) const RESETS: &[Reason] = &[
    Reason::INTERNAL_ERROR,
    Reason::CANCEL,
    Reason::ENHANCE_YOUR_CALM,
];
