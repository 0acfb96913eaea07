//! Being part of a cluster: [`catalog`] and [`workloads`] watch, [`registration`] tells the API
//! server, [`certificates`] keeps the certificate, [`breaker`] opens and closes circuits by the
//! [`observations`], [`conditions`] marks configuration objects; [`leader`] says which replica does
//! what only one may do. [`definitions`] is for upgrades.

mod background;
mod breaker;
mod catalog;
mod certificates;
mod conditions;
mod definitions;
mod leader;
mod observations;
mod registration;
mod workloads;

use std::sync::Arc;
use std::time::Duration;

use idp_serving::ops::Readiness;
use idp_serving::tls::{CertificateDir, ReloadingTls};
use kube::Client;
use tokio::sync::{mpsc, watch};
use tracing::info;

use crate::admission::authorizer::Authorizer;
use crate::metrics::Metrics;
use crate::options::ServeOptions;
use crate::placements::Placements;
use crate::probes::Probes;
use crate::run::{RunError, World};
use crate::snapshot::SharedSnapshot;

pub use background::Background;

/// How this program signs what it writes with server-side apply.
const FIELD_MANAGER: &str = "idp-webhook";

/// Observations of providers' health that wait for the breaker; a reconnect may list thousands at
/// once.
const OBSERVATIONS: usize = 1024;

/// How often the authority in a folder of certificates is read; it changes once in months.
const AUTHORITY_REREAD: Duration = Duration::from_secs(10);

/// Why there is no cluster to be part of.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Neither a kubeconfig nor a service account.
    #[error("there is no cluster to run in ({0}): set KUBECONFIG, run in a pod, or use --catalog")]
    NoCluster(#[from] kube::config::InferConfigError),
    /// The API server does not do what it is asked.
    #[error("the API server: {0}")]
    Api(#[from] kube::Error),
    /// The Secret with the webhook's certificate is not one of its making.
    #[error(
        "the Secret {0} holds no certificate of this program: delete it, and a new one is made"
    )]
    Secret(String),
    /// A definition was written, and the API server does not serve it.
    #[error("the API server does not serve {0}: `kubectl describe crd {0}` says why")]
    NotServed(String),
    /// The API server does not tell what happens.
    #[error("the API server: {0}")]
    Watch(#[from] kube::runtime::wait::Error),
    /// No certificate can be made.
    #[error(transparent)]
    Certificate(#[from] crate::certificates::CertificateError),
}

/// What joining a cluster needs.
pub struct Wanted<'a> {
    /// The command line.
    pub options: &'a ServeOptions,
    /// To be kept current.
    pub placements: &'a Arc<Placements>,
    /// To be counted in.
    pub metrics: &'a Metrics,
    /// To be set once everything is known.
    pub readiness: &'a Readiness,
}

/// Joins the cluster that the environment names: everything that goes on beside serving is started.
///
/// # Errors
/// When the cluster cannot be reached, or there is no certificate to serve with.
pub async fn join(wanted: Wanted<'_>) -> Result<World, RunError> {
    let Wanted { options, placements, metrics, readiness } = wanted;
    let client = client().await?;
    let snapshot = SharedSnapshot::default();
    let mut background = Background::default();

    let (leads, leading) = watch::channel(false);
    background.spawn(leader::campaign(client.clone(), options.cluster.clone(), leads));

    let (tls, bundle) = certificate(&client, options, &leading, &mut background).await?;
    let (changed, catalog) = watch::channel(0_u64);
    let (judge, verdicts) = watch::channel(Vec::new());
    let keeper = catalog::Keeper {
        snapshot: snapshot.clone(),
        metrics: metrics.clone(),
        readiness: readiness.clone(),
        changed,
        judge,
    };
    background.spawn(keeper.keep(client.clone()));
    background.spawn(conditions::keep(client.clone(), leading.clone(), verdicts));

    let (observe, observations) = mpsc::channel(OBSERVATIONS);
    background.spawn(workloads::keep(
        client.clone(),
        snapshot.clone(),
        Arc::clone(placements),
        observe,
        catalog.clone(),
    ));
    background.spawn(breaker::run(client.clone(), leading.clone(), observations));

    if !options.cluster.no_register {
        let registration = registration::Registration::new(client.clone(), options);
        background.spawn(registration.keep(snapshot.clone(), bundle, leading, catalog));
    }
    if options.cluster.unregister_on_exit {
        background.on_exit(client.clone());
    }
    Ok(World {
        snapshot,
        authorizer: Authorizer::of_cluster(client.clone()),
        probes: Probes::of_cluster(client),
        tls,
        background,
    })
}

/// The certificate to serve with, and the authority for the registration, as it changes; none where
/// there is no telling.
async fn certificate(
    client: &Client,
    options: &ServeOptions,
    leading: &watch::Receiver<bool>,
    background: &mut Background,
) -> Result<(ReloadingTls, watch::Receiver<Option<String>>), RunError> {
    let Some(folder) = &options.tls_certs_dir else {
        return certificates::own(client, &options.cluster, leading.clone(), background).await;
    };
    let directory = CertificateDir::new(folder);
    let tls = directory.load()?;
    background.follow(directory, tls.clone());
    let authority = folder.join("ca.crt");
    let (publish, bundle) = watch::channel(std::fs::read_to_string(&authority).ok());
    background.spawn(async move {
        loop {
            tokio::time::sleep(AUTHORITY_REREAD).await;
            // A file that is being replaced is read next time.
            if let Ok(text) = std::fs::read_to_string(&authority) {
                publish.send_if_modified(|published| {
                    let changed = published.as_ref() != Some(&text);
                    *published = Some(text);
                    changed
                });
            }
        }
    });
    Ok((tls, bundle))
}

async fn client() -> Result<Client, ClusterError> {
    // The one provider that is built in; an error means that it is set already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = kube::Config::infer().await?;
    Ok(Client::try_from(config)?)
}

/// Removes the registration.
///
/// # Errors
/// When the API server does not.
pub async fn unregister() -> Result<(), ClusterError> {
    registration::remove(&client().await?).await?;
    info!("the webhook is no longer registered");
    Ok(())
}

/// Creates or updates the definitions of the configuration kinds.
///
/// # Errors
/// When the API server does not take them.
pub async fn apply_crds() -> Result<(), ClusterError> {
    definitions::apply(&client().await?).await
}
