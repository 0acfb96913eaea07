//! What people and their tools read, on a port of its own: nothing here is needed for reviews, and
//! who may reach the probes need not reach this.
//!
//! - [`access`]: who sees what;
//! - [`api`]: what can be asked for, which clouds are healthy, what runs where, as JSON;
//! - [`events`]: that something has changed;
//! - [`console`]: the same as pages.
//!
//! Everything here is read-only: acting is `kubectl`, and the pages give the command.

pub mod access;
pub mod api;
pub mod console;
pub mod events;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::map_response;
use axum::response::Response;
use idp_crds::product::ProductApi;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use crate::fleet::kind_of;
use crate::placements::{Placed, Placements};
use crate::snapshot::SharedSnapshot;
use access::Access;

/// What pages are made from.
#[derive(Clone)]
pub struct Sources {
    /// The catalog.
    pub snapshot: SharedSnapshot,
    /// What runs where.
    pub placements: Arc<Placements>,
    /// Who sees what.
    pub access: Arc<Access>,
    /// Where workloads are read whole: the index has only the most important of them.
    pub objects: WorkloadObjects,
    /// Ends what would go on for ever.
    pub stopping: CancellationToken,
}

/// Where workloads are read whole.
#[derive(Clone)]
pub enum WorkloadObjects {
    /// From the cluster.
    Cluster(Client),
    /// From a file that has been read.
    Files(Vec<Arc<DynamicObject>>),
}

impl WorkloadObjects {
    /// The object of a workload of `version`; none when it has just gone.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn read(
        &self,
        placed: &Placed,
        version: &str,
    ) -> Result<Option<Arc<DynamicObject>>, kube::Error> {
        let client = match self {
            WorkloadObjects::Cluster(client) => client,
            WorkloadObjects::Files(all) => {
                let is_it = |object: &&Arc<DynamicObject>| {
                    object.name_any() == placed.name
                        && object.namespace().unwrap_or_default() == placed.namespace
                        && kind_of(object) == Some(placed.group_kind())
                };
                return Ok(all.iter().find(is_it).cloned());
            }
        };
        let gvk = GroupVersionKind::gvk(&placed.group, version, &placed.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &ProductApi::plural(&placed.kind));
        let api: Api<DynamicObject> = if placed.namespace.is_empty() {
            Api::all_with(client.clone(), &resource)
        } else {
            Api::namespaced_with(client.clone(), &placed.namespace, &resource)
        };
        Ok(api.get_opt(&placed.name).await?.map(Arc::new))
    }
}

/// Nothing from anywhere else, no script in a page, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Everything on this port.
pub fn router(sources: Sources) -> Router {
    Router::new()
        .merge(api::router(sources.clone()))
        .merge(events::router(sources.clone()))
        .merge(console::router(sources))
        .layer(map_response(harden))
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // What somebody may see is not for whoever uses the same browser next.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
