//! Which weights count: the tier's, an experiment's, and what the cost flag makes of them.

use idp_crds::names::PREFER_COST_OPTIMIZATION;
use idp_crds::record::{ExperimentGroup, Group};
use md5::{Digest, Md5};
use serde_json::Number;
use sha2::Sha256;

use super::score::round4;
use super::{Experiment, State, Weights};

/// The side of `experiment` that a workload named `name` is on: the first 32 bits of
/// `md5("<id>:<name>")` as a fraction of their maximum, against the share; with a salt those of
/// [`salted_bucket`]. Stable for as long as both names are, and the salt.
#[must_use]
pub fn group(experiment: &Experiment, name: &str) -> Group {
    let bucket = match &experiment.salt {
        Some(salt) => salted_bucket(salt, &experiment.id, name),
        None => bucket(&experiment.id, name),
    };
    if bucket < experiment.share { Group::Variant } else { Group::Control }
}

/// The same for an experiment with a salt: the first 32 bits of a SHA-256 over salt, id and name,
/// each with its length before it (64 bits, most significant first).
#[must_use]
pub fn salted_bucket(salt: &str, experiment_id: &str, name: &str) -> f64 {
    let mut sha256 = Sha256::new();
    for part in [salt, experiment_id, name] {
        sha256.update((part.len() as u64).to_be_bytes());
        sha256.update(part.as_bytes());
    }
    let [a, b, c, d, ..]: [u8; 32] = sha256.finalize().into();
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by another program: SHA-256 over length and bytes of each part.
    const SALTED: [([&str; 3], u32); 6] = [
        (["pepper", "exp-1", "orders"], 1_299_321_022),
        (["pepper", "exp-1", "payments"], 3_727_672_316),
        (["salz", "exp-1", "orders"], 2_293_741_983),
        (["a", "b:c", "d"], 4_177_960_604),
        (["a:b", "c", "d"], 3_890_202_351),
        (["é", "exp-1", "orders"], 2_509_029_803),
    ];

    #[test]
    fn finding_21_a_salt_draws_the_sides_anew() {
        for ([salt, id, name], expected) in SALTED {
            let expected = f64::from(expected) / f64::from(u32::MAX);
            assert_eq!(salted_bucket(salt, id, name), expected, "{salt} {id} {name}");
        }
        let experiment = |salt: Option<&str>| Experiment {
            id: "exp-1".to_owned(),
            description: String::new(),
            weights: Weights::default(),
            share: 0.5,
            tier: "*".to_owned(),
            enabled: true,
            salt: salt.map(str::to_owned),
        };
        assert_eq!(group(&experiment(Some("pepper")), "orders"), Group::Variant);
        assert_eq!(group(&experiment(Some("salz")), "orders"), Group::Control);
        // Without one it is the bucket of ever.
        let reference = bucket("exp-1", "orders");
        assert_eq!(group(&experiment(None), "orders") == Group::Variant, reference < 0.5);
    }

    #[test]
    fn a_share_is_a_share_of_names_with_a_salt_as_well() {
        let variants = (0..10_000)
            .filter(|n| salted_bucket("pepper", "exp-1", &format!("workload-{n}")) < 0.2)
            .count();
        assert!((1_850..2_150).contains(&variants), "{variants}");
    }
}
