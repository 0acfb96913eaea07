//! What is asked of a cluster: who somebody is, what they may list, and a workload whole. A trait, so that
//! nothing here knows how clusters are spoken to.

use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::core::DynamicObject;

use crate::placements::Placed;

/// What a cluster says, in a moment.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Unavailable>>;

/// The cluster does not say.
#[derive(Debug, thiserror::Error)]
#[error("the API server: {0}")]
pub struct Unavailable(pub String);

/// A cluster that can be asked.
pub trait Cluster: Send + Sync {
    /// Whose token this is; none for one that it does not know.
    fn user<'a>(&'a self, token: &'a str) -> Answer<'a, Option<UserInfo>>;

    /// Whether somebody may list a resource of a group, in a namespace or everywhere.
    fn may_list<'a>(
        &'a self,
        user: &'a UserInfo,
        group: &'a str,
        resource: &'a str,
        namespace: Option<&'a str>,
    ) -> Answer<'a, bool>;

    /// The object of a workload, of this version of its API; none when it has just gone.
    fn read<'a>(
        &'a self,
        placed: &'a Placed,
        version: &'a str,
    ) -> Answer<'a, Option<Arc<DynamicObject>>>;
}
