//! What an edit of the catalog would do to a fleet, if every workload were placed anew. None moves.

use std::collections::BTreeMap;

use idp_crds::status::Place;
use serde::Serialize;

use super::comparison::{Comparison, Outcome};
use super::impact::Shift;
use super::{Workload, as_optional_text};
use crate::catalog::Catalog;

/// The effect of an edit.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// How many workloads there are.
    pub workloads: usize,
    /// How many of them would be placed elsewhere, or nowhere any more.
    pub changed: usize,
    /// Their share, 0 to 1.
    pub share: f64,
    /// How many could not be placed any more.
    pub unplaceable: usize,
    /// How many could be placed that cannot now.
    pub newly_placeable: usize,
    /// How many would name no failover target any more.
    pub targets_lost: usize,
    /// How many would name one that name none now.
    pub targets_gained: usize,
    /// The same of those that are changed, by tier.
    pub by_tier: BTreeMap<String, usize>,
    /// Workloads per place, before and after.
    pub load: BTreeMap<String, Shift>,
    /// How many would go from where to where.
    pub moves: BTreeMap<String, usize>,
    /// Every workload that would be decided otherwise.
    pub workloads_changed: Vec<Changed>,
}

/// A workload that would be decided otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Which.
    pub workload: String,
    /// Where it would go without the edit.
    #[serde(serialize_with = "as_optional_text")]
    pub from: Option<Place>,
    /// Where it would go with it.
    #[serde(serialize_with = "as_optional_text")]
    pub to: Option<Place>,
    /// Why nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it would name no failover target any more.
    pub target_lost: bool,
}

/// What becomes of `fleet` when `now` becomes `then`.
#[must_use]
pub fn simulate(now: &Catalog, then: &Catalog, fleet: &[Workload]) -> Simulation {
    let mut simulation = Simulation::default();
    let mut comparison = Comparison::new(now, then);
    for workload in fleet {
        // Without a bound all are compared.
        let Some((before, after)) = comparison.compare(workload.asked()) else { continue };
        let target_lost = simulation.count(&workload.question.tier, before, after);
        if before.place != after.place || target_lost {
            simulation.workloads_changed.push(Changed {
                workload: workload.to_string(),
                from: before.place.clone(),
                to: after.place.clone(),
                why: after.why.clone(),
                target_lost,
            });
        }
    }
    simulation
}

impl Simulation {
    /// Counts a workload of `tier` in, by where it would go before and after: whether it loses its
    /// failover target.
    pub fn count(&mut self, tier: &str, before: &Outcome, after: &Outcome) -> bool {
        self.workloads += 1;
        for (place, is_after) in [(&before.place, false), (&after.place, true)] {
            if let Some(place) = place {
                let shift = self.load.entry(place.to_string()).or_default();
                *(if is_after { &mut shift.after } else { &mut shift.before }) += 1;
            }
        }
        let lost = before.target.is_some() && after.target.is_none();
        let gained = before.target.is_none() && after.target.is_some();
        self.targets_lost += usize::from(lost);
        self.targets_gained += usize::from(gained);
        if before.place != after.place {
            self.changed += 1;
            *self.by_tier.entry(tier.to_owned()).or_default() += 1;
            let shown =
                |place: &Option<Place>| place.as_ref().map_or("nowhere".into(), Place::to_string);
            let way = format!("{} -> {}", shown(&before.place), shown(&after.place));
            *self.moves.entry(way).or_default() += 1;
            self.unplaceable += usize::from(after.place.is_none());
            self.newly_placeable += usize::from(before.place.is_none());
        }
        self.share = self.changed as f64 / self.workloads as f64;
        lost
    }
}
