//! The smallest single change after which a place wins, and what unseats the winner.
//!
//! Found over the candidates' totals, which is fast, and kept only where deciding again agrees.

use idp_crds::record::Group;
use idp_crds::status::Place;
use serde::Serialize;

use super::as_optional_text;
use super::change::{Change, STEPS, reweighted};
use super::question::{Inputs, Question, dimensions, numbers, score, total, weights};
use crate::schedule::tier_weights::TierWeights;
use crate::schedule::{Candidate, Circuit, Rejection, Scheduler, Weights};

/// A question with everything that is needed to vary it.
pub struct Variations<'s> {
    scheduler: &'s Scheduler,
    question: &'s Question,
    inputs: Inputs,
    standings: Vec<(&'s Candidate, Option<Rejection>)>,
    /// The weights that count.
    weights: Weights,
    group: Group,
    selected: Option<Place>,
    /// Per dimension and step, who would win at that weight.
    sweep: Vec<(String, Vec<Option<usize>>)>,
}

/// A change that unseats the winner, and who wins then.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flip {
    /// The change.
    pub change: Change,
    /// Who wins then; none where nothing can be selected any more.
    #[serde(serialize_with = "as_optional_text")]
    pub winner: Option<Place>,
}

impl<'s> Variations<'s> {
    /// Of this question to this scheduler.
    #[must_use]
    pub fn new(scheduler: &'s Scheduler, question: &'s Question) -> Self {
        let inputs = Inputs::of(scheduler);
        let decision = question.decide(scheduler).ok();
        let (weights, group) =
            weights(scheduler, question).unwrap_or_else(|| (Weights::default(), Group::Control));
        let mut variations = Variations {
            scheduler,
            question,
            inputs,
            standings: question.standings(scheduler),
            weights,
            group,
            selected: decision.map(|decision| decision.selected().place()),
            sweep: Vec::new(),
        };
        variations.sweep = variations.swept();
        variations
    }

