//! What the scheduler works on, free of Kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::status::Place;
use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Weights;

/// One place where a workload can run. Their order breaks ties between equal scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The cluster that serves workloads there.
    pub runtime_cluster: String,
    /// The network there; its key order is the order in records.
    pub network: IndexMap<String, Value>,
    /// What the place can do.
    pub capabilities: Vec<String>,
    /// How good the place is, per dimension, 0 to 1.
    pub scores: BTreeMap<String, f64>,
    /// The operator's switch for this place.
    pub healthy: bool,
}

impl Candidate {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Place {
        Place::new(&self.provider, &self.region)
    }
}

/// A class of service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tier {
    /// Recovery time objective, minutes.
    pub rto_minutes: i64,
    /// Recovery point objective, minutes.
    pub rpo_minutes: i64,
    /// The capabilities a candidate must have, in the order checked and reported.
    pub gates: Vec<String>,
    /// How much each dimension counts.
    pub weights: Weights,
    /// Whether a failover target is named, and what it must be able to do.
    pub failover: Option<FailoverRule>,
}

/// What a tier asks of a failover target, beside being with another provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailoverRule {
    /// The capabilities the target must have.
    pub gates: Vec<String>,
}

/// A provider's health. A provider that is not mentioned is healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderHealth {
    /// The operator's switch.
    pub healthy: bool,
    /// The circuit breaker.
    pub circuit: Circuit,
    /// The regions whose own circuit lets nothing through.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub open_regions: BTreeSet<String>,
}

impl ProviderHealth {
    /// Nothing is wrong with it.
    pub const WELL: Self =
        ProviderHealth { healthy: true, circuit: Circuit::Closed, open_regions: BTreeSet::new() };
}

/// Decisions are the same whether a provider that is well is mentioned or not, and so is what is
/// said of them.
fn serialize_unhealthy<S: Serializer>(
    providers: &BTreeMap<String, ProviderHealth>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(providers.iter().filter(|(_, health)| **health != ProviderHealth::WELL))
}

/// Whether a provider's circuit breaker lets a placement through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// Placements go through.
    Closed,
    /// None do. A half-open circuit whose one probe is somebody else's counts as open.
    Open,
}

/// Other weights for a share of the placements. Their order decides which one applies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// Its name; with the workload's name it decides the bucket.
    pub id: String,
    /// What is being tried.
    pub description: String,
    /// The variant's weights.
    pub weights: Weights,
    /// The share of placements that get the variant, 0 to 1.
    pub share: f64,
    /// The tier it applies to, or `*`.
    pub tier: String,
    /// Off: as if it were not there.
    pub enabled: bool,
    /// Draws the sides anew, by another hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// What may change from minute to minute, beside the candidates and tiers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct State {
    /// Health by provider.
    #[serde(serialize_with = "serialize_unhealthy")]
    pub providers: BTreeMap<String, ProviderHealth>,
    /// Experiments, in the order in which they are considered.
    pub experiments: Vec<Experiment>,
    /// The flags that are on.
    pub flags: BTreeSet<String>,
}

/// What is asked of the scheduler.
#[derive(Debug, Clone, Copy)]
pub struct PlacementQuery<'a> {
    /// The workload's name: decides its side of an experiment.
    pub name: &'a str,
    /// The tier's name.
    pub tier: &'a str,
    /// Whether the workload must survive the loss of a zone.
    pub ha: bool,
    /// Places that are out of the question.
    pub exclude: Exclusion<'a>,
    /// Candidates that cannot serve the product as it is asked for.
    pub unfit: &'a [Unfit],
}

/// A candidate that cannot serve one product as it is asked for, whatever its tier asks of places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Its place in the candidates' order.
    pub position: usize,
    /// What it lacks.
    pub lack: Lack,
}

/// What a candidate lacks for a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// Capabilities that the tier requires and that the product does not have there.
    Capabilities(Vec<String>),
    /// What the product needs to know of a place, and the Candidate does not say.
    Settings {
        /// The product.
        product: String,
        /// The fields, such as `settings.replica`.
        missing: Vec<String>,
    },
}

/// Places that are out of the question, taken out before anything else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exclusion<'a> {
    /// Whole providers.
    pub providers: &'a [String],
    /// Single places, provider and region: where the workload is, or has left something.
    pub places: &'a [(&'a str, &'a str)],
}
