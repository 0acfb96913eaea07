//! An experiment's workloads, as what is said of it is worked out from them.

use idp_core::catalog::Named;
use idp_core::experiment::{self, Participant, Report};
use idp_crds::ExperimentSpec;
use idp_crds::names::reference_name;

use crate::placements::Placed;
use crate::snapshot::Snapshot;

/// What is to be said of an experiment, by those of `all` that take part in it.
#[must_use]
pub fn report(experiment: &Named<ExperimentSpec>, all: &[Placed]) -> Report {
    let participants = all.iter().filter_map(|placed| {
        let part = placed.facts.experiment.as_deref()?;
        (part.experiment == experiment.name).then(|| Participant {
            group: part.group,
            ready: placed.facts.ready,
            failing: placed.facts.failing,
            moved: placed.sequence > 1,
            // Of one that has moved it is when the new place was ready.
            ready_after: placed.facts.ready_after.filter(|_| placed.sequence == 1).map(f64::from),
            scores: &part.scores,
        })
    });
    experiment::report(experiment.spec.traffic_share, &participants.collect::<Vec<_>>())
}

/// Whether the variant weighs as every tier does that the experiment applies to.
#[must_use]
pub fn is_aa(snapshot: &Snapshot, experiment: &Named<ExperimentSpec>) -> bool {
    let spec = &experiment.spec;
    let mut tiers = snapshot
        .objects
        .tiers
        .iter()
        .filter(|tier| spec.tier == "*" || spec.tier == reference_name(&tier.name))
        .peekable();
    tiers.peek().is_some() && tiers.all(|tier| tier.spec.weights == spec.variant_weights)
}
