//! `CloudProvider`: a cloud's health, by the operator's switch and by the circuit breaker.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// A cloud, named as candidates name it: whether new placements may go there.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.example.org",
    version = "v1alpha1",
    kind = "CloudProvider",
    category = "idp",
    doc = "A cloud: whether new placements may go there.",
    derive = "PartialEq",
    status = "CloudProviderStatus",
    printcolumn(
        name = "Healthy",
        type_ = "boolean",
        json_path = ".spec.healthy",
        description = "the operator's switch"
    ),
    printcolumn(
        name = "Circuit",
        type_ = "string",
        json_path = ".status.state",
        description = "the circuit breaker"
    ),
    printcolumn(name = "Failures", type_ = "integer", json_path = ".status.consecutiveFailures"),
    printcolumn(name = "Since", type_ = "date", json_path = ".status.openedAt"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status",
        description = "whether the platform decides by it"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudProviderSpec {
    /// The operator's switch. False: nothing new is placed there; what runs there stays.
    #[serde(default = "yes")]
    pub healthy: bool,
    /// When to stop placing by itself, and when to try again.
    #[serde(default)]
    pub circuit_breaker: CircuitBreakerSpec,
}

/// The circuit breaker's settings.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircuitBreakerSpec {
    /// Consecutive failures that open the circuit.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1000))]
    pub failure_threshold: u32,
    /// Seconds after the last failure until one probe placement is let through.
    #[serde(default = "sixty")]
    #[schemars(range(min = 0, max = 86_400))]
    pub cooldown_seconds: u32,
}

impl Default for CircuitBreakerSpec {
    fn default() -> Self {
        CircuitBreakerSpec { failure_threshold: five(), cooldown_seconds: sixty() }
    }
}

/// What the circuit breaker has seen, and whether the object is in order.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CloudProviderStatus {
    /// Whether placements are let through.
    #[serde(default)]
    pub state: CircuitState,
    /// Failures since the last success.
    #[serde(default)]
    pub consecutive_failures: u32,
    /// When the last failure was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_time: Option<MicroTime>,
    /// When the circuit opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<MicroTime>,
    /// The one placement that is let through while half-open, `<namespace>/<name>` and its kind's
    /// plural and group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// `Accepted`: whether the platform decides by this object, and if not, what is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The placement that tries a half-open circuit.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Whose placement it is: `<plural>.<group>/<namespace>/<name>`.
    pub holder: String,
    /// When the slot was taken.
    pub since: MicroTime,
}

/// The states of a circuit breaker.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default,
)]
pub enum CircuitState {
    /// Placements go through.
    #[default]
    Closed,
    /// None do.
    Open,
    /// Exactly one does, to see whether the provider is back.
    HalfOpen,
}

fn yes() -> bool {
    true
}

fn five() -> u32 {
    5
}

fn sixty() -> u32 {
    60
}
