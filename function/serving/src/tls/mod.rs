//! A certificate that can be replaced while connections are accepted with it.
//!
//! [`ReloadingTls`] holds what the next handshake uses; established connections
//! keep what they began with. Its PEM texts come from a directory that
//! [`CertificateDir`] follows, or from whoever calls [`ReloadingTls::replace`].

mod certificate;
mod clients;
mod directory;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ServerConfig, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, version};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

pub use certificate::{Certificate, Invalid, is_signed_by};
pub use clients::ClientAuthority;
pub use directory::CertificateDir;

/// A server's certificate and key, and whom it trusts, as PEM.
///
/// Deliberately without `Debug`: it holds a private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The certificate, followed by its intermediates.
    pub certificate: Vec<u8>,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: Vec<u8>,
    /// The authority that signs client certificates. When present, clients
    /// without such a certificate are turned away.
    pub client_ca: Option<Vec<u8>>,
}

/// Why a certificate cannot be used. The parts are called as in a directory.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A part holds no PEM section of its kind, or a broken one.
    #[error("{part} is not usable: expected PEM with {expected}: {source}")]
    Pem {
        /// `tls.crt`, `tls.key` or `ca.crt`.
        part: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What the parser says.
        source: pem::Error,
    },
    /// The key belongs to another certificate, or its algorithm is unknown.
    #[error("tls.crt and tls.key cannot be used together: {0}")]
    Identity(#[source] rustls::Error),
    /// The authority cannot verify anyone.
    #[error("ca.crt cannot verify client certificates: {0}")]
    ClientCa(String),
}

/// The TLS configuration of a server, replaced as a whole. Clones share it.
#[derive(Clone)]
pub struct ReloadingTls {
    current: Arc<ArcSwap<Current>>,
    /// What it is made of; held while it is made anew.
    parts: Arc<Mutex<Pem>>,
}

/// What the next handshake uses.
struct Current {
    config: Arc<ServerConfig>,
    /// None where it is of a form that is not read here; clients may still take it.
    certificate: Option<Certificate>,
}

impl ReloadingTls {
    /// Checks `pem` and serves with it.
    ///
    /// # Errors
    ///
    /// `pem` is no usable certificate.
    pub fn new(pem: &Pem) -> Result<Self, TlsError> {
        let current = Arc::new(ArcSwap::from_pointee(Current::new(pem)?));
        Ok(Self { current, parts: Arc::new(Mutex::new(pem.clone())) })
    }

    /// Serves with `pem` from the next handshake on. Where that names no authority for clients, the
    /// one that was named before, or by [`Self::trust_clients_of`], stays.
    ///
    /// # Errors
    ///
    /// `pem` is no usable certificate; the present one stays in use.
    pub fn replace(&self, pem: &Pem) -> Result<(), TlsError> {
        self.change(|parts| {
            let client_ca = pem.client_ca.clone().or(parts.client_ca.take());
            *parts = Pem { client_ca, ..pem.clone() };
        })
    }

    /// Turns away clients without a certificate that `authority`, PEM, has signed.
    ///
    /// # Errors
    ///
    /// It is no authority; whoever is trusted now stays so.
    pub fn trust_clients_of(&self, authority: Vec<u8>) -> Result<(), TlsError> {
        self.change(|parts| parts.client_ca = Some(authority))
    }

    fn change(&self, change: impl FnOnce(&mut Pem)) -> Result<(), TlsError> {
        let mut parts = self.parts();
        let mut next = parts.clone();
        change(&mut next);
        self.current.store(Arc::new(Current::new(&next)?));
        *parts = next;
        Ok(())
    }

    fn parts(&self) -> MutexGuard<'_, Pem> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Performs handshakes with the certificate of this moment.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().config))
    }

    /// The certificate of this moment; none where it is of a form that is not read here.
    #[must_use]
    pub fn certificate(&self) -> Option<Certificate> {
        self.current.load().certificate.clone()
    }

    /// Whether the certificate of this moment is valid at `now`.
    ///
    /// # Errors
    /// Which end of its time it is beyond.
    pub fn check(&self, now: Timestamp) -> Result<(), Invalid> {
        match &self.current.load().certificate {
            Some(certificate) => certificate.check(now),
            None => Ok(()),
        }
    }
}

impl Current {
    fn new(pem: &Pem) -> Result<Self, TlsError> {
        let config = Arc::new(server_config(pem)?);
        Ok(Current { config, certificate: Certificate::read(&pem.certificate) })
    }
}

fn server_config(pem: &Pem) -> Result<ServerConfig, TlsError> {
    let Pem { certificate, key, client_ca } = pem;
    let provider = Arc::new(ring::default_provider());
    let chain = certificates("tls.crt", certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| TlsError::Pem {
        part: "tls.key",
        expected: "a BEGIN PRIVATE KEY section",
        source,
    })?;
    let clients = match client_ca {
        Some(ca) => client_verifier(ca, &provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(TlsError::Identity)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(TlsError::Identity)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(part: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let invalid = |source| TlsError::Pem { part, expected: "a BEGIN CERTIFICATE section", source };
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(invalid)?;
    if certificates.is_empty() {
        return Err(invalid(pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn client_verifier(
    ca: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca.crt", ca)? {
        roots.add(certificate).map_err(|error| TlsError::ClientCa(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| TlsError::ClientCa(error.to_string()))
}
