//! What is asked of a scheduler and what it decides by, owned, so that both can be changed and
//! asked again.

use std::collections::{BTreeMap, HashMap};

use idp_crds::contract::{ClaimRequest, Deletion};
use idp_crds::names::DIMENSIONS;
use idp_crds::record::Group;
use idp_crds::status::Place;

use crate::catalog::Catalog;
use crate::compose::product::Product;
use crate::schedule::score::round4;
use crate::schedule::tier_weights::{TierWeights, group};
use crate::schedule::{
    Candidate, Decision, Exclusion, Experiment, Lack, PlacementQuery, Rejection, ScheduleError,
    Scheduler, State, Tier, Unfit, Weights,
};

/// A placement question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The workload's name: decides its side of an experiment.
    pub name: String,
    /// The tier.
    pub tier: String,
    /// Whether the workload must survive the loss of a zone.
    pub ha: bool,
    /// Providers that are out of the question: a move leaves them.
    pub leave: Vec<String>,
    /// Places that are out of the question: the workload is there, or has left something.
    pub not_to: Vec<Place>,
    /// Providers that the product is not offered on.
    pub not_offered: Vec<String>,
    /// Places that cannot serve the product as it is asked for, and what each lacks.
    pub unfit: Vec<(Place, Lack)>,
}

impl Question {
    /// A first placement of a workload of no product in particular.
    #[must_use]
    pub fn new(name: &str, tier: &str, ha: bool) -> Self {
        Question {
            name: name.to_owned(),
            tier: tier.to_owned(),
            ha,
            leave: Vec::new(),
            not_to: Vec::new(),
            not_offered: Vec::new(),
            unfit: Vec::new(),
        }
    }

    /// A first placement of a workload of `product`.
    #[must_use]
    pub fn of(catalog: &Catalog, product: &Product, name: &str, request: &ClaimRequest) -> Self {
        let mut question = Question::new(name, &request.tier, request.ha);
        question.not_offered = not_offered(catalog.scheduler(), product);
        question.unfit = catalog.lacking(product, request);
        question
    }

    /// A first placement of a workload of `product` that asks for nothing but what it must.
    #[must_use]
    pub fn plain(catalog: &Catalog, product: &Product, name: &str, tier: &str, ha: bool) -> Self {
        let defaults = product.spec.parameters.iter();
        let defaults = defaults.filter_map(|p| Some((p.name.clone(), p.default.clone()?)));
        let request = ClaimRequest {
            cell: String::new(),
            tier: tier.to_owned(),
            environment: "production".to_owned(),
            ha,
            deletion: Deletion::default(),
            params: defaults.collect(),
        };
        Question::of(catalog, product, name, &request)
    }

    /// Asks `ask` with the question in the form of `scheduler`.
    fn asked<T>(&self, scheduler: &Scheduler, ask: impl FnOnce(&PlacementQuery<'_>) -> T) -> T {
        let mut lacks: HashMap<(&str, &str), Vec<&Lack>> = HashMap::new();
        for (place, lack) in &self.unfit {
            lacks.entry(place.parts()).or_default().push(lack);
        }
        let candidates = scheduler.candidates().iter().enumerate();
        let unfit = candidates.flat_map(|(position, candidate)| {
            let there = lacks.get(&(candidate.provider.as_str(), candidate.region.as_str()));
            let there = there.into_iter().flatten();
            there.map(move |lack| Unfit { position, lack: (*lack).clone() })
        });
        let unfit: Vec<Unfit> = unfit.collect();
        let providers: Vec<String> = self.leave.iter().chain(&self.not_offered).cloned().collect();
        let places: Vec<(&str, &str)> = self.not_to.iter().map(Place::parts).collect();
        ask(&PlacementQuery {
            name: &self.name,
            tier: &self.tier,
            ha: self.ha,
            exclude: Exclusion { providers: &providers, places: &places },
            unfit: &unfit,
        })
    }

    /// Decides.
    ///
    /// # Errors
    /// When nothing can be selected.
    pub fn decide<'s>(&self, scheduler: &'s Scheduler) -> Result<Decision<'s>, ScheduleError> {
        self.asked(scheduler, |query| scheduler.decide(query))
    }

    /// Decides it as a move.
    ///
    /// # Errors
    /// As [`Scheduler::relocate`].
    pub fn relocate<'s>(&self, scheduler: &'s Scheduler) -> Result<Decision<'s>, ScheduleError> {
        self.asked(scheduler, |query| scheduler.relocate(query))
    }

    /// The place that is selected, if one is.
    #[must_use]
    pub fn selects(&self, scheduler: &Scheduler) -> Option<Place> {
        self.decide(scheduler).ok().map(|decision| decision.selected().place())
    }

    /// Every candidate, with why it is not in the ranking; empty for an unknown tier.
    #[must_use]
    pub fn standings<'s>(
        &self,
        scheduler: &'s Scheduler,
    ) -> Vec<(&'s Candidate, Option<Rejection>)> {
        self.asked(scheduler, |query| scheduler.standings(query)).unwrap_or_default()
    }
}

