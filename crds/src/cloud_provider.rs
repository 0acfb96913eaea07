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
    printcolumn(
        name = "Failing",
        type_ = "integer",
        json_path = ".status.failing",
        description = "workloads that fail there now by a fault of the provider's"
    ),
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

/// When the circuits of a provider and of its places open, and when they are tried again.
///
/// They go by the workloads that fail *now* with an error of the provider's, not by how often one
/// says so. A place's opens when `failureThreshold` of its workloads do, or two and half of all
/// that are there, and they are of two namespaces at least, or of all that have something there.
/// The provider's opens when two of its places are open, or all; or when the same holds over all its
/// workloads and they fail at two places at least.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircuitBreakerSpec {
    /// Workloads that fail at the same time and open a circuit, however many others do well.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1000))]
    pub failure_threshold: u32,
    /// Seconds that a workload must have failed for before it counts.
    #[serde(default = "fifteen")]
    #[schemars(range(min = 0, max = 3600))]
    pub dwell_seconds: u32,
    /// Seconds after a circuit has opened until one probe placement is let through.
    #[serde(default = "sixty")]
    #[schemars(range(min = 0, max = 86_400))]
    pub cooldown_seconds: u32,
    /// Which errors are the provider's: regular expressions, searched for in what workloads report,
    /// whatever the case. All others are the user's or pass by themselves, and count nothing.
    /// Not given: what the three clouds say when they are unreachable, overloaded, out of capacity
    /// or broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    pub errors: Option<Vec<String>>,
}

impl Default for CircuitBreakerSpec {
    fn default() -> Self {
        CircuitBreakerSpec {
            failure_threshold: five(),
            dwell_seconds: fifteen(),
            cooldown_seconds: sixty(),
            errors: None,
        }
    }
}

/// What the circuit breakers have seen, and whether the object is in order.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CloudProviderStatus {
    /// The provider's own circuit.
    #[serde(flatten)]
    pub circuit: CircuitStatus,
    /// The circuits of its places, those that are closed with nothing failing left out.
    ///
    /// They are here and not at the Candidates: those are read for every workload that is placed
    /// there, and whatever is written to one wakes all of them, in an outage of all times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["region"]))]
    pub places: Vec<PlaceStatus>,
    /// The one placement that is let through while a circuit is half-open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// `Accepted`: whether the platform decides by this object, and if not, what is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A circuit, and what it goes by.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CircuitStatus {
    /// Whether placements are let through.
    #[serde(default)]
    pub state: CircuitState,
    /// When the circuit opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<MicroTime>,
    /// When it closed: what has failed since before counts nothing against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<MicroTime>,
    /// Workloads that fail there now by a fault of the provider's.
    #[serde(default)]
    pub failing: u32,
    /// Workloads that have anything to say of it, while any of them fails or the circuit is open.
    #[serde(default)]
    pub workloads: u32,
}

/// The circuit of a place.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PlaceStatus {
    /// The provider's region.
    pub region: String,
    /// Its circuit.
    #[serde(flatten)]
    pub circuit: CircuitStatus,
}

impl CloudProviderStatus {
    /// What the circuits say of a placement at `region`: the provider's and the place's, the
    /// stricter of the two.
    #[must_use]
    pub fn state_at(&self, region: &str) -> CircuitState {
        let place = self.places.iter().find(|place| place.region == region);
        place.map_or(CircuitState::Closed, |place| place.circuit.state).max(self.circuit.state)
    }

    /// Whether one of the circuits is half-open.
    #[must_use]
    pub fn is_half_open(&self) -> bool {
        let places = self.places.iter().map(|place| place.circuit.state);
        places.chain([self.circuit.state]).any(|state| state == CircuitState::HalfOpen)
    }
}

/// The placement that tries a half-open circuit.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Whose placement it is: `<plural>.<group>/<namespace>/<name>`.
    pub holder: String,
    /// Where it goes.
    #[serde(default)]
    pub region: String,
    /// When the slot was taken.
    pub since: MicroTime,
}

/// The states of a circuit breaker.
#[derive(
    schemars::JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
)]
pub enum CircuitState {
    /// Placements go through.
    #[default]
    Closed,
    /// Exactly one does, to see whether the provider is back.
    HalfOpen,
    /// None do.
    Open,
}

fn yes() -> bool {
    true
}

fn five() -> u32 {
    5
}

fn fifteen() -> u32 {
    15
}

fn sixty() -> u32 {
    60
}
