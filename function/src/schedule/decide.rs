//! Selection: the best candidate, the runners-up, the failover target.

use std::borrow::Cow;
use std::collections::BTreeMap;

use idp_crds::record::ExperimentGroup;

use super::pool::Pool;
use super::weights::{self, Weights};
use super::{Candidate, Exclusion, Request, ScheduleError, State, Tier, digest, gates, reason, score};

/// Makes decisions from one catalog. Everything that does not depend on the request is worked out when it is made.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) pool: Pool,
    pub(super) state: State,
    tiers: BTreeMap<String, TierPlan>,
    digest: String,
}

/// A tier with its gates checked against every candidate, without and with `ha`.
#[derive(Debug)]
struct TierPlan {
    tier: Tier,
    plain: GatePlan,
    ha: GatePlan,
}

#[derive(Debug)]
struct GatePlan {
    gates: Vec<String>,
    /// Per candidate, whether it passes.
    passes: Vec<bool>,
    /// Per candidate, whether it can be a failover target, for tiers that name one.
    failover: Option<Vec<bool>>,
}

/// A decision: what is selected, and what is needed to say why.
#[derive(Debug)]
pub struct Decision<'s> {
    pub(super) scheduler: &'s Scheduler,
    pub(super) tier_name: &'s str,
    pub(super) tier: &'s Tier,
    pub(super) ha: bool,
    pub(super) gates: &'s [String],
    pub(super) weights: Cow<'s, Weights>,
    pub(super) experiment: Option<ExperimentGroup>,
    pub(super) selected: Contender<'s>,
    /// The best, at most three, best first.
    pub(super) top: Vec<Contender<'s>>,
    pub(super) failover: Option<Contender<'s>>,
    pub(super) evaluated: u64,
    pub(super) healthy: u64,
    pub(super) passed: u64,
    /// Per provider, whether it was excluded.
    pub(super) excluded: Excluded,
}

/// A candidate with its rounded total.
#[derive(Debug, Clone, Copy)]
pub struct Contender<'s> {
    /// The candidate.
    pub candidate: &'s Candidate,
    /// Its place in the candidates' order.
    position: usize,
    /// Its total score, rounded to 4 decimals.
    pub total: f64,
}

impl Scheduler {
    /// Prepares decisions over `candidates` (their order breaks ties) for `tiers`.
    #[must_use]
    pub fn new(candidates: Vec<Candidate>, tiers: BTreeMap<String, Tier>, state: State) -> Self {
        let digest = digest::digest(&candidates, tiers.iter().map(|(name, tier)| (name.as_str(), tier)), &state);
        let tiers = tiers.into_iter().map(|(name, tier)| (name, TierPlan::new(tier, &candidates))).collect();
        let pool = Pool::new(candidates, &state);
        Scheduler { pool, state, tiers, digest }
    }

