//! A back end that speaks OTLP over HTTP/1.1 and lets nothing pass that is only nearly right.

use std::time::Instant;

use export::Protocol;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{Io, Received, Record, Reply, decompress, expect, header, signal_of};

pub(crate) async fn serve(
    mut stream: Box<dyn Io>,
    protocol: Protocol,
    record: &Record,
) -> Result<(), String> {
    let mut buffer = Vec::new();
    loop {
        let Some((head, length)) = read_head(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        while buffer.len() < length {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return Ok(()); // Cancelled.
            }
        }
        let wire: Vec<u8> = buffer.drain(..length).collect();
        let request = check(head, &wire, protocol, record)?;
        let mut reply = record.receive(request);
        while let Reply::Later(wait, next) = reply {
            tokio::time::sleep(wait).await;
            reply = *next;
        }
        let content_type = content_type(protocol);
        let (status, fields, body) = match reply {
            Reply::Taken => (200, Vec::new(), taken(protocol)),
            Reply::With(body) => (200, Vec::new(), body),
            Reply::Status(status, fields, body) => (status, fields, body),
            Reply::TakenAndBye => (
                200,
                vec![("connection", "close".to_owned())],
                taken(protocol),
            ),
            Reply::Cut => return Ok(()),
            Reply::Hang => std::future::pending().await,
            Reply::Code(..) | Reply::Reset(_) | Reply::Later(..) => {
                return Err("no answer of HTTP/1.1".to_owned());
            }
        };
        let mut answer = format!(
            "HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !fields.iter().any(|(name, _)| *name == "content-type") {
            answer += &format!("content-type: {content_type}\r\n");
        }
        for (name, value) in &fields {
            answer += &format!("{name}: {value}\r\n");
        }
        answer += "\r\n";
        // A client that has gone away is no fault.
        let mut answer = answer.into_bytes();
        answer.extend_from_slice(&body);
        if stream.write_all(&answer).await.is_err() {
            return Ok(());
        }
        if fields.iter().any(|(name, _)| *name == "connection") {
            return Ok(());
        }
    }
}

type Head = (String, Vec<(String, String)>);

/// The next request's target and fields, and how long its body is; `None` at the end of the connection.
async fn read_head(
    stream: &mut Box<dyn Io>,
    buffer: &mut Vec<u8>,
) -> Result<Option<(Head, usize)>, String> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(buffer).map_err(|error| error.to_string())?;
        if let httparse::Status::Complete(end) = parsed {
            expect(request.method == Some("POST"), || {
                format!("method {:?}", request.method)
            })?;
            expect(request.version == Some(1), || "version".to_owned())?;
            let target = request.path.unwrap_or_default().to_owned();
            let fields: Vec<(String, String)> = request
                .headers
                .iter()
                .map(|field| {
                    (
                        field.name.to_ascii_lowercase(),
                        String::from_utf8_lossy(field.value).into(),
                    )
                })
                .collect();
            let length = header(&fields, "content-length").and_then(|text| text.parse().ok());
            let length = length.ok_or("no length")?;
            buffer.drain(..end);
            return Ok(Some(((target, fields), length)));
        }
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return Ok(None);
        }
    }
}

fn check(
    (target, headers): Head,
    wire: &[u8],
    protocol: Protocol,
    record: &Record,
) -> Result<Received, String> {
    let is = |name: &str, expected: &str| {
        let found = header(&headers, name);
        expect(found == Some(expected), || format!("{name}: {found:?}"))
    };
    is("content-type", content_type(protocol))?;
    let host = header(&headers, "host");
    expect(
        host.is_some_and(|host| host.ends_with(&format!(":{}", record.addr.port()))),
        || format!("host {host:?}"),
    )?;
    expect(header(&headers, "transfer-encoding").is_none(), || {
        "chunked".to_owned()
    })?;
    let encoding = header(&headers, "content-encoding").map(str::to_owned);
    let body = decompress(wire, encoding.as_deref())?;
    if protocol == Protocol::HttpProtobuf {
        otlp::count_items(signal_of(&target), &body).map_err(|error| error.to_string())?;
    }
    Ok(Received {
        nth: 0,
        target,
        headers,
        encoding,
        body,
        at: Instant::now(),
    })
}

fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Grpc | Protocol::HttpProtobuf => "application/x-protobuf",
        Protocol::HttpJson => "application/json",
    }
}

fn taken(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::Grpc | Protocol::HttpProtobuf => Vec::new(),
        Protocol::HttpJson => b"{}".to_vec(),
    }
}
