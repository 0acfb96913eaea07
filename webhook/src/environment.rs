//! What the webhook answers by: in a cluster, or offline.

use std::path::Path;
use std::sync::Arc;

use idp_console::WorkloadObjects;
use idp_console::access::Access;
use idp_core::catalog::{Objects, ReadError, Rejected, embedded};
use idp_serving::ops::Readiness;
use idp_serving::tls::{CertificateDir, Pem, ReloadingTls, TlsError};
use jiff::Timestamp;
use tokio::sync::watch;
use tracing::info;

use crate::admission::authorizer::Authorizer;
use crate::admission::secrets::Secrets;
use crate::background::Background;
use crate::certificates::{Authority, CertificateError};
use crate::cluster::catalog::CatalogController;
use crate::cluster::workloads::Workloads;
use crate::cluster::{self, ClusterError, leader};
use crate::controllers::certificates::{self, Certificates, CertificatesError};
use crate::controllers::{self, Context, registration};
use crate::metrics::Metrics;
use crate::options::ServeOptions;
use crate::placements::Placements;
use crate::probes::Probes;
use crate::readers::Readers;
use crate::snapshot::{SharedSnapshot, Snapshot};

/// A certificate without a cluster lives as long as nobody will keep a process running.
const OFFLINE_DAYS: i64 = 90;

/// What the webhook answers by.
pub struct Environment {
    /// The catalog.
    pub snapshot: SharedSnapshot,
    /// What runs where.
    pub placements: Arc<Placements>,
    /// Who may do what.
    pub authorizer: Authorizer,
    /// Which Secrets are in the way.
    pub secrets: Secrets,
    /// Who may try a half-open cloud.
    pub probes: Probes,
    /// Who may read what.
    pub access: Access,
    /// Where workloads are read whole.
    pub objects: WorkloadObjects,
    /// The certificate.
    pub tls: ReloadingTls,
    /// What goes on beside serving.
    pub background: Background,
}

/// What joining a cluster needs.
pub struct JoinParams {
    /// The command line.
    pub options: Arc<ServeOptions>,
    /// To be counted in.
    pub metrics: Metrics,
    /// To be told once everything is known.
    pub readiness: Readiness,
}

/// Why there is nothing to answer by.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The catalog cannot be read.
    #[error("the catalog cannot be read:\n  {}", lines(.0))]
    Unreadable(Vec<ReadError>),
    /// Something in the catalog is wrong.
    #[error("the catalog is wrong:\n  {}", lines(.0))]
    Rejected(Vec<Rejected>),
    /// No certificate can be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// There is no certificate to serve with.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificate authority cannot be written.
    #[error("{path}: {source}")]
    CaFile {
        /// Where to.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The cluster cannot be reached.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

fn lines(all: &[impl ToString]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

impl Environment {
    /// The cluster that the environment's variables name: everything that goes on beside serving is
    /// started.
    ///
    /// # Errors
    /// When the cluster cannot be reached, or there is no certificate to serve with.
    pub async fn join(params: JoinParams) -> Result<Self, EnvironmentError> {
        let JoinParams { options, metrics, readiness } = params;
        let looks_at_secrets = !options.no_secret_check;
        let client = cluster::client().await?;
        let mut background = Background::default();

        let (lead, leads) = watch::channel(false);
        background.controller(leader::campaign(client.clone(), options.cluster.clone(), lead));
        if options.cluster.unregister_on_exit {
            background.on_handover(registration::unregister(client.clone()));
        }
        background.on_handover(leader::release(client.clone(), options.cluster.clone()));

        let Certificates { tls, authorities } =
            certificates::keep(&client, &options, leads.clone(), &mut background).await?;
        let (controller, catalog) = CatalogController::new(metrics, readiness);
        let (snapshot, verdicts) = (catalog.snapshot.clone(), catalog.verdicts.clone());
        let placements = Arc::new(Placements::of_cluster());
        let mut workloads = Workloads::new(Arc::clone(&placements));
        let context = Context { client: client.clone(), options, leads, catalog, authorities };
        controllers::start(&Arc::new(context), &mut workloads, &mut background);
        background.source(controller.run(client.clone()));
        background.source(workloads.run(client.clone(), snapshot.clone(), verdicts));
        let authorizer = Authorizer::of_cluster(client.clone());
        let secrets = match looks_at_secrets {
            true => Secrets::of_cluster(client.clone()),
            false => Secrets::NotLooked,
        };
        let probes = Probes::of_cluster(client.clone());
        let readers = Arc::new(Readers::of_cluster(client));
        let access = Access::Cluster(readers.clone());
        let objects = WorkloadObjects::Cluster(readers);
        Ok(Environment {
            snapshot,
            placements,
            authorizer,
            secrets,
            probes,
            access,
            objects,
            tls,
            background,
        })
    }

    /// Without a cluster, by a catalog in a folder or the built-in one.
    ///
    /// # Errors
    /// When the catalog is wrong, or there is no certificate to serve with.
    pub fn offline(catalog: &str, options: &ServeOptions) -> Result<Self, EnvironmentError> {
        let objects = match catalog {
            "embedded" => embedded(),
            folder => Objects::from_folder(Path::new(folder)),
        };
        let objects = objects.map_err(EnvironmentError::Unreadable)?;
        let snapshot = Snapshot::strict(objects).map_err(EnvironmentError::Rejected)?;
        let mut background = Background::default();
        let tls = match &options.tls_certs_dir {
            Some(directory) => {
                let directory = CertificateDir::new(directory);
                let tls = directory.load()?;
                let followed = tls.clone();
                background.source(async move {
                    directory.follow(&followed).await;
                });
                tls
            }
            None => offline_certificate(options.ca_file.as_deref())?,
        };
        Ok(Environment {
            snapshot: snapshot.shared(),
            placements: Arc::new(Placements::offline()),
            authorizer: Authorizer::NoCluster,
            secrets: Secrets::NotLooked,
            probes: Probes::NoCluster,
            access: Access::Open,
            objects: WorkloadObjects::Files(Vec::new()),
            tls,
            background,
        })
    }
}

fn offline_certificate(ca_file: Option<&Path>) -> Result<ReloadingTls, EnvironmentError> {
    let now = Timestamp::now();
    let authority = Authority::new(now, OFFLINE_DAYS)?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let serving = authority.sign(&names, now, OFFLINE_DAYS)?;
    let tls = ReloadingTls::new(&Pem {
        certificate: serving.certificate.into(),
        key: serving.key.into(),
        client_ca: None,
    })?;
    if let Some(path) = ca_file {
        std::fs::write(path, &authority.certificate).map_err(|source| {
            EnvironmentError::CaFile { path: path.display().to_string(), source }
        })?;
        info!(path = %path.display(), "wrote the certificate authority that clients are to trust");
    }
    Ok(tls)
}
