//! What keeps a workload's data, where it can be had again, and how far behind it can be.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One mechanism by which a product keeps its data on a provider.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoverySpec {
    /// What keeps the data.
    pub mechanism: Mechanism,
    /// How far behind it can be: the most that is lost, minutes.
    #[schemars(range(min = 0, max = 525_600))]
    pub rpo_minutes: i64,
    /// When there is one: one expression, true or false, over the request and its place
    /// (`"pitr" in tier.capabilities`, `has(placement.settings.replica)`). Not given: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Where the data can be had: text with expressions, the name of a region of this provider, or
    /// `*` for every place. Not given: in the region of the place itself, which helps against a
    /// mistake and not against the loss of that region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub target: Option<String>,
}

/// What keeps data.
#[derive(
    JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord,
)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// A copy that follows the original, in another region, and can be promoted.
    Replica,
    /// Logical dumps on a schedule, in an object store, that any place can read back.
    Dump,
    /// The provider's own backups and logs.
    Backup,
}

impl Mechanism {
    /// As it is spelled.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Replica => "replica",
            Mechanism::Dump => "dump",
            Mechanism::Backup => "backup",
        }
    }
}

/// A mechanism that a workload has at its place.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPoint {
    /// What keeps the data.
    pub mechanism: Mechanism,
    /// How far behind it can be: the most that is lost, minutes.
    pub rpo_minutes: i64,
    /// Where the data can be had: a region of the workload's provider, or `*` for every place.
    pub target: String,
}

/// What a tier's recovery objective means where no mechanism keeps it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierRecovery {
    /// What becomes of a request whose data no mechanism keeps within `rpoMinutes`.
    #[serde(default)]
    pub enforce: Enforcement,
}

/// What becomes of a request that a tier's objective does not hold for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Enforcement {
    /// It is placed, and its user is told.
    #[default]
    Warn,
    /// It is refused.
    Deny,
}
