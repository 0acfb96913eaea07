//! The authority that signs clients' certificates, in a file of its own: for a server whose own
//! certificate comes from elsewhere.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::{ReloadingTls, TlsError};

/// How often the file is read.
const REREAD: Duration = Duration::from_secs(2);

/// A file with the authority that signs clients' certificates, PEM.
#[derive(Debug)]
pub struct ClientAuthority {
    path: PathBuf,
    current: Vec<u8>,
}

impl ClientAuthority {
    /// Has `tls` turn away whoever has no certificate of the authority in the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn load(path: PathBuf, tls: &ReloadingTls) -> Result<Self, TlsError> {
        let current = read(&path)?;
        tls.trust_clients_of(current.clone())?;
        Ok(ClientAuthority { path, current })
    }

    /// Keeps `tls` at what the file holds, until dropped. What is no authority is reported in the
    /// log and otherwise ignored.
    pub async fn follow(mut self, tls: &ReloadingTls) -> Infallible {
        let mut trouble = String::new();
        loop {
            sleep(REREAD).await;
            let file = self.path.display();
            let read = match read(&self.path) {
                Ok(read) if read == self.current => continue,
                Ok(read) => tls.trust_clients_of(read.clone()).map(|()| read),
                Err(error) => Err(error),
            };
            match read {
                Ok(read) => {
                    info!(%file, "using the authority that signs clients' certificates");
                    self.current = read;
                    trouble.clear();
                }
                // Said once: it is looked at often.
                Err(error) if error.to_string() != trouble => {
                    warn!(%file, %error, "keeping the present authority of clients' certificates");
                    trouble = error.to_string();
                }
                Err(_) => {}
            }
        }
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}
