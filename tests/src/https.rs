//! A client as the API server is one to webhooks: HTTP/1.1 over TLS, one connection kept alive, one
//! request at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::pki::Identity;

/// Whom a client trusts, and as whom it shows itself.
#[derive(Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

impl Trust {
    /// Trusts what these authorities have signed, PEM.
    ///
    /// # Errors
    /// When they are no certificates.
    pub fn new(authorities: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let roots = Arc::new(roots);
        let config = builder(&roots)?.with_no_client_auth();
        Ok(Trust { config: Arc::new(config), roots })
    }

    /// With a client certificate.
    ///
    /// # Errors
    /// When it is none.
    pub fn with_identity(&self, identity: &Identity) -> io::Result<Self> {
        let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes());
        let (certificate, key) =
            (certificate.map_err(io::Error::other)?, key.map_err(io::Error::other)?);
        let config = builder(&self.roots)?.with_client_auth_cert(vec![certificate], key);
        let config = Arc::new(config.map_err(io::Error::other)?);
        Ok(Trust { config, roots: Arc::clone(&self.roots) })
    }
}

fn builder(roots: &Arc<RootCertStore>) -> io::Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(Arc::clone(roots)))
}

/// A connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    /// Headers of every request beyond the usual.
    headers: String,
    /// What has been read of the next answer.
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Whether the server ends the connection with it.
    pub last: bool,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects to `address` as `localhost`.
    ///
    /// # Errors
    /// When nobody listens there, or it is not trusted.
    pub async fn open(address: SocketAddr, trust: &Trust) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(&trust.config)).connect(name, tcp).await?;
        Ok(Connection { stream, headers: String::new(), buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends `headers`, each ended by CRLF, with every request from now on.
    pub fn add_headers(&mut self, headers: &str) {
        self.headers.push_str(headers);
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn post(&mut self, path: &str, body: &[u8]) -> io::Result<Reply> {
        self.send(path, "application/json", body).await
    }

    /// Posts JSON of which only `part` is sent, and waits for an answer all the same.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn begin(&mut self, path: &str, length: usize, part: &[u8]) -> io::Result<Reply> {
        // A server that takes no more may answer before it has taken all.
        let sent = self.request(path, length, part).await;
        self.read().await.map_err(|error| sent.err().unwrap_or(error))
    }

    /// Sends a request of JSON, or the beginning of one, and waits for nothing.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn request(&mut self, path: &str, length: usize, body: &[u8]) -> io::Result<()> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        self.write(&[head.as_bytes(), body].concat()).await
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Posts anything.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&mut self, path: &str, content_type: &str, body: &[u8]) -> io::Result<Reply> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\naccept: application/json\r\n{}\r\n",
            body.len(),
            self.headers
        )
        .into_bytes();
        request.extend_from_slice(body);
        // A server that refuses a large body answers before it has read all of it.
        let written = self.stream.write_all(&request).await;
        match self.read().await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(written.err().unwrap_or(error)),
        }
    }

    async fn read(&mut self) -> io::Result<Reply> {
        loop {
            if let Some((reply, length)) = parse(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok(reply);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// An answer with its length, once all of it is there.
fn parse(bytes: &[u8]) -> io::Result<Option<(Reply, usize)>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let text = std::str::from_utf8(bytes.get(..head).unwrap_or_default())
        .map_err(|_| bad())?
        .to_ascii_lowercase();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(bad)?;
    let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let length: usize = header("content-length:").unwrap_or("0").parse().map_err(|_| bad())?;
    let body = head + 4;
    Ok(bytes.get(body..body + length).map(|content| {
        (
            Reply { status, last: header("connection:") == Some("close"), body: content.to_vec() },
            body + length,
        )
    }))
}
