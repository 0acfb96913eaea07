//! Who is hit when places are lost, and where each would go.

use std::collections::BTreeMap;

use idp_crds::status::Place;
use serde::Serialize;

use super::loss::{Loss, Recovery};
use super::{Question, Workload, as_text};
use crate::schedule::Scheduler;

/// Pairs are looked for among so many places: those with the most workloads.
const MOST_PAIRED: usize = 64;

/// What the loss of some places does to a fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// What is lost.
    pub lost: String,
    /// How many workloads there are.
    pub workloads: usize,
    /// Those that are hit, counted.
    pub total: Tally,
    /// The same by tier.
    pub by_tier: BTreeMap<String, Tally>,
    /// The same by cell.
    pub by_cell: BTreeMap<String, Tally>,
    /// Workloads per place, before and after.
    pub load: BTreeMap<String, Shift>,
    /// Workloads elsewhere whose failover target is lost.
    pub targets_lost: usize,
    /// The two places whose loss together leaves the most workloads nowhere, or else hits the most.
    pub worst_places: Option<Pair>,
    /// The same of providers.
    pub worst_providers: Option<Pair>,
    /// Every workload that is hit.
    pub hit: Vec<Hit>,
}

/// Workloads that are hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// How many.
    pub hit: usize,
    /// How many of them would go elsewhere.
    pub elsewhere: usize,
    /// How many of those would do without something that their tier asks for.
    pub degraded: usize,
    /// How many have nowhere to go.
    pub nowhere: usize,
}

/// How many workloads a place has before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Shift {
    /// Before.
    pub before: usize,
    /// After.
    pub after: usize,
}

/// Two that are lost together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Which two.
    pub lost: String,
    /// What that does.
    #[serde(flatten)]
    pub total: Tally,
}

/// A workload that is hit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// Which.
    pub workload: String,
    /// Its tier.
    pub tier: String,
    /// Where it is.
    #[serde(serialize_with = "as_text")]
    pub from: Place,
    /// Where it would go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What it would do without there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// Why it has nowhere to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Tally {
    fn add(&mut self, recovery: &Recovery, count: usize) {
        self.hit += count;
        match recovery {
            Recovery::To(_) => self.elsewhere += count,
            Recovery::Degraded(..) => {
                self.elsewhere += count;
                self.degraded += count;
            }
            Recovery::Nowhere(_) => self.nowhere += count,
        }
    }
}

/// Workloads that are decided alike: of one question but for the name, at one place.
#[derive(Debug)]
struct Class<'f> {
    place: &'f Place,
    question: Question,
    members: Vec<&'f Workload>,
}

/// What the loss of `loss` does to `fleet`, of which every workload that counts has a place.
#[must_use]
pub fn impact(scheduler: &Scheduler, fleet: &[Workload], loss: &Loss) -> Impact {
    let classes = classes(scheduler, fleet);
    let mut impact = Impact {
        lost: loss.to_string(),
        workloads: fleet.len(),
        total: Tally::default(),
        by_tier: BTreeMap::new(),
        by_cell: BTreeMap::new(),
        load: BTreeMap::new(),
        targets_lost: 0,
        worst_places: worst(scheduler, &classes, &places(&classes)),
        worst_providers: worst(scheduler, &classes, &providers(scheduler)),
        hit: Vec::new(),
    };
    for class in &classes {
        let count = class.members.len();
        impact.load.entry(class.place.to_string()).or_default().before += count;
        if !loss.takes(class.place) {
            impact.load.entry(class.place.to_string()).or_default().after += count;
            let named = |w: &&&Workload| target(scheduler, w).is_some_and(|t| loss.takes(&t));
            impact.targets_lost += class.members.iter().filter(named).count();
            continue;
        }
        let recovery = loss.recovery(scheduler, &class.question);
        impact.total.add(&recovery, count);
        let tier = impact.by_tier.entry(class.question.tier.clone()).or_default();
        tier.add(&recovery, count);
        let (to, without, why) = match &recovery {
            Recovery::To(place) => (Some(place), &[][..], None),
            Recovery::Degraded(place, without) => (Some(place), without.as_slice(), None),
            Recovery::Nowhere(why) => (None, &[][..], Some(why)),
        };
        if let Some(place) = to {
            impact.load.entry(place.to_string()).or_default().after += count;
        }
        for workload in &class.members {
            impact.by_cell.entry(workload.cell.clone()).or_default().add(&recovery, 1);
            impact.hit.push(Hit {
                workload: workload.to_string(),
                tier: class.question.tier.clone(),
                from: class.place.clone(),
                to: to.map(ToString::to_string),
                without: without.to_vec(),
                why: why.cloned(),
            });
        }
    }
    impact.hit.sort_by(|a, b| (a.to.is_some(), &a.workload).cmp(&(b.to.is_some(), &b.workload)));
    impact
}

/// The failover target that a workload's record names.
fn target(scheduler: &Scheduler, workload: &Workload) -> Option<Place> {
    if let Some(record) = &workload.record {
        let target = record.failover.as_ref()?;
        return Some(Place::new(&target.provider, &target.region));
    }
    super::loss::target(&workload.question.decide(scheduler).ok()?)
}

fn classes<'f>(scheduler: &Scheduler, fleet: &'f [Workload]) -> Vec<Class<'f>> {
    // Names count only for who is on which side of an experiment.
    let names_count = scheduler.state().experiments.iter().any(|experiment| experiment.enabled);
    let mut classes: BTreeMap<_, Class<'f>> = BTreeMap::new();
    for workload in fleet {
        let Some(place) = &workload.place else { continue };
        let name = if names_count { workload.question.name.as_str() } else { "" };
        let question = &workload.question;
        let key =
            (place, &workload.occupied, &workload.product, (&question.tier, question.ha, name));
        let class = classes.entry(key).or_insert_with(|| Class {
            place,
            question: workload.moving(),
            members: Vec::new(),
        });
        class.members.push(workload);
    }
    classes.into_values().collect()
}

/// The places in use, those with the most workloads first.
fn places(classes: &[Class<'_>]) -> Vec<Loss> {
    let mut counts: BTreeMap<&Place, usize> = BTreeMap::new();
    for class in classes {
        *counts.entry(class.place).or_default() += class.members.len();
    }
    let mut places: Vec<(&Place, usize)> = counts.into_iter().collect();
    places.sort_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
    places.into_iter().take(MOST_PAIRED).map(|(place, _)| Loss::place(place.clone())).collect()
}

fn providers(scheduler: &Scheduler) -> Vec<Loss> {
    scheduler.providers().iter().take(MOST_PAIRED).map(|name| Loss::provider(name)).collect()
}

/// The two of `single` whose loss together leaves the most nowhere, or else hits the most.
fn worst(scheduler: &Scheduler, classes: &[Class<'_>], single: &[Loss]) -> Option<Pair> {
    let mut worst: Option<Pair> = None;
    for (at, first) in single.iter().enumerate() {
        for second in single.iter().skip(at + 1) {
            let both = Loss {
                providers: [&first.providers[..], &second.providers[..]].concat(),
                places: [&first.places[..], &second.places[..]].concat(),
            };
            let mut total = Tally::default();
            for class in classes.iter().filter(|class| both.takes(class.place)) {
                total.add(&both.recovery(scheduler, &class.question), class.members.len());
            }
            let measure = |tally: &Tally| (tally.nowhere, tally.hit);
            if worst.as_ref().is_none_or(|pair| measure(&total) > measure(&pair.total)) {
                worst = Some(Pair { lost: both.to_string(), total });
            }
        }
    }
    worst
}
