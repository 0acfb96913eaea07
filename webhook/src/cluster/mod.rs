//! The cluster as it is watched, and who of the replicas leads: [`catalog`] watches the
//! configuration, [`workloads`] what runs, each kind by one watch for everything that wants to know;
//! [`leader`] says which replica does what only one may do. [`definitions`] is for upgrades.
//!
//! What is done about it is in [`crate::controllers`].

pub mod catalog;
pub mod definitions;
pub mod leader;
pub mod workloads;

use idp_crds::kinds::Kind;
use idp_crds::names::{GROUP, VERSION};
use kube::Client;
use kube::api::{ApiResource, GroupVersionKind};

/// How this program signs what it writes with server-side apply.
pub const FIELD_MANAGER: &str = "idp-webhook";

/// Why there is no cluster to be part of.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Neither a kubeconfig nor a service account.
    #[error("there is no cluster to run in ({0}): set KUBECONFIG, run in a pod, or use --catalog")]
    NoCluster(#[from] kube::config::InferConfigError),
    /// The API server does not do what it is asked.
    #[error("the API server: {0}")]
    Api(#[from] kube::Error),
    /// A definition was written, and the API server does not serve it.
    #[error("the API server does not serve {0}: `kubectl describe crd {0}` says why")]
    NotServed(String),
    /// The API server does not tell what happens.
    #[error("the API server: {0}")]
    Watch(#[from] kube::runtime::wait::Error),
}

/// A client of the cluster that the environment names.
///
/// # Errors
/// When it names none.
pub async fn client() -> Result<Client, ClusterError> {
    // The one provider that is built in; an error means that it is set already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = kube::Config::infer().await?;
    Ok(Client::try_from(config)?)
}

/// A configuration kind, as the API server serves it.
#[must_use]
pub fn resource(kind: &Kind) -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(GROUP, VERSION, kind.name),
        kind.plural,
    )
}
