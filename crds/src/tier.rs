//! `Tier`: what a class of service promises, and how its candidates are weighed.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::condition::ConfigurationStatus;
use crate::names::TIER_WEIGHTS_TOLERANCE;
use crate::recovery::TierRecovery;
use crate::schema;

/// A class of service: recovery objectives, the capabilities a place must have, and the weights of
/// its scores.
///
/// Claims name it with `_` for `-`: the Tier `business-critical` is `tier: business_critical`.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.example.org",
    version = "v1alpha1",
    kind = "Tier",
    category = "idp",
    doc = "A class of service: recovery objectives, the capabilities a place must have, and the weights of its scores.",
    derive = "PartialEq",
    status = "ConfigurationStatus",
    printcolumn(
        name = "RTO",
        type_ = "integer",
        json_path = ".spec.rtoMinutes",
        description = "recovery time objective, minutes"
    ),
    printcolumn(
        name = "RPO",
        type_ = "integer",
        json_path = ".spec.rpoMinutes",
        description = "recovery point objective, minutes"
    ),
    printcolumn(name = "Requires", type_ = "string", json_path = ".spec.requiredCapabilities"),
    printcolumn(name = "Failover", type_ = "boolean", json_path = ".spec.failover.enabled"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status",
        description = "whether the platform decides by it"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierSpec {
    /// Recovery time objective, minutes.
    #[schemars(range(min = 0, max = 525_600))]
    pub rto_minutes: i64,
    /// Recovery point objective, minutes.
    #[schemars(range(min = 0, max = 525_600))]
    pub rpo_minutes: i64,
    /// What a place must be able to do, in the order in which it is checked and reported.
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)))]
    #[x_kube(validation = Rule::new("self.all(a, self.exists_one(b, a == b))").message("a capability is listed twice"))]
    pub required_capabilities: Vec<String>,
    /// How much each dimension counts. Dimensions: latency, dr, maturity, cost; together 1.
    #[schemars(schema_with = "schema::map_of_unit_numbers", extend("minProperties" = 1))]
    #[x_kube(validation = schema::known_dimensions())]
    #[x_kube(validation = schema::sum_to_one(TIER_WEIGHTS_TOLERANCE))]
    pub weights: BTreeMap<String, f64>,
    /// Whether decisions name a place to go to when the selected one fails, and what that place
    /// must be able to do.
    #[serde(default)]
    pub failover: TierFailover,
    /// What `rpoMinutes` means where nothing keeps it.
    #[serde(default)]
    pub recovery: TierRecovery,
}

/// A tier's failover target.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierFailover {
    /// Whether a failover target is named.
    #[serde(default)]
    pub enabled: bool,
    /// How far away the target must be.
    #[serde(default)]
    pub anti_affinity: AntiAffinity,
    /// What the target must be able to do; the tier's own requirements when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)))]
    pub required_capabilities: Option<Vec<String>>,
}

/// What a failover target must not share with the selected place.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default,
)]
#[serde(rename_all = "camelCase")]
pub enum AntiAffinity {
    /// The provider: the target is in another cloud.
    #[default]
    Provider,
}
