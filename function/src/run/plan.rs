//! What is to be composed for: the context, and the plan that comes of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use idp_core::compose::facts::{Identity, Placement, TierFacts};
use idp_core::compose::product::Product;
use idp_core::compose::rendering::Pending;
use idp_crds::contract::{ClaimRequest, Deletion};
use idp_crds::recovery::RecoveryPoint;
use idp_crds::status::{Place, Retained};
use serde_json::{Map, Value};

/// The connection Secret of a namespaced composite, which has no native one.
pub(super) const CONNECTION_KEY: &str = "workload/connection";

/// What is desired, and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) desired: BTreeMap<String, Desired>,
    /// Whether everything at the current placement is there and ready.
    pub(super) placement_ready: bool,
    pub(super) retained: Vec<Retained>,
    /// Old placements that are still active.
    pub(super) leaving: Vec<Place>,
    pub(super) pending: Vec<Pending>,
    /// What a Secret is that is in the credentials' place and not the workload's.
    pub(super) foreign_secret: Option<String>,
    /// Resources of the current placement that are not ready.
    pub(super) unready: Vec<String>,
    /// What deleting the workload would do now, as the provider reports it.
    pub(super) deletion: Option<Deletion>,
    /// What keeps its data here.
    pub(super) recovery: Vec<RecoveryPoint>,
    pub(super) effective: Map<String, Value>,
    pub(super) notices: BTreeMap<String, String>,
    /// The connection, once complete.
    pub(super) connection: Option<BTreeMap<String, String>>,
}

impl Plan {
    /// Whether an old placement is still active.
    pub(super) fn is_moving(&self) -> bool {
        !self.leaving.is_empty()
    }
}

/// One desired resource.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Desired {
    /// The object, as a Struct's bytes.
    pub(super) object: Bytes,
    pub(super) ready: bool,
}

/// What the plan is made for.
#[derive(Clone, Copy)]
pub(super) struct ComposeContext<'a> {
    pub(super) product: &'a Product,
    pub(super) request: &'a ClaimRequest,
    pub(super) tier: &'a TierFacts,
    pub(super) placement: &'a Placement,
    pub(super) identity: &'a Identity,
    /// Another place, which a human has let go.
    pub(super) release: Option<&'a str>,
}
