//! What goes on beside serving.

use idp_function::server::tls::{CertificateDir, ReloadingTls};
use tokio::task::JoinSet;

/// Tasks that run until the process ends.
#[derive(Default)]
pub struct Background(JoinSet<()>);

impl Background {
    /// Runs `task` until it ends, or the process does.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    /// Keeps `tls` at what `directory` holds.
    pub fn follow(&mut self, directory: CertificateDir, tls: ReloadingTls) {
        self.spawn(async move {
            directory.follow(&tls).await;
        });
    }

    /// Ends what watches for the shutdown itself in peace, and the rest at once.
    pub async fn stopped(mut self) {
        self.0.shutdown().await;
    }
}
