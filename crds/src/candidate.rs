//! `Candidate`: one place where a workload can run.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::condition::ConfigurationStatus;
use crate::schema;

/// One placement target: a provider's region, with the runtime cluster and network that serve it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.example.org",
    version = "v1alpha1",
    kind = "Candidate",
    category = "idp",
    doc = "One place where workloads can run: a provider's region, with the runtime cluster and network that serve it.",
    derive = "PartialEq",
    status = "ConfigurationStatus",
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider"),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.runtimeCluster"),
    printcolumn(name = "Healthy", type_ = "boolean", json_path = ".spec.healthy"),
    printcolumn(name = "Capabilities", type_ = "string", json_path = ".spec.capabilities"),
    printcolumn(name = "Order", type_ = "integer", json_path = ".spec.order", priority = 1),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status",
        description = "whether the platform decides by it"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = Rule::new("self.provider == oldSelf.provider && self.region == oldSelf.region").message("provider and region name the place and cannot change: make a new Candidate, and delete this one when nothing runs there").reason(kube::core::Reason::FieldValueInvalid)
)]
pub struct CandidateSpec {
    /// The cloud, as a CloudProvider is named: `aws`, `gcp`, `oci`.
    #[schemars(length(min = 1, max = 30), regex(pattern = r"^[a-z0-9]+$"))]
    pub provider: String,
    /// The provider's region, in the provider's spelling.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub region: String,
    /// The cluster that serves workloads placed here.
    #[schemars(length(min = 1, max = 253))]
    pub runtime_cluster: String,
    /// The network to use, in the provider's terms; recorded in decisions. Templates read it as
    /// `placement.network`.
    #[serde(default)]
    #[schemars(schema_with = "schema::map_of_any")]
    pub network: BTreeMap<String, Value>,
    /// What else templates need to know of this place (`placement.settings`): subnets, availability
    /// domains, compartments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::map_of_any")]
    pub settings: BTreeMap<String, Value>,
    /// What the place can do; tiers ask for these by name.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)))]
    pub capabilities: Vec<String>,
    /// How good the place is per dimension, 0 (worst) to 1 (best). A dimension that is not given
    /// counts as 0.
    #[serde(default)]
    #[schemars(schema_with = "schema::map_of_unit_numbers")]
    pub scores: BTreeMap<String, f64>,
    /// The operator's switch for this place alone. Unhealthy: nothing new is placed here; what runs
    /// here stays.
    #[serde(default = "yes")]
    pub healthy: bool,
    /// The ProviderConfig that managed resources placed here use. By default its name is
    /// `<provider>-<region>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_config_ref: Option<ProviderConfigRef>,
    /// Ties between equal scores go to the lower order, then to the name.
    #[serde(default)]
    pub order: i64,
}

/// Names a ProviderConfig.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderConfigRef {
    /// The ProviderConfig's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its kind, for namespaced managed resources (which can name two). Cluster-scoped ones have
    /// only `ProviderConfig`.
    #[serde(default)]
    pub kind: ProviderConfigKind,
}

/// The two kinds of provider configuration that a namespaced managed resource can name.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default,
)]
pub enum ProviderConfigKind {
    /// One for the whole cluster.
    #[default]
    ClusterProviderConfig,
    /// One in the resource's own namespace.
    ProviderConfig,
}

impl CandidateSpec {
    /// `<provider>/<region>`: how messages and records name a place.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.provider, self.region)
    }

    /// The name of the ProviderConfig to use.
    #[must_use]
    pub fn provider_config(&self) -> ProviderConfigRef {
        self.provider_config_ref.clone().unwrap_or_else(|| ProviderConfigRef {
            name: format!("{}-{}", self.provider, self.region),
            kind: ProviderConfigKind::default(),
        })
    }
}

fn yes() -> bool {
    true
}