    /// SHA-256, hex, over everything decisions depend on beside the request.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The candidates, in order.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.pool.candidates
    }

    /// The names of the tiers, in order of name.
    pub fn tier_names(&self) -> impl Iterator<Item = &str> {
        self.tiers.keys().map(String::as_str)
    }

    /// A tier by name.
    #[must_use]
    pub fn tier(&self, name: &str) -> Option<&Tier> {
        self.tiers.get(name).map(|plan| &plan.tier)
    }

    /// The gates that a placement of this tier must pass, in order; none for an unknown tier.
    #[must_use]
    pub fn gates(&self, tier: &str, ha: bool) -> Option<&[String]> {
        self.tiers.get(tier).map(|plan| plan.gates(ha).gates.as_slice())
    }

    /// Decides where a workload goes.
    ///
    /// # Errors
    /// In this order: the tier is unknown; there are no candidates; none is healthy; none passes the gates.
    pub fn decide(&self, request: &Request<'_>) -> Result<Decision<'_>, ScheduleError> {
        let Some((tier_name, plan)) = self.tiers.get_key_value(request.tier) else {
            return Err(ScheduleError::unknown_tier(request.tier));
        };
        let gate_plan = plan.gates(request.ha);
        let (weights, experiment) = if self.state.experiments.is_empty() && self.state.flags.is_empty() {
            (Cow::Borrowed(&plan.tier.weights), None)
        } else {
            let (weights, experiment) = weights::resolve(tier_name, &plan.tier.weights, &self.state, request.name);
            (Cow::Owned(weights), experiment)
        };
        let columns = weights.iter().map(|(dimension, weight)| (weight, self.pool.column(dimension)));
        let totals = score::totals(self.pool.candidates.len(), columns);
        let excluded = Excluded::new(&self.pool, request.exclude);

        let mut survey = Survey::new(self.pool.providers.len());
        let passes = gate_plan.passes.iter().copied();
        let failover: &[bool] = gate_plan.failover.as_deref().unwrap_or_default();
        let mut failover_passes = failover.iter().copied().chain(std::iter::repeat(false));
        let rows = self.pool.candidates.iter().zip(&self.pool.provider_of).zip(&self.pool.healthy).zip(passes).zip(&totals);
        for (position, ((((candidate, provider), healthy), passes), total)) in rows.enumerate() {
            let can_fail_over = failover_passes.next().unwrap_or(false);
            if excluded.contains(candidate, *provider) {
                continue;
            }
            survey.evaluated += 1;
            if *healthy {
                survey.healthy += 1;
                let contender = Contender { candidate, position, total: *total };
                if passes {
                    survey.add(contender);
                }
                if can_fail_over {
                    survey.add_failover(*provider, Target { full: passes, contender });
                }
            }
        }

        if survey.evaluated == 0 {
            return Err(ScheduleError::empty_pool());
        }
        let Some(selected) = survey.top.first().copied() else {
            return Err(self.nothing_passes(tier_name, gate_plan, &excluded, survey.healthy));
        };
        let failover = survey.best_elsewhere(&self.pool.providers, &selected.candidate.provider);
        Ok(Decision {
            scheduler: self,
            tier_name,
            tier: &plan.tier,
            ha: request.ha,
            gates: &gate_plan.gates,
            weights,
            experiment,
            failover,
            evaluated: survey.evaluated,
            healthy: survey.healthy,
            passed: survey.passed,
            selected,
            top: survey.top,
            excluded,
        })
    }

    fn nothing_passes(&self, tier: &str, plan: &GatePlan, excluded: &Excluded, healthy: u64) -> ScheduleError {
        let skipped = reason::skipped(self, excluded);
        if healthy == 0 {
            return ScheduleError::no_healthy(skipped);
        }
        let failures = self
            .considered(excluded)
            .map(|candidate| {
                let mut failures: Vec<String> = gates::missing(candidate, &plan.gates).map(reason::missing_capability).collect();
                failures.sort();
                (reason::place(candidate), failures)
            })
            .collect();
        ScheduleError::no_gates(tier, failures, skipped)
    }

    /// Healthy candidates that are not excluded, in order.
    fn considered<'a>(&'a self, excluded: &'a Excluded) -> impl Iterator<Item = &'a Candidate> {
        let pool = &self.pool;
        pool.candidates
            .iter()
            .zip(&pool.provider_of)
            .zip(&pool.healthy)
            .filter(|((candidate, provider), healthy)| **healthy && !excluded.contains(candidate, **provider))
            .map(|((candidate, _), _)| candidate)
    }
}

impl<'s> Decision<'s> {
    /// Where the workload goes.
    #[must_use]
    pub fn selected(&self) -> &'s Candidate {
        self.selected.candidate
    }

    /// The best, at most three, best first.
    #[must_use]
    pub fn ranking(&self) -> &[Contender<'s>] {
        &self.top
    }

    /// Where to go when the selected place fails.
    #[must_use]
    pub fn failover(&self) -> Option<Contender<'s>> {
        self.failover
    }
}

