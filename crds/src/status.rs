//! What a composite resource (and so its claim) says about its placement: `status.placement`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::candidate::ProviderConfigRef;
use crate::contract::Deletion;
pub use crate::place::{Place, place_id};
use crate::record::{FailoverTarget, Previous};
use crate::recovery::RecoveryPoint;
use crate::schema::{deletion, free_object, sequence};

/// Where the workload is, and why. The function writes it, and reads it back as evidence.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlacementStatus {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The cluster that serves the workload.
    #[serde(default)]
    pub runtime_cluster: String,
    /// The network there.
    #[serde(default)]
    #[schemars(schema_with = "free_object")]
    pub network: IndexMap<String, Value>,
    /// What else was configured for the place when the workload was placed there.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "free_object")]
    pub settings: Map<String, Value>,
    /// The ProviderConfig that its managed resources use. With it the network and the settings are
    /// pinned: a changed Candidate reaches the workload only when that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_config_ref: Option<ProviderConfigRef>,
    /// The Candidate that describes the place, where that is not called `<provider>-<region>`: by its
    /// name it is found again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// The workload's name at the provider.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The sequence of the decision: 1 for the first; each move adds 1.
    #[schemars(schema_with = "sequence")]
    pub sequence: u64,
    /// Whether it is settled or on the way.
    #[serde(default)]
    pub phase: Phase,
    /// The decision record, as it is stamped on the claim.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Where to go when the place fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverTarget>,
    /// Where it was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// Places that the workload is leaving: still active until the new one is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<Place>,
    /// What is kept of other placements, or of resources that nothing asks for any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retained: Vec<Retained>,
    /// What deleting the workload does now, as far as what it is made of shows: what is asked for,
    /// once that has been carried out. None where it holds no data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "deletion")]
    pub deletion: Option<Deletion>,
    /// What keeps the data, and how far behind it can be: of several the one that is behind the
    /// least. None where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryPoint>,
    /// Notices that have been given, by name, so that each is given once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

impl PlacementStatus {
    /// Where the workload is.
    #[must_use]
    pub fn place(&self) -> Place {
        Place::new(&self.provider, &self.region)
    }

    /// The places, provider and region, that a move must not go to: where the workload is, what it
    /// is leaving, and where it has left something. There is never a second copy in one place.
    #[must_use]
    pub fn occupied(&self) -> Vec<(&str, &str)> {
        let here = (self.provider.as_str(), self.region.as_str());
        let leaving =
            self.leaving.iter().map(|place| (place.provider.as_str(), place.region.as_str()));
        let retained = self
            .retained
            .iter()
            .map(|retained| (retained.provider.as_str(), retained.region.as_str()));
        std::iter::once(here).chain(leaving).chain(retained).collect()
    }
}

/// Whether a workload is settled or on the way.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Phase {
    /// Only the current placement is active.
    #[default]
    Steady,
    /// Old and new are both there until the new one is ready.
    Moving,
}

/// What is kept at one place: looked at, never changed, never deleted, until someone releases it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Retained {
    /// `<provider>-<region>`: what `platform.example.org/release` names.
    pub place: String,
    /// The cloud.
    #[serde(default)]
    pub provider: String,
    /// The cloud's region.
    #[serde(default)]
    pub region: String,
    /// Composition-resource-names of what is kept, in order.
    pub resources: Vec<String>,
}
