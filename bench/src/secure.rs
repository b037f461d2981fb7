//! TLS for comparisons: one certificate for all programs, and a client that opens one connection after the other.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, client::Resumption,
    pki_types::ServerName, version,
};

use crate::{http, process::Folder, response::Reader};

const NAME: &str = "localhost";
/// What load generators ask for.
const LOOPBACK: &str = "127.0.0.1";
/// Waiting longer than this for a byte ends the measurement.
const PATIENCE: Duration = Duration::from_secs(5);

/// A self-signed certificate (ECDSA P-256), as the programs read it. Its files go when it is dropped.
#[derive(Debug)]
pub struct Credential {
    /// The certificate alone.
    pub cert: PathBuf,
    /// Its key alone.
    pub key: PathBuf,
    /// Both in one file.
    pub both: PathBuf,
    roots: Arc<RootCertStore>,
    _folder: Folder,
}

impl Credential {
    /// Makes one.
    ///
    /// # Errors
    /// When files cannot be written.
    pub fn make() -> Result<Self> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([NAME.to_owned(), LOOPBACK.to_owned()])
                .context("cannot make a certificate")?;
        let folder = Folder::create()?;
        let (cert_pem, key_pem) = (cert.pem(), signing_key.serialize_pem());
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone())?;
        let both = folder.path().join("both.pem");
        fs::write(&both, format!("{cert_pem}{key_pem}"))?;
        Ok(Self {
            cert: folder.write("cert.pem", &cert_pem)?,
            key: folder.write("key.pem", &key_pem)?,
            both,
            roots: Arc::new(roots),
            _folder: folder,
        })
    }

    /// A client that speaks TLS 1.3 and believes this certificate.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn client(&self, resumes: bool) -> Result<Client> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.resumption = match resumes {
            true => Resumption::in_memory_sessions(4),
            false => Resumption::disabled(),
        };
        Ok(Client {
            config: Arc::new(config),
            resumes,
        })
    }
}

/// Opens connections, each for one request.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    resumes: bool,
}

impl Client {
    /// `count` connections one after the other, each with one request for `path` and a clean end.
    ///
    /// # Errors
    /// When one fails, is not answered with 200, or begins otherwise than it should: a first one may always be new.
    pub fn connect_often(&self, address: SocketAddr, path: &str, count: u32) -> Result<()> {
        let request = http::request(NAME, path);
        for number in 0..count {
            let kind = self.connect(address, &request)?;
            let expected = match self.resumes && number > 0 {
                true => HandshakeKind::Resumed,
                false => HandshakeKind::Full,
            };
            ensure!(
                kind == expected || (number == 0 && kind == HandshakeKind::Resumed),
                "expected a handshake of kind {expected:?}, found {kind:?}"
            );
        }
        Ok(())
    }

    fn connect(&self, address: SocketAddr, request: &[u8]) -> Result<HandshakeKind> {
        let tcp = TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(NAME)?;
        let session = ClientConnection::new(Arc::clone(&self.config), name)?;
        let mut stream = StreamOwned::new(session, tcp);
        exchange(&mut stream, request)?;
        stream.conn.send_close_notify();
        stream.flush()?;
        let kind = stream.conn.handshake_kind();
        kind.context("a handshake that is over has a kind")
    }
}

/// The same in plain text: what a connection with one request costs without TLS.
///
/// # Errors
/// When one fails or is not answered with 200.
pub fn connect_often_plain(address: SocketAddr, path: &str, count: u32) -> Result<()> {
    let request = http::request(NAME, path);
    for _ in 0..count {
        let mut tcp = TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        exchange(&mut tcp, &request)?;
    }
    Ok(())
}

fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> Result<()> {
    stream.write_all(request)?;
    let mut reader = Reader::default();
    let mut piece = [0; 4096];
    loop {
        let len = stream.read(&mut piece)?;
        ensure!(len > 0, "expected a response, found the end");
        let fed = reader.feed(piece.get(..len).unwrap_or_default());
        match fed.ok().context("expected a response")? {
            Some(complete) if complete.status == 200 => return Ok(()),
            Some(complete) => bail!("expected 200, found {}", complete.status),
            None => {}
        }
    }
}
