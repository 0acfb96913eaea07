//! The decision record: why a workload is where it is.
//!
//! It is the value of the `platform.example.org/placement-reason` annotation, compact JSON written
//! by [`crate::json`]. The reference implementation's keys come first, in its order and spelling;
//! ours follow. Readers ignore keys they do not know.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::place::Place;
use crate::schema::{free_object, sequence};

/// A placement decision with its reasons.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Record {
    /// The tier that was asked for.
    pub tier: String,
    /// The tier's recovery time objective, minutes.
    pub rto_minutes: i64,
    /// The tier's recovery point objective, minutes.
    pub rpo_minutes: i64,
    /// The capabilities that every passing candidate has, in the order checked.
    pub gates: Vec<String>,
    /// Whether `ha` was asked for, so that `multi_az` is a gate whatever the tier.
    pub ha_enforced: bool,
    /// The weights that counted, after experiment and flag.
    pub weights: IndexMap<String, Number>,
    /// Where it goes.
    pub selected: Scored,
    /// The best three, the selected one first.
    pub top_3_candidates: Vec<Ranked>,
    /// How many candidates there were.
    pub candidates_evaluated: u64,
    /// How many of them were healthy.
    pub candidates_healthy: u64,
    /// How many of those passed the gates.
    pub candidates_passed_gates: u64,
    /// Candidates left out for their health.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unhealthy_skipped: Vec<Skipped>,
    /// Where to go when the selected place fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverTarget>,
    /// The experiment that was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<ExperimentGroup>,
    /// The selected place's network.
    #[serde(default)]
    pub network: IndexMap<String, Value>,
    /// Candidates that are not in the ranking, `<provider>/<region>` → why, in candidate order; the
    /// first [`Record::MOST_REJECTED`].
    #[serde(default)]
    pub rejected: IndexMap<String, String>,
    /// 1 for the first decision; each move adds 1.
    #[serde(default)]
    pub sequence: u64,
    /// Where the workload was before this decision moved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// The providers that a move was asked to leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_providers: Vec<String>,
    /// Who decided.
    #[serde(default)]
    pub decided_by: DecidedBy,
    /// SHA-256, hex, over the canonical form of everything but the request that the decision was
    /// made from.
    #[serde(default)]
    pub catalog: String,
    /// What a move goes without: capabilities that the tier asks for, though not of a failover
    /// target, and that the selected place does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
}

impl Record {
    /// The most entries in `rejected`: a record must fit an annotation however large the catalog
    /// is.
    pub const MOST_REJECTED: usize = 32;

    /// The highest number that a decision may have.
    pub const MOST_SEQUENCE: u64 = 2_000_000;
    /// The highest number that a restored one may bring along: it leaves room for moves to come.
    pub const MOST_RESTORED_SEQUENCE: u64 = 1_000_000;

    /// Reads a record from an annotation's value.
    ///
    /// # Errors
    /// When it is not JSON, or not a record.
    pub fn parse(annotation: &str) -> Result<Record, serde_json::Error> {
        serde_json::from_str(annotation)
    }

    /// Where it goes.
    #[must_use]
    pub fn place(&self) -> Place {
        Place::new(&self.selected.provider, &self.selected.region)
    }

    /// The annotation's value.
    #[must_use]
    pub fn to_annotation(&self) -> String {
        crate::json::to_string(self)
    }
}

/// A candidate with its score.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Scored {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The cluster that serves the workload.
    pub runtime_cluster: String,
    /// Weighted sum of the scores, rounded to 4 decimals.
    pub total_score: f64,
    /// Raw score per weighted dimension, rounded to 4 decimals.
    pub subscores: IndexMap<String, Number>,
}

/// A candidate with its rank.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Ranked {
    /// 1 is the best.
    pub rank: u64,
    /// The candidate.
    #[serde(flatten)]
    pub scored: Scored,
}

/// A candidate that was left out for its health.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// Why: `provider_unhealthy` (the operator's switch of the provider or of the place),
    /// `circuit_open`.
    pub reasons: Vec<String>,
}

/// Where to go when the selected place fails.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct FailoverTarget {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The cluster that would serve the workload.
    pub runtime_cluster: String,
    /// The network there.
    #[schemars(schema_with = "free_object")]
    pub network: IndexMap<String, Value>,
    /// Its score, rounded to 4 decimals.
    pub total_score: f64,
    /// What it does not share with the selected place: `different_cloud_from_<provider>`.
    pub anti_affinity: String,
}

/// The experiment in force and the side of it that this workload fell on.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ExperimentGroup {
    /// The experiment's name.
    pub experiment_id: String,
    /// Which weights counted.
    pub group: Group,
    /// The experiment's description.
    pub description: String,
}

/// The two sides of an experiment.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The tier's own weights.
    Control,
    /// The experiment's weights.
    Variant,
}

/// A place that a workload has left.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The sequence of the decision that had put it there.
    #[schemars(schema_with = "sequence")]
    pub sequence: u64,
}

/// Who made a decision.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The admission webhook.
    Admission,
    /// The composition function.
    #[default]
    Function,
}
