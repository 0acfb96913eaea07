//! `idp serve`: the composition function that Crossplane calls.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::grpc::server::{self, Settings};
use crate::grpc::service::FunctionRunner;
use crate::run;
use idp_serving::address::{self, OptionalAddress};
use idp_serving::exit::Exit;
use idp_serving::limits::LimitArgs;
use idp_serving::runtime::runtime;
use idp_serving::shutdown::{ShutdownError, drain_on_signal};
use idp_serving::size;
use idp_serving::telemetry::{Telemetry, TelemetryArgs, TelemetryError};
use idp_serving::tls::{CertificateDir, ReloadingTls, TlsError};

/// The flags every composition function has, with the names of the Crossplane
/// SDKs.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,

    /// What clients may hold.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Where to listen for Crossplane (gRPC).
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9443", value_parser = address::parse)]
    pub address: SocketAddr,

    /// Directory holding tls.crt and tls.key, the function's certificate, and
    /// ca.crt, the authority that signs Crossplane's. Crossplane provides it;
    /// changed files are picked up while running.
    #[arg(long, value_name = "DIR", env = "TLS_SERVER_CERTS_DIR")]
    pub tls_certs_dir: Option<PathBuf>,

    /// Serve without TLS, to anyone: for `crossplane render` on a laptop.
    /// --tls-certs-dir is ignored.
    #[arg(long)]
    pub insecure: bool,

    /// The largest gRPC message to take or to send, in bytes or with a unit: Ki,
    /// Mi, Gi.
    #[arg(long, value_name = "SIZE", default_value = "64Mi", value_parser = parse_size)]
    pub max_recv_message_size: usize,

    /// Where to answer /metrics, /healthz and /readyz (HTTP); empty for nowhere.
    #[arg(long, value_name = "[ADDRESS]:PORT", env = "METRICS_ADDRESS", default_value = ":8080", value_parser = address::parse_optional)]
    pub metrics_address: OptionalAddress,
}

/// Why the function could not be served, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Neither certificates nor the consent to go without.
    #[error(
        "no TLS certificates: pass --tls-certs-dir (or set TLS_SERVER_CERTS_DIR), or --insecure to serve without TLS"
    )]
    NoCertificates,
    /// The certificates cannot be used.
    #[error("cannot serve with the TLS certificates in {}: {source}", .directory.display())]
    Certificates {
        /// Where they are.
        directory: PathBuf,
        /// What is wrong with them.
        source: TlsError,
    },
    /// An address is taken, or not ours.
    #[error("cannot listen on {address} (--{flag}): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag that says it.
        flag: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The embedded protocol descriptor is broken.
    #[error("cannot describe the protocol: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The threads cannot be started.
    #[error("cannot start the threads to serve with: {0}")]
    Runtime(#[source] io::Error),
    /// Signals cannot be handled, or a second one came.
    #[error(transparent)]
    Shutdown(#[from] ShutdownError),
    /// Traces cannot be sent.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

/// Serves the composition function: the whole of `idp serve`.
#[must_use]
pub fn main(args: ServeArgs) -> Exit {
    let serving =
        || runtime().map_err(ServeError::Runtime)?.block_on(serve(args, run::Function::new()));
    match serving() {
        Ok(()) => Exit::Done,
        Err(error @ ServeError::NoCertificates) => Exit::WrongCommandLine.because(&error),
        Err(error) => Exit::Unusable.because(&error),
    }
}

/// Serves `runner` until SIGTERM or SIGINT, then drains.
///
/// # Errors
///
/// The certificates or the addresses cannot be used, or a second signal cut the
/// draining short.
pub async fn serve(args: ServeArgs, runner: impl FunctionRunner) -> Result<(), ServeError> {
    let ServeArgs {
        telemetry,
        limits,
        address,
        tls_certs_dir,
        insecure,
        max_recv_message_size,
        metrics_address: OptionalAddress(metrics_address),
    } = args;
    let telemetry = Telemetry::start(&telemetry, "idp-function")?;

    // Before listening: whoever connects gets an answer.
    let tls = if insecure {
        warn!("serving without TLS (--insecure)");
        None
    } else {
        Some(certificates(tls_certs_dir)?)
    };
    let shutdown = CancellationToken::new();
    // Signals first: whoever finds us listening may stop us.
    let served = drain_on_signal(shutdown.clone(), async {
        let listener = listen(address, "address").await?;
        let ops = match metrics_address {
            Some(address) => Some(listen(address, "metrics-address").await?),
            None => None,
        };
        info!(%address, "serving the composition function");
        let message_limit = max_recv_message_size;
        let settings = Settings { listener, tls, ops, message_limit, limits };
        server::serve(settings, runner, shutdown).await.map_err(ServeError::from)
    })
    .await;
    telemetry.end().await;
    served??;
    info!("stopped");
    Ok(())
}

fn certificates(directory: Option<PathBuf>) -> Result<(CertificateDir, ReloadingTls), ServeError> {
    let directory = directory.ok_or(ServeError::NoCertificates)?;
    let certificates = CertificateDir::verifying_clients(&directory);
    match certificates.load() {
        Ok(tls) => Ok((certificates, tls)),
        Err(source) => Err(ServeError::Certificates { directory, source }),
    }
}

async fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, flag, source })
}

/// The Rust SDK counts in bytes, the Go template in MiB. A limit that refuses ordinary requests is
/// most likely such a mistake.
fn parse_size(text: &str) -> Result<usize, String> {
    match size::parse(text)? {
        size if size < 1 << 20 => Err(format!(
            "{size} bytes is too small for Crossplane's requests: at least 1Mi; write {text}Mi for mebibytes"
        )),
        size => Ok(size),
    }
}
