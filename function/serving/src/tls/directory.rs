//! Certificates in a directory, as a mounted Secret has them.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{Pem, ReloadingTls, TlsError};

/// How long to wait after a change: the three files are rarely written at once.
const SETTLE: Duration = Duration::from_millis(200);

/// How often to look without having been told: a directory that was itself
/// replaced, or lies on a network file system, reports nothing.
const REREAD: Duration = Duration::from_secs(60);

/// A directory holding `tls.crt`, `tls.key` and, for servers that verify their
/// clients, `ca.crt`.
#[derive(Clone, Debug)]
pub struct CertificateDir {
    path: PathBuf,
    verifies_clients: bool,
}

impl CertificateDir {
    /// For a server that takes any client.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), verifies_clients: false }
    }

    /// For a server whose clients must show a certificate signed by `ca.crt`.
    pub fn verifying_clients(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), verifies_clients: true }
    }

    /// Reads the directory's files.
    ///
    /// # Errors
    ///
    /// One of them cannot be read.
    pub fn read(&self) -> Result<Pem, TlsError> {
        let read = |name| {
            let path = self.path.join(name);
            fs::read(&path).map_err(|source| TlsError::Read { path, source })
        };
        Ok(Pem {
            certificate: read("tls.crt")?,
            key: read("tls.key")?,
            client_ca: self.verifies_clients.then(|| read("ca.crt")).transpose()?,
        })
    }

    /// Reads the directory's files and checks them.
    ///
    /// # Errors
    ///
    /// One of them cannot be read, or they are no usable certificate.
    pub fn load(&self) -> Result<ReloadingTls, TlsError> {
        ReloadingTls::new(&self.read()?)
    }

    /// Keeps `tls` at what the directory holds, until dropped. Files that make
    /// no usable certificate are reported in the log and otherwise ignored.
    pub async fn follow(&self, tls: &ReloadingTls) -> Infallible {
        let changed = Arc::new(Notify::new());
        let _watcher = self
            .watch(Arc::clone(&changed))
            .inspect_err(|error| {
                warn!(
                    directory = %self.path.display(), %error,
                    "cannot watch the certificates; looking every {} s instead",
                    REREAD.as_secs()
                );
            })
            .ok();
        let mut current = None;
        loop {
            match self.read() {
                Ok(pem) if current.as_ref() == Some(&pem) => {}
                Ok(pem) => {
                    self.apply(tls, &pem);
                    current = Some(pem);
                }
                Err(error) => warn!(%error, "keeping the present TLS certificate"),
            }
            if timeout(REREAD, changed.notified()).await.is_ok() {
                sleep(SETTLE).await;
            }
        }
    }

    fn apply(&self, tls: &ReloadingTls, pem: &Pem) {
        let directory = self.path.display();
        match tls.replace(pem) {
            Ok(()) => info!(%directory, "using the TLS certificate"),
            Err(error) => warn!(%directory, %error, "keeping the present TLS certificate"),
        }
    }

    fn watch(&self, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // Our own reading is an event as well.
                if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                    changed.notify_one();
                }
            })?;
        // The directory, not the files: the kubelet replaces a symbolic link in it.
        watcher.watch(&self.path, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    }
}
