//! What goes on beside serving.

use idp_serving::tls::{CertificateDir, ReloadingTls};
use kube::Client;
use tokio::task::JoinSet;
use tracing::warn;

use super::registration;

/// Tasks that run until the process ends.
#[derive(Default)]
pub struct Background {
    tasks: JoinSet<()>,
    unregister: Option<Client>,
}

impl Background {
    /// Runs `task` until it ends, or the process does.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Keeps `tls` at what `directory` holds.
    pub fn follow(&mut self, directory: CertificateDir, tls: ReloadingTls) {
        self.spawn(async move {
            directory.follow(&tls).await;
        });
    }

    /// Has the registration removed when the process ends.
    pub(super) fn on_exit(&mut self, client: Client) {
        self.unregister = Some(client);
    }

    /// Removes the registration, if that is wanted. To be called while requests are still answered.
    pub async fn unregister(&mut self) {
        if let Some(client) = self.unregister.take() {
            // Nothing may register again.
            self.tasks.shutdown().await;
            if let Err(error) = registration::remove(&client).await {
                warn!(%error, "cannot remove the registration; `idp-webhook unregister` does");
            }
        }
    }

    /// Ends all tasks.
    pub async fn stopped(mut self) {
        self.tasks.shutdown().await;
    }
}
