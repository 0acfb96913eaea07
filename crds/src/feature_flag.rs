//! `FeatureFlag`: a switch for the scheduler, by name.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::condition::ConfigurationStatus;

/// A switch. Built in: `prefer-cost-optimization` weighs cost higher for every new placement.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "platform.example.org",
    version = "v1alpha1",
    kind = "FeatureFlag",
    category = "idp",
    doc = "A switch for the scheduler.",
    derive = "PartialEq",
    status = "ConfigurationStatus",
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
pub struct FeatureFlagSpec {
    /// Whether the flag is on.
    pub enabled: bool,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub description: String,
}
