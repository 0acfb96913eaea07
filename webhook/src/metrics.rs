//! What is counted and timed.

use std::time::Instant;

use idp_crds::cloud_provider::CircuitState;
use idp_crds::history::Event;
use idp_crds::record::Scored;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds. An answer takes tens of microseconds; one that asks the API server for rights,
/// milliseconds.
const ADMISSION: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];
/// Seconds. A decision takes microseconds.
const SCHEDULING: [f64; 9] =
    [0.000_001, 0.000_002_5, 0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.001, 0.01];

/// The metrics; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Seconds that the mutating webhook took for an answer.
    pub mutating: Histogram,
    /// Seconds that the validating webhook took for an answer.
    pub validating: Histogram,
    scheduling: Histogram,
    placements: Family<Placement, Counter>,
    events: Family<Happened, Counter>,
    gate_rejections: Family<Tier, Counter>,
    refusals: Family<Refusal, Counter>,
    circuits: Family<Provider, Gauge>,
    place_circuits: Family<Place, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Webhook {
    webhook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Placement {
    provider: String,
    region: String,
    tier: String,
    product: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Happened {
    event: &'static str,
    product: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tier {
    tier: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Provider {
    provider: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    provider: String,
    region: String,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let admission =
            Family::<Webhook, Histogram>::new_with_constructor(|| Histogram::new(ADMISSION));
        registry.register(
            "idp_admission_duration_seconds",
            "Time to answer an admission review",
            admission.clone(),
        );
        let scheduling = Histogram::new(SCHEDULING);
        registry.register(
            "idp_scheduling_duration_seconds",
            "Time to decide where a workload goes",
            scheduling.clone(),
        );
        let placements = Family::default();
        registry.register("idp_placements", "Workloads placed or moved", placements.clone());
        let events = Family::default();
        registry.register(
            "idp_workload_events",
            "What has happened to workloads, as their histories have it",
            events.clone(),
        );
        let gate_rejections = Family::default();
        registry.register(
            "idp_gate_rejections",
            "Workloads for which no candidate passed the gates",
            gate_rejections.clone(),
        );
        let refusals = Family::default();
        registry.register(
            "idp_admission_refusals",
            "Reviews answered with a refusal",
            refusals.clone(),
        );
        let circuits = Family::default();
        registry.register(
            "idp_circuit_breaker_state",
            "A provider's circuit breaker: 0 closed, 1 half-open, 2 open",
            circuits.clone(),
        );
        let place_circuits = Family::default();
        registry.register(
            "idp_place_circuit_breaker_state",
            "A place's circuit breaker: 0 closed, 1 half-open, 2 open",
            place_circuits.clone(),
        );
        Metrics {
            mutating: admission.get_or_create_owned(&Webhook { webhook: "mutating" }),
            validating: admission.get_or_create_owned(&Webhook { webhook: "validating" }),
            scheduling,
            placements,
            events,
            gate_rejections,
            refusals,
            circuits,
            place_circuits,
        }
    }

    pub(crate) fn scheduled(&self, started: Instant) {
        self.scheduling.observe(started.elapsed().as_secs_f64());
    }

    pub(crate) fn placed(&self, selected: &Scored, tier: &str, product: &str) {
        let labels = Placement {
            provider: selected.provider.clone(),
            region: selected.region.clone(),
            tier: tier.to_owned(),
            product: product.to_owned(),
        };
        self.placements.get_or_create(&labels).inc();
    }

    pub(crate) fn happened(&self, event: Event, product: &str) {
        let labels = Happened { event: event.name(), product: product.to_owned() };
        self.events.get_or_create(&labels).inc();
    }

    pub(crate) fn gates_rejected(&self, tier: &str) {
        self.gate_rejections.get_or_create(&Tier { tier: tier.to_owned() }).inc();
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Refusal { reason }).inc();
    }

    /// Says what state the circuit of a provider is in, or of its place in `region`; none where
    /// there is no such any more.
    pub fn circuit(&self, provider: &str, region: Option<&str>, state: Option<CircuitState>) {
        let provider = provider.to_owned();
        match region {
            None => tell(&self.circuits, &Provider { provider }, state),
            Some(region) => {
                let place = Place { provider, region: region.to_owned() };
                tell(&self.place_circuits, &place, state);
            }
        }
    }
}

fn tell<L>(circuits: &Family<L, Gauge>, of: &L, state: Option<CircuitState>)
where
    L: Clone + std::hash::Hash + Eq,
{
    let value = match state {
        None => {
            circuits.remove(of);
            return;
        }
        Some(CircuitState::Closed) => 0,
        Some(CircuitState::HalfOpen) => 1,
        Some(CircuitState::Open) => 2,
    };
    circuits.get_or_create(of).set(value);
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn what_is_gone_is_told_of_no_more() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let text = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        };
        metrics.circuit("aws", None, Some(CircuitState::HalfOpen));
        metrics.circuit("aws", Some("us-east-1"), Some(CircuitState::Open));
        assert!(text().contains("idp_circuit_breaker_state{provider=\"aws\"} 1"));
        let place = "idp_place_circuit_breaker_state{provider=\"aws\",region=\"us-east-1\"} 2";
        assert!(text().contains(place));
        metrics.circuit("aws", Some("us-east-1"), None);
        metrics.circuit("aws", None, None);
        assert!(!text().contains("aws"));
    }
}
