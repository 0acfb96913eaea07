//! A question to `idp schedule`, as it is written: field names are the reference implementation's.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use idp_core::schedule::{Candidate, Circuit, Experiment, ProviderHealth, State, Weights};

#[derive(Deserialize)]
pub(super) struct Question<'l> {
    #[serde(default)]
    pub(super) id: Value,
    pub(super) kind: String,
    #[serde(borrow)]
    pub(super) input: &'l RawValue,
}

#[derive(Deserialize)]
pub(super) struct Input {
    pub(super) request: RequestInput,
    pub(super) candidates: Option<Vec<CandidateInput>>,
    #[serde(default)]
    pub(super) exclude_providers: Vec<String>,
    #[serde(default)]
    health: BTreeMap<String, bool>,
    #[serde(default)]
    circuit: BTreeMap<String, CircuitInput>,
    #[serde(default)]
    experiments: Vec<ExperimentInput>,
    #[serde(default)]
    flags: BTreeMap<String, bool>,
}

/// Product, namespace, cell, environment and params do not influence the decision and are not read.
#[derive(Deserialize)]
pub(super) struct RequestInput {
    pub(super) name: String,
    pub(super) tier: String,
    pub(super) ha: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct CandidateInput {
    provider: String,
    region: String,
    runtime_cluster: String,
    #[serde(default)]
    network: IndexMap<String, Value>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    scores: BTreeMap<String, f64>,
    healthy: Option<bool>,
}

#[derive(Deserialize)]
struct CircuitInput {
    failures: u32,
    age_seconds: f64,
}

#[derive(Deserialize)]
struct ExperimentInput {
    id: String,
    #[serde(default)]
    description: String,
    variant_weights: IndexMap<String, Number>,
    traffic_percentage: f64,
    #[serde(default = "every_tier")]
    tier: String,
    enabled: Option<bool>,
    #[serde(default)]
    salt: Option<String>,
}

fn every_tier() -> String {
    "*".to_owned()
}

impl Input {
    pub(super) fn state_is_empty(&self) -> bool {
        self.health.is_empty()
            && self.circuit.is_empty()
            && self.experiments.is_empty()
            && self.flags.is_empty()
    }

    /// What the platform would refuse when applied, all of it.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut places = BTreeSet::new();
        for candidate in self.candidates.iter().flatten() {
            if !places.insert((&candidate.provider, &candidate.region)) {
                problems.push(format!(
                    "input.candidates: {}/{} is listed twice",
                    candidate.provider, candidate.region
                ));
            }
        }
        for (at, experiment) in self.experiments.iter().enumerate() {
            let weights = experiment
                .variant_weights
                .iter()
                .map(|(name, weight)| (name.clone(), weight.as_f64().unwrap_or(f64::NAN)));
            let path = format!("input.experiments[{at}].variant_weights");
            let errors = idp_crds::validate::weights(
                &path,
                &weights.collect(),
                idp_crds::names::EXPERIMENT_WEIGHTS_TOLERANCE,
            );
            problems.extend(errors.iter().map(ToString::to_string));
            if !(0.0..=1.0).contains(&experiment.traffic_percentage) {
                problems.push(format!(
                    "input.experiments[{at}].traffic_percentage: must be between 0 and 1"
                ));
            }
        }
        problems
    }

    pub(super) fn state(&self) -> State {
        let mut providers: BTreeMap<String, ProviderHealth> = BTreeMap::new();
        for (provider, is_healthy) in &self.health {
            providers.entry(provider.clone()).or_insert(ProviderHealth::WELL).healthy = *is_healthy;
        }
        for (provider, circuit) in &self.circuit {
            providers.entry(provider.clone()).or_insert(ProviderHealth::WELL).circuit =
                circuit.read();
        }
        State {
            providers,
            experiments: self.experiments.iter().map(ExperimentInput::read).collect(),
            flags: self.flags.iter().filter(|(_, on)| **on).map(|(name, _)| name.clone()).collect(),
        }
    }
}

impl CandidateInput {
    pub(super) fn read(&self) -> Candidate {
        Candidate {
            provider: self.provider.clone(),
            region: self.region.clone(),
            runtime_cluster: self.runtime_cluster.clone(),
            network: self.network.clone(),
            capabilities: self.capabilities.clone(),
            scores: self.scores.clone(),
            healthy: self.healthy.unwrap_or(true),
        }
    }
}

impl CircuitInput {
    /// The circuit now, after so many failures so long ago; a half-open one lets the question
    /// through as its probe.
    fn read(&self) -> Circuit {
        const THRESHOLD: u32 = 5;
        const COOLDOWN: f64 = 60.0;
        let is_open = self.failures >= THRESHOLD && self.age_seconds < COOLDOWN;
        if is_open { Circuit::Open } else { Circuit::Closed }
    }
}

impl ExperimentInput {
    fn read(&self) -> Experiment {
        Experiment {
            id: self.id.clone(),
            description: self.description.clone(),
            weights: Weights(
                self.variant_weights
                    .iter()
                    .map(|(name, weight)| (name.clone(), weight.clone()))
                    .collect(),
            ),
            share: self.traffic_percentage,
            tier: self.tier.clone(),
            enabled: self.enabled.unwrap_or(true),
            salt: self.salt.clone(),
        }
    }
}
