//! What runs where and why, for people and their tools to read: nothing here is needed for reviews, and
//! who may reach the probes need not reach this.
//!
//! - [`snapshot`], [`placements`]: the catalog of this moment, and what runs where by it;
//!   [`workloads`] reads objects into that, [`fleet`] files of them; [`query`] finds some of them;
//! - [`outlook`]: where something would go; [`trial`]: what came of an experiment;
//! - [`cluster`]: what is asked of a cluster; [`access`]: who sees what;
//! - [`api`]: all of it as JSON, described in OpenAPI;
//! - [`events`]: that something has changed;
//! - [`pages`]: the same as pages.
//!
//! Everything here is read-only: acting is `kubectl`, and the pages give the command.

pub mod access;
pub mod api;
pub mod cluster;
pub mod events;
pub mod fleet;
pub mod outlook;
pub mod pages;
pub mod placements;
pub mod query;
pub mod snapshot;
pub mod trial;
pub mod workloads;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse as _, Response};
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use tokio_util::sync::CancellationToken;

use access::{Access, Visible};
use cluster::{Cluster, Unavailable};
use fleet::kind_of;
use placements::{GroupKind, Placed, Placements};
use snapshot::SharedSnapshot;

/// What pages are made from.
#[derive(Clone)]
pub struct Sources {
    /// The catalog.
    pub snapshot: SharedSnapshot,
    /// What runs where.
    pub placements: Arc<Placements>,
    /// Who sees what.
    pub access: Access,
    /// Where workloads are read whole: the index has only the most important of them.
    pub objects: WorkloadObjects,
    /// Ends what would go on for ever.
    pub stopping: CancellationToken,
}

impl Sources {
    /// The workload of this group, kind, namespace (`-` for none) and name. What somebody may not see is as if
    /// it were not there.
    fn find(&self, visible: &Visible, [group, kind, namespace, name]: [&str; 4]) -> Option<Placed> {
        let namespace = if namespace == "-" { "" } else { namespace };
        let placed = self.placements.get(&GroupKind::new(group, kind), namespace, name)?;
        visible.shows(&placed).then_some(placed)
    }

    /// Its object, whole; none when it has just gone.
    async fn read(&self, placed: &Placed) -> Result<Option<Arc<DynamicObject>>, Unavailable> {
        let snapshot = self.snapshot.get();
        let products = snapshot.iter().flat_map(|snapshot| &snapshot.objects.products);
        match products.into_iter().find(|product| product.name == placed.product) {
            Some(product) => self.objects.read(placed, &product.spec.api.version).await,
            None => Ok(None),
        }
    }
}

/// Where workloads are read whole.
#[derive(Clone)]
pub enum WorkloadObjects {
    /// From the cluster.
    Cluster(Arc<dyn Cluster>),
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
    ) -> Result<Option<Arc<DynamicObject>>, Unavailable> {
        match self {
            WorkloadObjects::Cluster(cluster) => cluster.read(placed, version).await,
            WorkloadObjects::Files(all) => {
                Ok(all.iter().find(|object| is(placed, object)).cloned())
            }
        }
    }
}

fn is(placed: &Placed, object: &DynamicObject) -> bool {
    object.name_any() == placed.name
        && object.namespace().unwrap_or_default() == placed.namespace
        && kind_of(object) == Some(placed.group_kind())
}

/// Nothing from anywhere else, no script in a page, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Everything on this port.
pub fn router(sources: Sources) -> Router {
    let is_open = !sources.access.asks();
    let all = Router::new().merge(api::router(sources.clone())).merge(pages::router(sources));
    let all = if is_open { all.layer(from_fn(by_this_machines_name)) } else { all };
    all.layer(map_response(harden))
}

/// Where nobody is asked who they are, only browsers of this machine are answered that mean it: a page of
/// somebody else's could give this address a name of its own, and read what is here (DNS rebinding).
async fn by_this_machines_name(request: Request, next: Next) -> Response {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = header.and_then(|host| host.parse::<Authority>().ok());
    let host = host.as_ref().map(Authority::host).or(request.uri().host()).unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_ours = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_ours {
        return next.run(request).await;
    }
    let why =
        "ask by the name localhost, or a loopback address: whoever is answered sees everything\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
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
