//! One change to what a decision depends on.

use std::collections::BTreeMap;
use std::fmt;

use idp_crds::status::Place;
use serde::Serialize;

use super::question::{Inputs, Question, numbers};
use super::{as_optional_text, as_text};
use crate::schedule::{Circuit, Weights};

/// The steps in which scores and weights are tried: finer than anybody writes them.
pub const STEPS: u32 = 1000;

/// One change. Serialised, `kind` says which.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// The place is able to do something that it was not.
    Capability {
        /// The place.
        #[serde(serialize_with = "as_text")]
        place: Place,
        /// What it can do.
        capability: String,
    },
    /// A score of the place is another.
    Score {
        /// The place.
        #[serde(serialize_with = "as_text")]
        place: Place,
        /// Which score.
        dimension: String,
        /// What it is.
        from: f64,
        /// What it becomes.
        to: f64,
    },
    /// A weight is another; the others share the rest in proportion, so that they still sum to 1.
    Weight {
        /// Whose weight: the experiment's, where the workload is on its variant's side, otherwise
        /// the tier's.
        #[serde(skip_serializing_if = "Option::is_none")]
        experiment: Option<String>,
        /// Whose weight.
        tier: String,
        /// Which weight.
        dimension: String,
        /// What it is.
        from: f64,
        /// What it becomes.
        to: f64,
    },
    /// The workload need not, or must, survive the loss of a zone.
    Ha {
        /// What `ha` becomes.
        to: bool,
    },
    /// The workload is of another tier.
    Tier {
        /// Which.
        to: String,
    },
    /// The operator switches the provider, or the place alone, on.
    Healthy {
        /// The provider.
        provider: String,
        /// The place, where it is its own switch.
        #[serde(serialize_with = "as_optional_text", skip_serializing_if = "Option::is_none")]
        place: Option<Place>,
    },
    /// The provider's circuit closes.
    CircuitCloses {
        /// The provider.
        provider: String,
        /// The region, where it is a place's.
        region: Option<String>,
    },
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, inputs: &mut Inputs, question: &mut Question) {
        match self {
            Change::Ha { to } => question.ha = *to,
            Change::Tier { to } => question.tier.clone_from(to),
            Change::Capability { place, capability } => {
                for candidate in inputs.candidates.iter_mut().filter(|c| c.place() == *place) {
                    candidate.capabilities.push(capability.clone());
                }
            }
            Change::Score { place, dimension, to, .. } => {
                for candidate in inputs.candidates.iter_mut().filter(|c| c.place() == *place) {
                    candidate.scores.insert(dimension.clone(), *to);
                }
            }
            Change::Weight { experiment: Some(id), dimension, to, .. } => {
                for experiment in inputs.state.experiments.iter_mut().filter(|e| e.id == *id) {
                    experiment.weights = reweighted(&experiment.weights, dimension, *to);
                }
            }
            Change::Weight { experiment: None, tier, dimension, to, .. } => {
                if let Some(tier) = inputs.tiers.get_mut(tier) {
                    tier.weights = reweighted(&tier.weights, dimension, *to);
                }
            }
            Change::Healthy { place: Some(place), .. } => {
                for candidate in inputs.candidates.iter_mut().filter(|c| c.place() == *place) {
                    candidate.healthy = true;
                }
            }
            Change::Healthy { provider, place: None } => {
                if let Some(health) = inputs.state.providers.get_mut(provider) {
                    health.healthy = true;
                }
            }
            Change::CircuitCloses { provider, region } => {
                if let Some(health) = inputs.state.providers.get_mut(provider) {
                    match region {
                        Some(region) => _ = health.open_regions.remove(region),
                        None => health.circuit = Circuit::Closed,
                    }
                }
            }
        }
    }

    /// How large it is, where that can be said: the smaller one is told first.
    #[must_use]
    pub fn size(&self) -> f64 {
        match self {
            Change::Score { from, to, .. } | Change::Weight { from, to, .. } => (to - from).abs(),
            _ => 0.0,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Capability { place, capability } => write!(f, "{place} gets {capability}"),
            Change::Score { place, dimension, from, to } => {
                let how = if to > from { "rises" } else { "falls" };
                write!(f, "{place}'s {dimension} {how} from {from} to {to}")
            }
            Change::Weight { experiment, tier, dimension, from, to } => {
                let of = match experiment {
                    Some(experiment) => format!("experiment {experiment}"),
                    None => format!("tier {tier}"),
                };
                let from = (from * 1e4).round() / 1e4;
                write!(f, "{of} weighs {dimension} {to} instead of {from}")
            }
            Change::Ha { to } => write!(f, "ha: {to}"),
            Change::Tier { to } => write!(f, "tier: {to}"),
            Change::Healthy { provider, place } => match place {
                Some(place) => write!(f, "{place} is switched on"),
                None => write!(f, "provider {provider} is switched on"),
            },
            Change::CircuitCloses { provider, region: None } => {
                write!(f, "{provider}'s circuit closes")
            }
            Change::CircuitCloses { provider, region: Some(region) } => {
                write!(f, "the circuit of {provider}/{region} closes")
            }
        }
    }
}

/// `weights` with `dimension` at `to`, the others sharing the rest in proportion; equally, where
/// they had nothing.
#[must_use]
pub fn reweighted(weights: &Weights, dimension: &str, to: f64) -> Weights {
    let others: Vec<(&str, f64)> =
        numbers(weights).filter(|(name, _)| *name != dimension).collect();
    let sum: f64 = others.iter().map(|(_, weight)| weight).sum();
    let count = others.len().max(1) as f64;
    let mut all: BTreeMap<String, f64> = others
        .into_iter()
        .map(|(name, weight)| {
            let share = if sum > 0.0 { weight / sum } else { 1.0 / count };
            (name.to_owned(), share * (1.0 - to))
        })
        .collect();
    all.insert(dimension.to_owned(), to);
    Weights::canonical(&all)
}
