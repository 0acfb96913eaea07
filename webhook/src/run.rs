//! The program: with or without a cluster, until a signal.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use idp_core::catalog::{Objects, ReadError, Rejected, embedded};
use idp_serving::http;
use idp_serving::ops::{self, Readiness};
use idp_serving::runtime::runtime;
use idp_serving::shutdown::{ShutdownError, drain_on_signal};
use idp_serving::telemetry::{Telemetry, TelemetryError};
use idp_serving::tls::{CertificateDir, Pem, ReloadingTls, TlsError};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::admission::Admission;
use crate::admission::authorizer::Authorizer;
use crate::certificates::{Authority, CertificateError};
use crate::metrics::Metrics;
use crate::options::{Command, Options, ServeOptions};
use crate::placements::Placements;
use crate::probes::Probes;
use crate::snapshot::{SharedSnapshot, Snapshot};
use crate::{api, cluster, server};

/// A laptop's certificate lives as long as nobody will keep a process running.
const LAPTOP_DAYS: i64 = 90;

/// How long a pod's last clients take to learn that it goes: endpoints spread through the cluster
/// in about a second.
const LINGER: Duration = Duration::from_secs(3);

/// Why the program ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The catalog cannot be read.
    #[error("the catalog cannot be read:\n  {}", lines(.0))]
    Unreadable(Vec<ReadError>),
    /// Something in the catalog is wrong.
    #[error("the catalog is wrong:\n  {}", lines(.0))]
    Rejected(Vec<Rejected>),
    /// An address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No certificate can be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file cannot be written or read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The cluster cannot be reached.
    #[error(transparent)]
    Cluster(#[from] cluster::ClusterError),
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

fn lines(all: &[impl ToString]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// The whole of `idp-webhook`.
#[must_use]
pub fn main(options: Options) -> ExitCode {
    let Options { command, serve } = options;
    let running = || {
        runtime().map_err(RunError::Runtime)?.block_on(async {
            let telemetry = Telemetry::start(&serve.telemetry, "idp-webhook")?;
            let ended = match command {
                Some(Command::Unregister) => cluster::unregister().await.map_err(RunError::from),
                Some(Command::ApplyCrds) => cluster::apply_crds().await.map_err(RunError::from),
                None => run(serve).await,
            };
            telemetry.end().await;
            ended
        })
    };
    match running() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "error: {error}");
            ExitCode::from(3)
        }
    }
}

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// When the catalog, the certificates, the addresses or the cluster cannot be used.
pub async fn run(options: ServeOptions) -> Result<(), RunError> {
    let shutdown = CancellationToken::new();
    // Signals first: whoever finds us listening, or starting, may stop us.
    drain_on_signal(shutdown.clone(), serve(options, shutdown)).await??;
    info!("stopped");
    Ok(())
}

async fn serve(options: ServeOptions, shutdown: CancellationToken) -> Result<(), RunError> {
    let listener = listen(options.address).await?;
    let ops_listener = listen(options.metrics_address).await?;
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let placements = Arc::new(Placements::default());
    let readiness = Readiness::default();

    let wanted = cluster::Wanted {
        options: &options,
        placements: &placements,
        metrics: &metrics,
        readiness: &readiness,
    };
    let world = match &options.catalog {
        Some(catalog) => laptop(catalog, &options)?,
        // An API server that does not answer must not keep us from stopping.
        None => match shutdown.run_until_cancelled(cluster::join(wanted)).await {
            Some(joined) => joined?,
            None => return Ok(()),
        },
    };
    let World { snapshot, authorizer, probes, tls, mut background } = world;
    let admission = Arc::new(Admission {
        snapshot: snapshot.clone(),
        placements: Arc::clone(&placements),
        authorizer,
        probes,
        decision_mode: options.decision_at,
        crossplane: options.crossplane_user.iter().cloned().collect(),
        metrics,
    });
    if options.catalog.is_some() {
        readiness.set(true);
    }
    info!(address = %options.address, "serving the admission webhook");

    let webhooks = http::Options { tls: Some(tls), linger: LINGER, ..http::Options::default() };
    let routes = server::routes::router(admission, readiness.clone());
    let ops = ops::router(registry, readiness.clone()).merge(api::router(snapshot, placements));
    // Serving ends after the registration has been removed, where that is wanted: until then
    // reviews come in.
    let stopping = CancellationToken::new();
    // The operator can watch the draining.
    let drained = CancellationToken::new();
    tokio::join!(
        async {
            http::serve(listener, webhooks, routes, stopping.clone()).await;
            drained.cancel();
        },
        http::serve(ops_listener, http::Options::default(), ops, drained.clone()),
        async {
            shutdown.cancelled().await;
            // Takes the pod out of the Service while requests in flight are answered.
            readiness.set(false);
            background.unregister().await;
            stopping.cancel();
        },
    );
    background.stopped().await;
    Ok(())
}

/// What the webhook answers by.
pub struct World {
    /// The catalog.
    pub snapshot: SharedSnapshot,
    /// Who may do what.
    pub authorizer: Authorizer,
    /// Who may try a half-open cloud.
    pub probes: Probes,
    /// The certificate.
    pub tls: ReloadingTls,
    /// What goes on beside serving.
    pub background: cluster::Background,
}

/// A world without a cluster.
fn laptop(catalog: &str, options: &ServeOptions) -> Result<World, RunError> {
    let objects = match catalog {
        "embedded" => embedded(),
        folder => Objects::from_folder(Path::new(folder)),
    };
    let snapshot =
        Snapshot::strict(objects.map_err(RunError::Unreadable)?).map_err(RunError::Rejected)?;
    let mut background = cluster::Background::default();
    let tls = match &options.tls_certs_dir {
        Some(directory) => {
            let directory = CertificateDir::new(directory);
            let tls = directory.load()?;
            background.follow(directory, tls.clone());
            tls
        }
        None => own_certificate(options.ca_file.as_deref())?,
    };
    Ok(World {
        snapshot: snapshot.shared(),
        authorizer: Authorizer::NoCluster,
        probes: Probes::NoCluster,
        tls,
        background,
    })
}

fn own_certificate(ca_file: Option<&Path>) -> Result<ReloadingTls, RunError> {
    let now = Timestamp::now();
    let authority = Authority::new(now, LAPTOP_DAYS)?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let serving = authority.sign(&names, now, LAPTOP_DAYS)?;
    let tls = ReloadingTls::new(&Pem {
        certificate: serving.certificate.into(),
        key: serving.key.into(),
        client_ca: None,
    })?;
    if let Some(path) = ca_file {
        std::fs::write(path, &authority.certificate)
            .map_err(|source| RunError::File { path: path.display().to_string(), source })?;
        info!(path = %path.display(), "wrote the certificate authority that clients are to trust");
    }
    Ok(tls)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}
