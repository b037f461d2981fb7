//! An origin that speaks TLS, and tells what it saw of its clients.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::authority::{Authority, Pair};

/// Answers every request on kept connections with `ok`. Its threads end with their peers and the test.
pub(crate) struct SecureOrigin {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// One connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Option<String>,
    pub(crate) shows_certificate: bool,
    pub(crate) requests: usize,
}

impl SecureOrigin {
    /// With this certificate; with `clients`, one of that authority is demanded.
    pub(crate) fn start(pair: &Pair, clients: Option<&Authority>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = listener.local_addr().expect("a bound socket");
        let (config, seen) = (config(pair, clients), Arc::<Mutex<Vec<Seen>>>::default());
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (config, seen) = (Arc::clone(&config), Arc::clone(&shared));
                thread::spawn(move || serve(tcp, config, &seen));
            }
        });
        Self { addr, seen }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections on which hands were shaken.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no thread fails").clone()
    }
}

fn config(pair: &Pair, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_file(authority.ca()).expect("PEM");
            roots.add(root).expect("a certificate");
            let roots = Arc::new(roots);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
        None => builder.with_no_client_auth(),
    };
    let chain = CertificateDer::pem_file_iter(&pair.cert).expect("PEM");
    let chain = chain.collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
    let mut config = builder.with_single_cert(chain, key).expect("a pair");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn serve(mut tcp: TcpStream, config: Arc<ServerConfig>, all: &Mutex<Vec<Seen>>) {
    let Ok(mut session) = ServerConnection::new(config) else {
        return;
    };
    while session.is_handshaking() {
        if session.complete_io(&mut tcp).is_err() {
            return;
        }
    }
    let place = {
        let mut all = all.lock().expect("no thread fails");
        let alpn = session.alpn_protocol();
        all.push(Seen {
            server_name: session.server_name().map(str::to_owned),
            alpn: alpn.map(|name| String::from_utf8_lossy(name).into_owned()),
            shows_certificate: session.peer_certificates().is_some(),
            requests: 0,
        });
        all.len() - 1
    };
    let mut stream = StreamOwned::new(session, tcp);
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while stream.read_exact(&mut byte).is_ok() {
        head.extend_from_slice(&byte);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            all.lock().expect("no thread fails")[place].requests += 1;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}