impl TierPlan {
    fn new(tier: Tier, candidates: &[Candidate]) -> Self {
        let plan = |ha: bool| {
            let gates = gates::effective(&tier.gates, ha);
            let failover = tier.failover.as_ref().map(|rule| {
                let gates = gates::effective(&rule.gates, ha);
                candidates.iter().map(|candidate| gates::passes(candidate, &gates)).collect()
            });
            let passes = candidates.iter().map(|candidate| gates::passes(candidate, &gates)).collect();
            GatePlan { gates, passes, failover }
        };
        let (plain, ha) = (plan(false), plan(true));
        TierPlan { tier, plain, ha }
    }

    fn gates(&self, ha: bool) -> &GatePlan {
        if ha { &self.ha } else { &self.plain }
    }
}

/// Which places are out of the question, by position of the provider.
#[derive(Debug)]
pub(super) struct Excluded {
    providers: Vec<bool>,
    places: Vec<(String, String)>,
}

impl Excluded {
    fn new(pool: &Pool, exclude: Exclusion<'_>) -> Self {
        let providers = if exclude.providers.is_empty() {
            Vec::new()
        } else {
            pool.providers.iter().map(|provider| exclude.providers.contains(provider)).collect()
        };
        let places = exclude.places.iter().map(|(provider, region)| ((*provider).to_owned(), (*region).to_owned())).collect();
        Excluded { providers, places }
    }

    pub(super) fn contains(&self, candidate: &Candidate, provider: u32) -> bool {
        self.providers.get(provider as usize).copied().unwrap_or(false)
            || self.places.iter().any(|(provider, region)| *provider == candidate.provider && *region == candidate.region)
    }
}

/// A failover target: one that also passes all of the tier's own gates goes before one that does not.
#[derive(Debug, Clone, Copy)]
struct Target<'s> {
    full: bool,
    contender: Contender<'s>,
}

impl Target<'_> {
    fn is_better_than(&self, other: &Target<'_>) -> bool {
        let (a, b) = (&self.contender, &other.contender);
        // Between equals the candidates' order decides.
        (self.full, a.total) > (other.full, b.total) || ((self.full, a.total) == (other.full, b.total) && a.position < b.position)
    }
}

/// One pass over the candidates.
struct Survey<'s> {
    evaluated: u64,
    healthy: u64,
    passed: u64,
    top: Vec<Contender<'s>>,
    /// Per provider, its best failover target.
    failover: Vec<Option<Target<'s>>>,
}

impl<'s> Survey<'s> {
    fn new(providers: usize) -> Self {
        Survey { evaluated: 0, healthy: 0, passed: 0, top: Vec::with_capacity(4), failover: vec![None; providers] }
    }

    /// Candidates come in their order, so one that only equals a contender stays behind it.
    fn add(&mut self, contender: Contender<'s>) {
        self.passed += 1;
        if self.top.len() == 3 && self.top.last().is_some_and(|third| third.total >= contender.total) {
            return;
        }
        let at = self.top.iter().position(|other| contender.total > other.total).unwrap_or(self.top.len());
        self.top.insert(at, contender);
        self.top.truncate(3);
    }

    fn add_failover(&mut self, provider: u32, target: Target<'s>) {
        if let Some(best) = self.failover.get_mut(provider as usize)
            && best.is_none_or(|best| target.is_better_than(&best))
        {
            *best = Some(target);
        }
    }

    /// The best target of another provider.
    fn best_elsewhere(&self, providers: &[String], selected: &str) -> Option<Contender<'s>> {
        let elsewhere = providers.iter().zip(&self.failover).filter(|(provider, _)| *provider != selected);
        let best = elsewhere.filter_map(|(_, best)| *best).reduce(|a, b| if b.is_better_than(&a) { b } else { a });
        best.map(|target| target.contender)
    }
}
