//! Being part of a cluster.

mod background;

use std::sync::Arc;

use idp_function::server::ops::Readiness;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::options::ServeOptions;
use crate::placements::Placements;
use crate::run::{RunError, World};

pub use background::Background;

/// Why there is no cluster to be part of.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Neither a kubeconfig nor a service account.
    #[error("there is no cluster to run in ({0}): set KUBECONFIG, run in a pod, or use --catalog")]
    NoCluster(#[from] kube::config::InferConfigError),
    /// The API server does not do what it is asked.
    #[error("the API server: {0}")]
    Api(#[from] kube::Error),
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

pub async fn join(_wanted: Wanted<'_>, _shutdown: &CancellationToken) -> Result<World, RunError> {
    unimplemented!()
}

pub async fn unregister() -> Result<(), ClusterError> {
    unimplemented!()
}
