//! `Experiment`: other weights for a share of the placements.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::condition::ConfigurationStatus;
use crate::names::EXPERIMENT_WEIGHTS_TOLERANCE;
use crate::schema;

/// Other weights for a share of a tier's placements. The first enabled one whose tier matches
/// applies.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.example.org",
    version = "v1alpha1",
    kind = "Experiment",
    category = "idp",
    doc = "Other weights for a share of a tier's placements.",
    derive = "PartialEq",
    status = "ConfigurationStatus",
    printcolumn(name = "Tier", type_ = "string", json_path = ".spec.tier"),
    printcolumn(name = "Share", type_ = "number", json_path = ".spec.trafficShare"),
    printcolumn(name = "Enabled", type_ = "boolean", json_path = ".spec.enabled"),
    printcolumn(name = "Description", type_ = "string", json_path = ".spec.description"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status",
        description = "whether the platform decides by it"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExperimentSpec {
    /// What is being tried; recorded in the decisions it takes part in.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub description: String,
    /// The weights of the variant. Dimensions: latency, dr, maturity, cost; together 1 (within
    /// 0.01).
    #[schemars(schema_with = "schema::map_of_unit_numbers", extend("minProperties" = 1))]
    #[x_kube(validation = schema::known_dimensions())]
    #[x_kube(validation = schema::sum_to_one(EXPERIMENT_WEIGHTS_TOLERANCE))]
    pub variant_weights: BTreeMap<String, f64>,
    /// The share of placements that get the variant, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub traffic_share: f64,
    /// The tier it applies to, or `*` for all.
    #[serde(default = "every_tier")]
    #[schemars(length(min = 1, max = 253))]
    pub tier: String,
    /// With it the sides are drawn anew, by a hash over salt, experiment and name; whoever does not
    /// know it cannot work out which name gets which side. It is no secret from those who may read
    /// Experiments. Without it the hash is that of earlier records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub salt: Option<String>,
    /// Off: as if it were not there.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn every_tier() -> String {
    "*".to_owned()
}

fn yes() -> bool {
    true
}