    /// Every candidate, with why it is not in the ranking.
    #[must_use]
    pub fn standings(&self) -> &[(&'s Candidate, Option<Rejection>)] {
        &self.standings
    }

    /// The experiment whose weights count, on its variant's side.
    #[must_use]
    pub fn experiment(&self) -> Option<String> {
        self.own_weights().and_then(|(experiment, _)| experiment)
    }

    /// The weights that count, after experiment and flag.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The single changes after each of which `place` would be selected, at most one of a kind and
    /// dimension, each the smallest of its kind; empty for the selected place, and where none
    /// suffices.
    #[must_use]
    pub fn changes(&self, place: &Place) -> Vec<Change> {
        if self.selected.as_ref() == Some(place) {
            return Vec::new();
        }
        let mut found = Vec::new();
        let standing = self.standings.iter().enumerate().find(|(_, (c, _))| c.place() == *place);
        if let Some((position, (candidate, rejection))) = standing {
            match rejection {
                None => {
                    found.extend(self.raised_scores(position, candidate));
                    found.extend(self.weights_for(|winner| winner == Some(position)));
                }
                Some(Rejection::MissingCapabilities(missing)) => {
                    if let [capability] = missing.as_slice() {
                        let (place, capability) = (place.clone(), capability.clone());
                        found.push(Change::Capability { place, capability });
                    }
                }
                Some(Rejection::Unhealthy(_)) => found.extend(self.switched_on(candidate)),
                Some(_) => {}
            }
        }
        found.push(Change::Ha { to: !self.question.ha });
        let tiers = self.scheduler.tier_names().filter(|tier| *tier != self.question.tier);
        found.extend(tiers.map(|tier| Change::Tier { to: tier.to_owned() }));
        found.retain(|change| self.after(change).as_ref() == Some(place));
        found.sort_by(|a, b| a.size().total_cmp(&b.size()));
        found
    }

    /// The smallest changes of one weight, and of one score of the winner, after each of which
    /// another place is selected.
    #[must_use]
    pub fn flips(&self) -> Vec<Flip> {
        let Some(selected) = &self.selected else { return Vec::new() };
        let at = self.standings.iter().position(|(c, _)| c.place() == *selected);
        let mut changes = self.weights_for(|winner| winner != at);
        if let Some((position, (candidate, _))) =
            at.and_then(|at| Some((at, self.standings.get(at)?)))
        {
            changes.extend(self.lowered_scores(position, candidate));
        }
        let mut flips: Vec<Flip> = changes
            .into_iter()
            .map(|change| Flip { winner: self.after(&change), change })
            .filter(|flip| flip.winner.as_ref() != Some(selected))
            .collect();
        flips.sort_by(|a, b| a.change.size().total_cmp(&b.change.size()));
        flips
    }

    /// Who is selected after `change`: decided again.
    #[must_use]
    pub fn after(&self, change: &Change) -> Option<Place> {
        let mut question = self.question.clone();
        if matches!(change, Change::Ha { .. } | Change::Tier { .. }) {
            change.apply(&mut Inputs::default(), &mut question);
            return question.selects(self.scheduler);
        }
        let mut inputs = self.inputs.clone();
        change.apply(&mut inputs, &mut question);
        question.selects(&inputs.scheduler())
    }

    fn passing(&self) -> impl Iterator<Item = (usize, &'s Candidate)> {
        let standings = self.standings.iter().enumerate();
        standings.filter(|(_, (_, why))| why.is_none()).map(|(at, (candidate, _))| (at, *candidate))
    }

    /// The best of those that pass, but for one.
    fn best_without(&self, without: usize) -> Option<(usize, f64)> {
        best(self.passing().filter(|(at, _)| *at != without), &self.weights)
    }

    /// The smallest raise of each of a passing candidate's scores after which it wins. Totals only
    /// grow with a score, so that halving finds it.
    fn raised_scores(&self, position: usize, candidate: &Candidate) -> Vec<Change> {
        let Some(rival) = self.best_without(position) else { return Vec::new() };
        let wins = |dimension: &str, step: u32| {
            beats((position, self.total_with(candidate, dimension, step)), rival)
        };
        let raise = |dimension: &str| {
            let from = score(candidate, dimension);
            let first = (from * f64::from(STEPS) + 1e-9).floor() as u32 + 1;
            if first > STEPS || !wins(dimension, STEPS) {
                return None;
            }
            let (mut low, mut high) = (first, STEPS);
            while low < high {
                let middle = low + (high - low) / 2;
                if wins(dimension, middle) { high = middle } else { low = middle + 1 }
            }
            Some(self.score_change(candidate, dimension, from, low))
        };
        numbers(&self.weights).filter_map(|(dimension, _)| raise(dimension)).collect()
    }

    /// The smallest cut of each of the winner's scores after which it loses.
    fn lowered_scores(&self, position: usize, candidate: &Candidate) -> Vec<Change> {
        let Some(rival) = self.best_without(position) else { return Vec::new() };
        let loses = |dimension: &str, step: u32| {
            !beats((position, self.total_with(candidate, dimension, step)), rival)
        };
        let cut = |dimension: &str| {
            let from = score(candidate, dimension);
            let first = (from * f64::from(STEPS) - 1e-9).ceil() as u32;
            if first == 0 || !loses(dimension, 0) {
                return None;
            }
            let (mut low, mut high) = (0, first - 1);
            while low < high {
                let middle = low + (high - low).div_ceil(2);
                if loses(dimension, middle) { low = middle } else { high = middle - 1 }
            }
            Some(self.score_change(candidate, dimension, from, low))
        };
        numbers(&self.weights).filter_map(|(dimension, _)| cut(dimension)).collect()
    }

    fn total_with(&self, candidate: &Candidate, dimension: &str, step: u32) -> f64 {
        let sum = numbers(&self.weights).fold(0.0, |sum, (name, weight)| {
            let value = if name == dimension { at_step(step) } else { score(candidate, name) };
            sum + value * weight
        });
        crate::schedule::score::round4(sum)
    }

    fn score_change(&self, candidate: &Candidate, dimension: &str, from: f64, step: u32) -> Change {
        let (place, dimension) = (candidate.place(), dimension.to_owned());
        Change::Score { place, dimension, from, to: at_step(step) }
    }

    /// The weights that may be edited: the tier's own, or the experiment's on its variant's side.
    fn own_weights(&self) -> Option<(Option<String>, &Weights)> {
        if self.group == Group::Variant {
            let mut experiments = self.inputs.state.experiments.iter();
            let tier = &self.question.tier;
            let experiment =
                experiments.find(|e| e.enabled && (e.tier == "*" || e.tier == *tier))?;
            return Some((Some(experiment.id.clone()), &experiment.weights));
        }
        Some((None, &self.inputs.tiers.get(&self.question.tier)?.weights))
    }

    /// Who would win at every step of every weight. Rounding makes totals uneven where they are
    /// close, so that every step is tried.
    fn swept(&self) -> Vec<(String, Vec<Option<usize>>)> {
        let Some((_, own)) = self.own_weights() else { return Vec::new() };
        let passing: Vec<(usize, &Candidate)> = self.passing().collect();
        if passing.len() < 2 {
            return Vec::new();
        }
        // Only the flags count here: the experiment is chosen already.
        let state = crate::schedule::State {
            flags: self.inputs.state.flags.clone(),
            ..crate::schedule::State::default()
        };
        let winner = |dimension: &str, step: u32| {
            let own = reweighted(own, dimension, at_step(step));
            let weights = TierWeights::new(&self.question.tier, &own, &state);
            best(passing.iter().copied(), weights.of(Group::Control)).map(|(position, _)| position)
        };
        let swept = |dimension: String| {
            let winners = (0..=STEPS).map(|step| winner(&dimension, step)).collect();
            (dimension, winners)
        };
        dimensions(own).into_iter().map(swept).collect()
    }

    /// For each dimension the weight nearest to the present one at which `wanted` holds of the
    /// winner.
    fn weights_for(&self, wanted: impl Fn(Option<usize>) -> bool) -> Vec<Change> {
        let Some((experiment, own)) = self.own_weights() else { return Vec::new() };
        let nearest = |(dimension, winners): &(String, Vec<Option<usize>>)| {
            let from = numbers(own).find(|(name, _)| name == dimension).map_or(0.0, |(_, w)| w);
            let steps = (0_u32..).zip(winners).filter(|(_, winner)| wanted(**winner));
            let distance = |step: u32| (at_step(step) - from).abs();
            let (step, _) = steps
                .filter(|(step, _)| distance(*step) > 1e-9)
                .min_by(|(a, _), (b, _)| distance(*a).total_cmp(&distance(*b)))?;
            Some(Change::Weight {
                experiment: experiment.clone(),
                tier: self.question.tier.clone(),
                dimension: dimension.clone(),
                from,
                to: at_step(step),
            })
        };
        self.sweep.iter().filter_map(nearest).collect()
    }

    /// The one switch that keeps a candidate out, if it is one.
    fn switched_on(&self, candidate: &Candidate) -> Option<Change> {
        let health = self.inputs.state.providers.get(&candidate.provider);
        let mut off = Vec::new();
        let provider = candidate.provider.clone();
        if health.is_some_and(|health| !health.healthy) {
            off.push(Change::Healthy { provider: provider.clone(), place: None });
        }
        if !candidate.healthy {
            let place = Some(candidate.place());
            off.push(Change::Healthy { provider: provider.clone(), place });
        }
        if health.is_some_and(|health| health.circuit == Circuit::Open) {
            off.push(Change::CircuitCloses { provider: provider.clone(), region: None });
        }
        if health.is_some_and(|health| health.open_regions.contains(&candidate.region)) {
            let region = Some(candidate.region.clone());
            off.push(Change::CircuitCloses { provider, region });
        }
        if off.len() == 1 { off.pop() } else { None }
    }
}

fn at_step(step: u32) -> f64 {
    f64::from(step) / f64::from(STEPS)
}

/// The best by total, the first of equals.
fn best<'c>(
    candidates: impl Iterator<Item = (usize, &'c Candidate)>,
    weights: &Weights,
) -> Option<(usize, f64)> {
    let scored = candidates.map(|(at, candidate)| (at, total(candidate, weights)));
    scored.reduce(|best, next| if beats(next, best) { next } else { best })
}

fn beats((a_at, a): (usize, f64), (b_at, b): (usize, f64)) -> bool {
    a > b || (a == b && a_at < b_at)
}
