//! What an edit of the catalog would do to a fleet, if every workload were placed anew. None moves.

use std::collections::BTreeMap;

use idp_crds::status::Place;
use serde::Serialize;

use super::impact::Shift;
use super::loss::target;
use super::{Question, Workload, as_optional_text};
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

/// Where one workload goes, and would fail over to.
struct Outcome {
    place: Option<Place>,
    target: Option<Place>,
    why: Option<String>,
}

/// What becomes of `fleet` when `now` becomes `then`.
#[must_use]
pub fn simulate(now: &Catalog, then: &Catalog, fleet: &[Workload]) -> Simulation {
    let mut simulation = Simulation { workloads: fleet.len(), ..Simulation::default() };
    let (offered_now, offered_then) = (Offered::of(now), Offered::of(then));
    for workload in fleet {
        let before = offered_now.outcome(workload);
        let after = offered_then.outcome(workload);
        for (place, after) in [(&before.place, false), (&after.place, true)] {
            if let Some(place) = place {
                let shift = simulation.load.entry(place.to_string()).or_default();
                *(if after { &mut shift.after } else { &mut shift.before }) += 1;
            }
        }
        let target_lost = before.target.is_some() && after.target.is_none();
        simulation.targets_lost += usize::from(target_lost);
        let gained = before.target.is_none() && after.target.is_some();
        simulation.targets_gained += usize::from(gained);
        let is_changed = before.place != after.place;
        if is_changed {
            simulation.changed += 1;
            let tier = workload.question.tier.clone();
            *simulation.by_tier.entry(tier).or_default() += 1;
            let shown =
                |place: &Option<Place>| place.as_ref().map_or("nowhere".into(), Place::to_string);
            let way = format!("{} -> {}", shown(&before.place), shown(&after.place));
            *simulation.moves.entry(way).or_default() += 1;
            simulation.unplaceable += usize::from(after.place.is_none());
            simulation.newly_placeable += usize::from(before.place.is_none());
        }
        if is_changed || target_lost {
            simulation.workloads_changed.push(Changed {
                workload: workload.to_string(),
                from: before.place,
                to: after.place,
                why: after.why,
                target_lost,
            });
        }
    }
    if !fleet.is_empty() {
        simulation.share = simulation.changed as f64 / fleet.len() as f64;
    }
    simulation
}

/// A catalog, to be asked.
struct Offered<'c> {
    catalog: &'c Catalog,
}

impl<'c> Offered<'c> {
    fn of(catalog: &'c Catalog) -> Self {
        Offered { catalog }
    }

    /// Of a first placement.
    fn outcome(&self, workload: &Workload) -> Outcome {
        let Some(product) = self.catalog.product(&workload.product) else {
            let why = Some(format!("there is no Product {}", workload.product));
            return Outcome { place: None, target: None, why };
        };
        let Question { name, tier, ha, .. } = &workload.question;
        let question = Question::plain(self.catalog, product, name, tier, *ha);
        match question.decide(self.catalog.scheduler()) {
            Ok(decision) => {
                let place = Some(decision.selected().place());
                Outcome { place, target: target(&decision), why: None }
            }
            Err(error) => Outcome { place: None, target: None, why: Some(error.to_string()) },
        }
    }
}
