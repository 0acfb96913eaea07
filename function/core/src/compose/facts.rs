//! What is known of a workload before anything is rendered: who it is, where it goes, its tier.

use idp_crds::candidate::ProviderConfigRef;
use idp_crds::status::place_id;
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// Where a workload runs, with everything that templates need to know of the place.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The cluster that serves the workload.
    pub runtime_cluster: String,
    /// The network there.
    pub network: IndexMap<String, Value>,
    /// What else is configured for the place.
    pub settings: Map<String, Value>,
    /// The ProviderConfig that managed resources use.
    pub provider_config: ProviderConfigRef,
    /// The sequence of the decision.
    pub sequence: u64,
    /// The workload's name at the provider, which templates see as `id`.
    pub provider_id: String,
}

impl Placement {
    /// `<provider>-<region>`: the placement in composed names and in `status.placement.retained`.
    #[must_use]
    pub fn id(&self) -> String {
        place_id(&self.provider, &self.region)
    }
}

/// Which kind of composite resource it is, and with it which kind of managed resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A claim's cluster-scoped composite with cluster-scoped managed resources.
    Cluster,
    /// A namespaced composite (Crossplane v2) with namespaced managed resources.
    Namespaced,
}

/// Who the workload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The composite resource's name.
    pub name: String,
    /// The claim's name; the composite's own without a claim. Experiments and connection secrets go
    /// by it.
    pub claim_name: String,
    /// Where namespaced objects go: the claim's namespace, or the composite's own.
    pub namespace: String,
    /// Which kind of composite it is.
    pub scope: Scope,
    /// The composite resource's uid; none where it is not in a cluster. On a laptop nothing is ever
    /// observed, so that waiting for credentials would be for ever.
    pub uid: Option<String>,
}

impl Identity {
    /// Whether it is in a cluster.
    #[must_use]
    pub fn in_cluster(&self) -> bool {
        self.uid.is_some()
    }
}

/// The tier, as expressions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierFacts {
    /// Recovery time objective, minutes.
    pub rto_minutes: i64,
    /// Recovery point objective, minutes.
    pub rpo_minutes: i64,
    /// The capabilities it requires.
    pub capabilities: Vec<String>,
}