/// The providers with a candidate that `product` is not offered on.
#[must_use]
pub fn not_offered(scheduler: &Scheduler, product: &Product) -> Vec<String> {
    let providers = scheduler.providers().iter();
    providers.filter(|provider| product.provider(provider).is_none()).cloned().collect()
}

/// Everything that a decision depends on beside the question.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inputs {
    /// The candidates, in order.
    pub candidates: Vec<Candidate>,
    /// The tiers by name.
    pub tiers: BTreeMap<String, Tier>,
    /// Health, experiments, flags.
    pub state: State,
}

impl Inputs {
    /// What `scheduler` decides by.
    #[must_use]
    pub fn of(scheduler: &Scheduler) -> Self {
        let tiers = scheduler
            .tier_names()
            .filter_map(|name| Some((name.to_owned(), scheduler.tier(name)?.clone())));
        Inputs {
            candidates: scheduler.candidates().to_vec(),
            tiers: tiers.collect(),
            state: scheduler.state().clone(),
        }
    }

    /// A scheduler that decides by it.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.candidates.clone(), self.tiers.clone(), self.state.clone())
    }
}

/// The weights that count for `question`, after experiment and flag, and its side of the
/// experiment; none for an unknown tier.
#[must_use]
pub fn weights(scheduler: &Scheduler, question: &Question) -> Option<(Weights, Group)> {
    let tier = scheduler.tier(&question.tier)?;
    let weights = TierWeights::new(&question.tier, &tier.weights, scheduler.state());
    let experiment = weights.experiment(&question.name);
    let group = experiment.map_or(Group::Control, |experiment| experiment.group);
    Some((weights.of(group).clone(), group))
}

/// A candidate's score, 0 where it has none.
#[must_use]
pub fn score(candidate: &Candidate, dimension: &str) -> f64 {
    candidate.scores.get(dimension).copied().unwrap_or(0.0)
}

/// Weights as numbers.
pub fn numbers(weights: &Weights) -> impl Iterator<Item = (&str, f64)> {
    weights.0.iter().map(|(name, weight)| (name.as_str(), weight.as_f64().unwrap_or(0.0)))
}

/// A candidate's total: the scheduler's sum, in the scheduler's order and rounding.
#[must_use]
pub fn total(candidate: &Candidate, weights: &Weights) -> f64 {
    round4(numbers(weights).fold(0.0, |sum, (name, weight)| sum + score(candidate, name) * weight))
}

/// The dimensions that `weights` can be made of: its own, and those that every tier knows.
#[must_use]
pub fn dimensions(weights: &Weights) -> Vec<String> {
    let mut all: Vec<String> = weights.0.iter().map(|(name, _)| name.clone()).collect();
    for known in DIMENSIONS {
        if !all.iter().any(|name| name == known) {
            all.push(known.to_owned());
        }
    }
    all
}

/// The experiment that is in force for `tier`, if one is.
fn in_force<'s>(scheduler: &'s Scheduler, tier: &str) -> Option<&'s Experiment> {
    let mut experiments = scheduler.state().experiments.iter();
    experiments.find(|e| e.enabled && (e.tier == "*" || e.tier == tier))
}

/// The side of the experiment that is in force for `tier` on which a workload of this name is.
#[must_use]
pub fn side(scheduler: &Scheduler, tier: &str, name: &str) -> Option<Group> {
    in_force(scheduler, tier).map(|experiment| group(experiment, name))
}

/// A name that falls on `side` of the experiment that is in force for `tier`; any name where none
/// is, and none where no name was found.
///
/// Records do not hold the workload's name, and all names on one side are decided alike.
#[must_use]
pub fn name_on(scheduler: &Scheduler, tier: &str, side: Group) -> Option<String> {
    let Some(experiment) = in_force(scheduler, tier) else {
        return Some("workload".to_owned());
    };
    let names = (0..100_000_u32).map(|number| format!("workload-{number}"));
    names.into_iter().find(|name| group(experiment, name) == side)
}
