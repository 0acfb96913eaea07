//! Which weights count: the tier's, an experiment's, and what the cost flag makes of them.

use idp_crds::names::PREFER_COST_OPTIMIZATION;
use idp_crds::record::{ExperimentGroup, Group};
use md5::{Digest, Md5};
use serde_json::Number;

use super::score::round4;
use super::{Experiment, State, Weights};

/// The side of `experiment` that a workload named `name` is on: the first 32 bits of
/// `md5("<id>:<name>")` as a fraction of their maximum, against the share. Stable for as long as
/// both names are.
#[must_use]
pub fn group(experiment: &Experiment, name: &str) -> Group {
    if bucket(&experiment.id, name) < experiment.share { Group::Variant } else { Group::Control }
}

/// Where in 0 to 1 a workload falls for an experiment.
#[must_use]
pub fn bucket(experiment_id: &str, name: &str) -> f64 {
    f64::from(bucket_u32(experiment_id, name)) / f64::from(u32::MAX)
}

/// The 32 bits behind [`bucket`].
#[must_use]
pub fn bucket_u32(experiment_id: &str, name: &str) -> u32 {
    let mut md5 = Md5::new();
    md5.update(experiment_id.as_bytes());
    md5.update(b":");
    md5.update(name.as_bytes());
    let [a, b, c, d, ..]: [u8; 16] = md5.finalize().into();
    u32::from_be_bytes([a, b, c, d])
}

/// A tier's weights, on either side of the experiment that is in force for it.
///
/// The first enabled experiment whose tier matches is in force, whichever side a workload is on.
#[derive(Debug, Clone, PartialEq)]
pub struct TierWeights {
    control: Weights,
    active_experiment: Option<(Experiment, Weights)>,
}

impl TierWeights {
    /// Of a tier whose own weights are `base`.
    #[must_use]
    pub fn new(tier: &str, base: &Weights, state: &State) -> Self {
        let prefers_cost = state.flags.contains(PREFER_COST_OPTIMIZATION);
        let effective =
            |weights: &Weights| if prefers_cost { prefer_cost(weights) } else { weights.clone() };
        let in_force =
            state.experiments.iter().find(|e| e.enabled && (e.tier == "*" || e.tier == tier));
        let active_experiment =
            in_force.map(|experiment| (experiment.clone(), effective(&experiment.weights)));
        TierWeights { control: effective(base), active_experiment }
    }

    /// The experiment in force, and the side of it that a workload named `name` is on.
    #[must_use]
    pub fn experiment(&self, name: &str) -> Option<ExperimentGroup> {
        let (experiment, _) = self.active_experiment.as_ref()?;
        let (experiment_id, description) = (experiment.id.clone(), experiment.description.clone());
        Some(ExperimentGroup { experiment_id, group: group(experiment, name), description })
    }

    /// The weights that count on one side.
    #[must_use]
    pub fn of(&self, group: Group) -> &Weights {
        match (group, &self.active_experiment) {
            (Group::Variant, Some((_, weights))) => weights,
            _ => &self.control,
        }
    }
}

/// Cost counts a fifth more, up to 0.60; the others share the rest in proportion. Never lowers
/// cost.
///
/// Weights without a cost are taken to have one of 0.25, as the reference takes them.
fn prefer_cost(weights: &Weights) -> Weights {
    const COST: &str = "cost";
    const CAP: f64 = 0.60;
    const FACTOR: f64 = 1.2;
    const DEFAULT_COST: f64 = 0.25;

    let old =
        weights.iter().find(|(name, _)| *name == COST).map_or(DEFAULT_COST, |(_, weight)| weight);
    if old > CAP {
        return weights.clone();
    }
    let cost = (old * FACTOR).min(CAP);
    let others: f64 =
        weights.iter().filter(|(name, _)| *name != COST).map(|(_, weight)| weight).sum();
    let scale = if others > 0.0 { (1.0 - cost) / others } else { 0.0 };
    let rounded = |weight: f64| Number::from_f64(round4(weight)).unwrap_or_else(|| Number::from(0));
    let mut scaled: Vec<(String, Number)> = weights
        .iter()
        .filter(|(name, _)| *name != COST)
        .map(|(name, weight)| (name.to_owned(), rounded(weight * scale)))
        .collect();
    scaled.push((COST.to_owned(), rounded(cost)));
    Weights(scaled)
}
