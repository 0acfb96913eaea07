//! Configuration kinds as the scheduler sees them. The API server keeps no key order, so maps take
//! a canonical one here.

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::cloud_provider::CircuitState;
use idp_crds::names::reference_name;
use idp_crds::validate::Validate;
use idp_crds::{CandidateSpec, TierSpec};
use indexmap::IndexMap;
use serde_json::Value;

use super::{Named, Objects, Rejected};
use crate::schedule::{
    Candidate, Circuit, Experiment, FailoverRule, ProviderHealth, State, Tier, Weights,
};

/// Network keys in the reference's order: the network first, then the part of it. Others follow by
/// name.
const NETWORK_KEYS: [&str; 6] =
    ["vpc_id", "vpc_name", "vcn_id", "subnet_group", "subnet", "subnet_id"];

pub(super) fn candidate(spec: &CandidateSpec) -> Candidate {
    Candidate {
        provider: spec.provider.clone(),
        region: spec.region.clone(),
        runtime_cluster: spec.runtime_cluster.clone(),
        network: canonical_network(&spec.network),
        capabilities: spec.capabilities.clone(),
        scores: spec.scores.clone(),
        healthy: spec.healthy,
    }
}

pub(super) fn canonical_network(network: &BTreeMap<String, Value>) -> IndexMap<String, Value> {
    let known = NETWORK_KEYS.iter().filter_map(|key| network.get_key_value(*key));
    let others = network.iter().filter(|(key, _)| !NETWORK_KEYS.contains(&key.as_str()));
    known.chain(others).map(|(key, value)| (key.clone(), value.clone())).collect()
}

pub(super) fn tier(spec: &TierSpec) -> Tier {
    let failover = spec.failover.enabled.then(|| FailoverRule {
        gates: spec
            .failover
            .required_capabilities
            .clone()
            .unwrap_or_else(|| spec.required_capabilities.clone()),
    });
    Tier {
        rto_minutes: spec.rto_minutes,
        rpo_minutes: spec.rpo_minutes,
        gates: spec.required_capabilities.clone(),
        weights: Weights::canonical(&spec.weights),
        failover,
    }
}

pub(super) fn state(
    objects: &Objects,
    probes: &BTreeSet<String>,
    rejected: &mut Vec<Rejected>,
) -> State {
    let mut providers = BTreeMap::new();
    for provider in &objects.providers {
        let status = objects.statuses.get(&provider.name).cloned().unwrap_or_default();
        let may_probe = probes.contains(&provider.name);
        let open_regions = status
            .places
            .iter()
            .filter(|place| circuit(place.circuit.state, may_probe) == Circuit::Open)
            .map(|place| place.region.clone());
        let health = ProviderHealth {
            healthy: provider.spec.healthy,
            circuit: circuit(status.circuit.state, may_probe),
            open_regions: open_regions.collect(),
        };
        providers.insert(provider.name.clone(), health);
    }
    let mut experiments: Vec<&Named<_>> = objects
        .experiments
        .iter()
        .filter_map(|e| accept_valid("Experiment", e, rejected))
        .collect();
    experiments.sort_by(|a, b| (&a.created, &a.name).cmp(&(&b.created, &b.name)));
    let experiments = experiments.into_iter().map(|experiment| Experiment {
        id: experiment.name.clone(),
        description: experiment.spec.description.clone(),
        weights: Weights::canonical(&experiment.spec.variant_weights),
        share: experiment.spec.traffic_share,
        tier: reference_name(&experiment.spec.tier),
        enabled: experiment.spec.enabled,
        salt: experiment.spec.salt.clone(),
    });
    State {
        providers,
        experiments: experiments.collect(),
        flags: objects
            .flags
            .iter()
            .filter(|flag| flag.spec.enabled)
            .map(|flag| reference_name(&flag.name))
            .collect(),
    }
}

fn circuit(state: CircuitState, may_probe: bool) -> Circuit {
    match state {
        CircuitState::Closed => Circuit::Closed,
        CircuitState::HalfOpen if may_probe => Circuit::Closed,
        CircuitState::HalfOpen | CircuitState::Open => Circuit::Open,
    }
}

/// `object`, if nothing is wrong with it.
pub(super) fn accept_valid<'o, T: Validate>(
    kind: &'static str,
    object: &'o Named<T>,
    rejected: &mut Vec<Rejected>,
) -> Option<&'o Named<T>> {
    let errors: Vec<String> = object.spec.errors().iter().map(ToString::to_string).collect();
    if errors.is_empty() {
        return Some(object);
    }
    rejected.push(Rejected { kind, name: object.name.clone(), errors });
    None
}
