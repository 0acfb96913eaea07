//! Certificates in a directory, as a mounted Secret has them.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::{Pem, ReloadingTls, TlsError};

/// How often the files are read.
const REREAD: Duration = Duration::from_secs(2);

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
    ///
    /// The files are few and small, and are compared by what is in them: a mounted Secret is a link
    /// to a directory that is replaced, and other file systems have ways of their own.
    pub async fn follow(&self, tls: &ReloadingTls) -> Infallible {
        let mut current = None;
        let mut trouble = String::new();
        loop {
            match self.read() {
                Ok(pem) if current.as_ref() == Some(&pem) => {}
                Ok(pem) => {
                    self.apply(tls, &pem);
                    current = Some(pem);
                    trouble.clear();
                }
                // Said once: it is looked at often.
                Err(error) if error.to_string() != trouble => {
                    warn!(%error, "keeping the present TLS certificate");
                    trouble = error.to_string();
                }
                Err(_) => {}
            }
            sleep(REREAD).await;
        }
    }

    fn apply(&self, tls: &ReloadingTls, pem: &Pem) {
        let directory = self.path.display();
        match tls.replace(pem) {
            Ok(()) => info!(%directory, "using the TLS certificate"),
            Err(error) => warn!(%directory, %error, "keeping the present TLS certificate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// A certificate for `name` and its key.
    fn identity(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_make_a_certificate_are_used_and_others_are_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let write = |(certificate, key): &(String, String)| {
            fs::write(folder.path().join("tls.crt"), certificate).unwrap();
            fs::write(folder.path().join("tls.key"), key).unwrap();
        };
        let (first, second) = (identity("first"), identity("second"));
        write(&first);
        let directory = CertificateDir::new(folder.path());
        let tls = directory.load().unwrap();
        let following = tokio::spawn({
            let tls = tls.clone();
            async move { directory.follow(&tls).await }
        });
        // Time stands still but for those who wait: they have read once more by then.
        let serves = async |name: &str| {
            sleep(2 * REREAD).await;
            let names = tls.certificate().unwrap().names;
            assert_eq!(names, [name]);
        };
        serves("first").await;
        write(&second);
        serves("second").await;
        // The key of another, no certificate, no file.
        write(&(first.0.clone(), second.1.clone()));
        serves("second").await;
        write(&("garbage".to_owned(), String::new()));
        serves("second").await;
        fs::remove_file(folder.path().join("tls.crt")).unwrap();
        serves("second").await;
        write(&first);
        serves("first").await;
        following.abort();
    }
}
