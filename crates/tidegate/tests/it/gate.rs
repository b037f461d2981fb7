//! A gateway between a raw client and raw origins, and the origins that several modules need.

use std::net::SocketAddr;

use testkit::{Connection, RawClient, RawOrigin, Request, Response, Tidegate};

/// What a configuration says besides one listener `web`, one worker, and one route that takes everything to `origin`.
/// Each text is the inside of a YAML map in one line.
#[derive(Clone, Copy, Default)]
pub(crate) struct Setup<'a> {
    /// Of the listener, its limits aside.
    pub(crate) listener: &'a str,
    pub(crate) limits: &'a str,
    /// Of the route, its match and target aside.
    pub(crate) route: &'a str,
    pub(crate) forward: &'a str,
    pub(crate) connections: &'a str,
    /// 0 stands for one.
    pub(crate) workers: usize,
}

impl Setup<'_> {
    /// Starts a gateway that forwards to these endpoints in turn.
    #[track_caller]
    pub(crate) fn start(self, endpoints: &[SocketAddr]) -> Tidegate {
        Tidegate::start(self.yaml(endpoints))
    }

    pub(crate) fn yaml(self, endpoints: &[SocketAddr]) -> String {
        let endpoints: Vec<_> = endpoints.iter().map(|addr| format!("\"{addr}\"")).collect();
        let limits = format!("limits: {{ {} }}", self.limits);
        let connections = format!("connections: {{ {} }}", self.connections);
        format!(
            "workers: {}\nlisteners: {{ web: {} }}\nroutes:\n  - {}\nupstreams: {{ origin: {} }}\nadmin: off\n",
            self.workers.max(1),
            map(&["address: 127.0.0.1:0", self.listener, &limits]),
            map(&[
                self.route,
                &format!("forward: {}", map(&["upstream: origin", self.forward]))
            ]),
            map(&[
                &format!("endpoints: [{}]", endpoints.join(", ")),
                "balance: round_robin",
                &connections
            ]),
        )
    }
}

fn map(entries: &[&str]) -> String {
    let entries: Vec<_> = entries
        .iter()
        .copied()
        .filter(|entry| !entry.is_empty())
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// The lines of a head, each ended, and the empty line.
pub(crate) fn head(lines: &[&str]) -> String {
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

/// `GET` of a target with a host and nothing else.
pub(crate) fn get(target: &str) -> String {
    head(&[&format!("GET {target} HTTP/1.1"), "Host: a.example"])
}

/// `POST` of a body with its length.
pub(crate) fn post(target: &str, body: &str) -> String {
    let head = head(&[
        &format!("POST {target} HTTP/1.1"),
        "Host: a.example",
        &format!("Content-Length: {}", body.len()),
    ]);
    head + body
}

/// 200 with this body and its length.
pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends the request on a connection of its own: the response, and the request as the origin got it.
#[track_caller]
pub(crate) fn forwarded(
    addr: SocketAddr,
    origin: &RawOrigin,
    request: impl AsRef<[u8]>,
) -> (Response, Request) {
    let before = origin.requests().len();
    let response = RawClient::exchange(addr, request);
    let mut requests = origin.requests();
    assert_eq!(
        requests.len(),
        before + 1,
        "expected one request at the origin; answered {response:#?}"
    );
    let request = requests.pop().expect("one more than before");
    (response, request)
}

/// Values of the fields of that name, in order.
pub(crate) fn values<'h>(head: &'h testkit::Head, name: &'h str) -> Vec<&'h str> {
    head.fields_named(name).collect()
}

/// What an origin does after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Keep,
    Close,
    Reset,
    /// Sends nothing more and waits for the gateway to close.
    Hang,
}

/// An origin that answers a request for `/N` with the Nth answer.
pub(crate) fn answering(answers: Vec<(String, Then)>) -> RawOrigin {
    RawOrigin::start(move |conn| {
        while let Some(request) = conn.read_request() {
            let index = request.target().trim_start_matches('/');
            let index: usize = index.parse().expect("a number");
            let (answer, then) = &answers[index];
            conn.send(answer);
            if !go_on(conn, *then) {
                return;
            }
        }
    })
}

/// Does what comes after an answer; says whether the connection can bring another request.
fn go_on(conn: &mut Connection, then: Then) -> bool {
    match then {
        Then::Keep => return true,
        Then::Close => {}
        Then::Reset => conn.reset(),
        Then::Hang => {
            conn.hang();
        }
    }
    false
}
