//! SIGTERM and SIGINT: the first drains, the second stops at once.

use std::io;
use std::pin::pin;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Why [`drain_on_signal`] has no result.
#[derive(Debug, thiserror::Error)]
pub enum ShutdownError {
    /// The process may not handle signals.
    #[error("cannot install the handler of {signal}: {source}")]
    Handler {
        /// The signal's name.
        signal: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A second signal came while requests were in flight.
    #[error("stopped by a second {0} before all requests were answered")]
    Aborted(&'static str),
}

/// Runs `serving`. The first signal cancels `shutdown`, upon which `serving`
/// should finish its work and end; a second one drops it. Signals are caught
/// before `serving` begins: what listens inside it can always be stopped.
///
/// # Errors
///
/// The signals cannot be handled, or there was a second one.
pub async fn drain_on_signal<F: Future>(
    shutdown: CancellationToken,
    serving: F,
) -> Result<F::Output, ShutdownError> {
    let mut signals = Signals::install()?;
    let mut serving = pin!(serving);
    tokio::select! {
        output = &mut serving => return Ok(output),
        signal = signals.next() => info!(signal, "draining; a second signal stops at once"),
    }
    shutdown.cancel();
    tokio::select! {
        output = &mut serving => Ok(output),
        signal = signals.next() => Err(ShutdownError::Aborted(signal)),
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn install() -> Result<Self, ShutdownError> {
        let install = |kind, name| {
            signal(kind).map_err(|source| ShutdownError::Handler { signal: name, source })
        };
        Ok(Self {
            terminate: install(SignalKind::terminate(), "SIGTERM")?,
            interrupt: install(SignalKind::interrupt(), "SIGINT")?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
