//! Certificates made for a test, and clients that believe them.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;
use testkit::SOON;

/// Signs certificates; all files are in a folder of its own.
pub(crate) struct Authority {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// Files of a certificate and its key.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What is particular about a certificate.
#[derive(Default)]
pub(crate) struct About<'a> {
    /// Names and addresses.
    pub(crate) names: &'a [&'a str],
    /// An alternative name that is a URI.
    pub(crate) uri: Option<&'a str>,
    pub(crate) common_name: &'a str,
    pub(crate) is_client: bool,
    pub(crate) is_expired: bool,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        let authority = Self {
            dir: TempDir::new().expect("a temporary folder"),
            pem: cert.pem(),
            issuer: Issuer::new(params, key),
        };
        fs::write(authority.ca(), &authority.pem).expect("a file in a new folder");
        authority
    }

    /// Its own certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// For a server of these names.
    pub(crate) fn server(&self, file: &str, names: &[&str]) -> Pair {
        let about = About {
            names,
            ..About::default()
        };
        self.issue(file, &about)
    }

    pub(crate) fn issue(&self, file: &str, about: &About<'_>) -> Pair {
        let names: Vec<String> = about.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        if let Some(uri) = about.uri {
            let uri = uri.try_into().expect("ASCII");
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.distinguished_name.remove(DnType::CommonName);
        if !about.common_name.is_empty() {
            let name = about.common_name;
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.extended_key_usages = vec![match about.is_client {
            true => ExtendedKeyUsagePurpose::ClientAuth,
            false => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        if about.is_expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let pair = Pair {
            cert: self.dir.path().join(format!("{file}.pem")),
            key: self.dir.path().join(format!("{file}.key")),
        };
        fs::write(&pair.cert, cert.pem()).expect("a file in a new folder");
        fs::write(&pair.key, key.serialize_pem()).expect("a file in a new folder");
        pair
    }

    /// A client that believes this authority, and shows `pair` where it is asked.
    pub(crate) fn client(&self, pair: Option<&Pair>) -> Client {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("PEM");
        roots.add(own).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match pair {
            Some(pair) => {
                let chain = CertificateDer::pem_file_iter(&pair.cert).expect("PEM");
                let chain = chain.collect::<Result<_, _>>().expect("certificates");
                let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("a pair")
            }
            None => builder.with_no_client_auth(),
        };
        Client(Arc::new(config))
    }
}

impl Pair {
    /// As an item of `certificates`.
    pub(crate) fn yaml(&self) -> String {
        format!(
            "{{ cert: {}, key: {} }}",
            self.cert.display(),
            self.key.display()
        )
    }

    /// Takes the place of another, in one step for each file.
    pub(crate) fn replace(&self, other: &Self) {
        for (from, to) in [(&self.cert, &other.cert), (&self.key, &other.key)] {
            let draft = to.with_extension("draft");
            fs::copy(from, &draft).expect("a copy");
            fs::rename(draft, to).expect("the file's place");
        }
    }
}

/// A client of TLS; keeps tickets from one connection to the next.
#[derive(Clone)]
pub(crate) struct Client(pub(super) Arc<ClientConfig>);

/// A connection whose handshake is over.
pub(crate) struct Secure(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    /// Connects and shakes hands.
    pub(crate) fn connect(&self, addr: SocketAddr, name: &str) -> io::Result<Secure> {
        let tcp = TcpStream::connect(addr)?;
        tcp.set_read_timeout(Some(SOON))?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let session = ClientConnection::new(Arc::clone(&self.0), name).expect("a session");
        let mut stream = StreamOwned::new(session, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Secure(stream))
    }
}

impl Secure {
    /// Sends a request that asks for the end of the connection, and reads to it: an end that is not announced is an error.
    pub(crate) fn exchange(
        mut self,
        host: &str,
        target: &str,
        fields: &[&str],
    ) -> io::Result<String> {
        self.send(host, target, &[fields, &["Connection: close"]].concat())?;
        let mut text = String::new();
        self.0.read_to_string(&mut text)?;
        Ok(text)
    }

    pub(crate) fn send(&mut self, host: &str, target: &str, fields: &[&str]) -> io::Result<()> {
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n");
        for field in fields {
            request.push_str(field);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        self.0.write_all(request.as_bytes())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Reads once, at most so many bytes.
    pub(crate) fn read_some(&mut self, most: usize) -> io::Result<usize> {
        let mut bytes = vec![0; most];
        match self.0.read(&mut bytes)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }

    /// Reads until the text ends like this.
    pub(crate) fn read_until(&mut self, end: &str) -> io::Result<String> {
        let mut text = String::new();
        let mut byte = [0; 1];
        while !text.ends_with(end) {
            self.0.read_exact(&mut byte)?;
            text.push(char::from(byte[0]));
        }
        Ok(text)
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.0.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    pub(crate) fn version(&self) -> Option<rustls::ProtocolVersion> {
        self.0.conn.protocol_version()
    }
}
