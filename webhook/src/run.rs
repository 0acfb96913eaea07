//! The program: with or without a cluster, until a signal.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use idp_serving::address::OptionalAddress;
use idp_serving::exit::Exit;
use idp_serving::http;
use idp_serving::limits::{Limits, Refusals};
use idp_serving::ops::{self, Readiness};
use idp_serving::runtime::runtime;
use idp_serving::shutdown::{ShutdownError, drain_on_signal};
use idp_serving::telemetry::{Telemetry, TelemetryError};
use idp_serving::tls::{ClientAuthority, TlsError};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::admission::Admission;
use crate::cluster::{self, ClusterError, definitions};
use crate::controllers::registration;
use crate::environment::{Environment, EnvironmentError, JoinParams};
use crate::metrics::Metrics;
use crate::options::{Command, Options, ServeOptions};
use crate::server;
use crate::server::routes::LARGEST_REVIEW;

/// How long a pod's last clients take to learn that it goes: endpoints spread through the cluster
/// in about a second.
const LINGER: Duration = Duration::from_secs(3);

/// Why the program ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing to answer by.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The authority of clients' certificates cannot be used.
    #[error("clients cannot be told from others (--client-ca): {0}")]
    ClientCa(#[from] TlsError),
    /// The cluster does not do what it is asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
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

/// The whole of `idp-webhook`.
#[must_use]
pub fn main(options: Options) -> Exit {
    let Options { command, serve } = options;
    let running = || {
        runtime().map_err(RunError::Runtime)?.block_on(async {
            let telemetry = Telemetry::start(&serve.telemetry, "idp-webhook")?;
            let ended = match command {
                Some(Command::Unregister) => unregister().await.map_err(RunError::from),
                Some(Command::ApplyCrds) => apply_crds().await.map_err(RunError::from),
                None => run(serve).await,
            };
            telemetry.end().await;
            ended
        })
    };
    match running() {
        Ok(()) => Exit::Done,
        Err(error) => Exit::Unusable.because(&error),
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

async fn unregister() -> Result<(), ClusterError> {
    registration::remove(&cluster::client().await?).await?;
    info!("the webhook is no longer registered");
    Ok(())
}

async fn apply_crds() -> Result<(), ClusterError> {
    definitions::apply(&cluster::client().await?).await
}

async fn serve(options: ServeOptions, shutdown: CancellationToken) -> Result<(), RunError> {
    let options = Arc::new(options);
    let ports = Ports::open(&options).await?;
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let refusals = Refusals::register(&mut registry);
    let readiness = Readiness::default();

    let params = JoinParams {
        options: Arc::clone(&options),
        metrics: metrics.clone(),
        readiness: readiness.clone(),
    };
    let Some(environment) = environment(params, &shutdown).await? else { return Ok(()) };
    let Environment {
        snapshot,
        placements,
        authorizer,
        secrets,
        probes,
        access,
        objects,
        tls,
        mut background,
    } = environment;
    readiness.depends_on(tls.clone());
    if let Some(path) = &options.client_ca {
        let authority = ClientAuthority::load(path.clone(), &tls)?;
        let tls = tls.clone();
        background.source(async move {
            authority.follow(&tls).await;
        });
    }
    if options.catalog.is_some() {
        readiness.started();
    }
    let admission = Arc::new(Admission {
        snapshot: snapshot.clone(),
        placements: Arc::clone(&placements),
        authorizer,
        secrets,
        probes,
        decision_mode: options.decision_at,
        crossplane: options.crossplane_user.iter().cloned().collect(),
        metrics,
    });
    info!(address = %options.address, "serving the admission webhook");

    let webhooks = http::Options {
        tls: Some(tls),
        linger: LINGER,
        limits: Limits::new(&options.limits, LARGEST_REVIEW, refusals.of("webhook")),
        ..http::Options::default()
    };
    let within = |limits| http::Options { limits, ..http::Options::default() };
    let for_operators = within(Limits::few(refusals.of("metrics")));
    let for_readers = within(Limits::people(refusals.of("read")));
    let routes = server::routes::router(admission, readiness.clone());
    let ops = ops::router(registry, readiness.clone());
    // Serving ends after the handover: until then reviews come in.
    let stopping = CancellationToken::new();
    let sources =
        idp_console::Sources { snapshot, placements, access, objects, stopping: stopping.clone() };
    let console = idp_console::router(sources);
    // The operator can watch the draining.
    let drained = CancellationToken::new();
    tokio::join!(
        async {
            http::serve(ports.webhooks, webhooks, routes, stopping.clone()).await;
            drained.cancel();
        },
        http::serve(ports.operators, for_operators, ops, drained.clone()),
        async {
            if let Some(listener) = ports.readers {
                http::serve(listener, for_readers, console, drained.clone()).await;
            }
        },
        async {
            shutdown.cancelled().await;
            // Takes the pod out of the Service while requests in flight are answered.
            readiness.ending();
            background.hand_over().await;
            stopping.cancel();
        },
    );
    background.end().await;
    Ok(())
}

/// What there is to work with; none where we are told to end before it is there.
async fn environment(
    params: JoinParams,
    shutdown: &CancellationToken,
) -> Result<Option<Environment>, RunError> {
    if let Some(catalog) = &params.options.catalog {
        return Ok(Some(Environment::offline(catalog, &params.options)?));
    }
    // An API server that does not answer must not keep us from stopping.
    Ok(shutdown.run_until_cancelled(Environment::join(params)).await.transpose()?)
}

/// What we listen on.
struct Ports {
    webhooks: TcpListener,
    operators: TcpListener,
    /// Of the console and the read API, where they are wanted.
    readers: Option<TcpListener>,
}

impl Ports {
    async fn open(options: &ServeOptions) -> Result<Self, RunError> {
        Ok(Ports {
            webhooks: listen(options.address).await?,
            operators: listen(options.metrics_address).await?,
            readers: match options.read_address {
                // Without a cluster nobody can be asked who they are.
                OptionalAddress(Some(address))
                    if options.catalog.is_none() || address.ip().is_loopback() =>
                {
                    Some(listen(address).await?)
                }
                OptionalAddress(_) => None,
            },
        })
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}
