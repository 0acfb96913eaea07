//! Selection: the best candidate, the runners-up, the failover target.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use idp_crds::record::{ExperimentGroup, Group};

use super::decision_text::FirstDecisionCache;
use super::pool::{Excluded, Pool};
use super::ranking::{Entry, Ranking};
use super::rejection::{missing_capability, skipped};
use super::tier_weights::TierWeights;
use super::weights::Weights;
use super::{
    Candidate, Lack, PlacementQuery, Rejection, ScheduleError, State, Tier, Unfit, digest, gates,
};

/// How many candidates a record ranks.
const RANKED: usize = 3;

/// Makes decisions from one catalog. What does not depend on the request is worked out once: with
/// the scheduler, or at the first request that needs it.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) pool: Pool,
    pub(super) state: State,
    tiers: BTreeMap<String, TierPlan>,
    digest: String,
}

/// A tier, with the candidates ranked for every kind of request it can get.
#[derive(Debug)]
struct TierPlan {
    tier: Tier,
    weights: TierWeights,
    control: Rankings,
    variant: Rankings,
}

/// The candidates ranked by one set of weights.
#[derive(Debug, Default)]
struct Rankings {
    plain: OnceLock<Ranking>,
    ha: OnceLock<Ranking>,
}

/// A decision: what is selected, and what is needed to say why.
#[derive(Debug)]
pub struct Decision<'s> {
    pub(super) scheduler: &'s Scheduler,
    pub(super) tier_name: &'s str,
    pub(super) tier: &'s Tier,
    pub(super) ha: bool,
    pub(super) gates: &'s [String],
    pub(super) weights: &'s Weights,
    pub(super) experiment: Option<ExperimentGroup>,
    pub(super) selected: RankedCandidate<'s>,
    /// The best, at most three, best first.
    pub(super) top: Vec<RankedCandidate<'s>>,
    pub(super) failover: Option<RankedCandidate<'s>>,
    pub(super) evaluated: u64,
    pub(super) healthy: u64,
    pub(super) passed: u64,
    pub(super) excluded: Excluded,
    pub(super) unfit: Vec<Unfit>,
    /// What the selected place lacks of the tier's gates: only a move goes without.
    pub(super) degraded: Vec<String>,
    pub(super) first: &'s FirstDecisionCache,
}

/// A candidate with its rounded total.
#[derive(Debug, Clone, Copy)]
pub struct RankedCandidate<'s> {
    /// The candidate.
    pub candidate: &'s Candidate,
    /// Its total score, rounded to 4 decimals.
    pub total: f64,
}

impl Scheduler {
    /// Prepares decisions over `candidates` (their order breaks ties) for `tiers`. Schedulers of
    /// other states can share the candidates.
    #[must_use]
    pub fn new(
        candidates: impl Into<Arc<[Candidate]>>,
        tiers: BTreeMap<String, Tier>,
        state: State,
    ) -> Self {
        let candidates = candidates.into();
        let digest = digest::digest(
            &candidates,
            tiers.iter().map(|(name, tier)| (name.as_str(), tier)),
            &state,
        );
        let tiers = tiers
            .into_iter()
            .map(|(name, tier)| {
                let weights = TierWeights::new(&name, &tier.weights, &state);
                (
                    name,
                    TierPlan {
                        tier,
                        weights,
                        control: Rankings::default(),
                        variant: Rankings::default(),
                    },
                )
            })
            .collect();
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

    /// The providers that have a candidate, each once.
    #[must_use]
    pub fn providers(&self) -> &[String] {
        &self.pool.providers
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
    pub fn gates(&self, tier: &str, ha: bool) -> Option<Vec<String>> {
        self.tiers.get(tier).map(|plan| gates::effective(&plan.tier.gates, ha))
    }

    /// Decides where a workload goes.
    ///
    /// # Errors
    /// In this order: the tier is unknown; there are no candidates; none is healthy; none passes
    /// the gates.
    pub fn decide(&self, request: &PlacementQuery<'_>) -> Result<Decision<'_>, ScheduleError> {
        self.select(request, false)
    }

    /// Decides where a placed workload moves to: as [`Scheduler::decide`] does, and where no place
    /// passes the tier's gates, by those of its failover targets. So a move goes where the record
    /// has said that it would.
    ///
    /// # Errors
    /// As [`Scheduler::decide`].
    pub fn relocate(&self, request: &PlacementQuery<'_>) -> Result<Decision<'_>, ScheduleError> {
        self.select(request, true)
    }

    fn select(
        &self,
        request: &PlacementQuery<'_>,
        is_move: bool,
    ) -> Result<Decision<'_>, ScheduleError> {
        let Some((tier_name, plan)) = self.tiers.get_key_value(request.tier) else {
            return Err(ScheduleError::UnknownTier { tier: request.tier.to_owned() });
        };
        let experiment = plan.weights.experiment(request.name);
        let group = experiment.as_ref().map_or(Group::Control, |experiment| experiment.group);
        let ranking = plan.ranking(&self.pool, group, request.ha);
        let excluded = self.pool.excluded(request.exclude);

        let evaluated = excluded.count_excluding(&self.pool.total_by_provider, |_| true);
        let healthy = excluded.count_excluding(&self.pool.healthy_by_provider, |position| {
            self.pool.is_healthy(position)
        });
        if evaluated == 0 {
            return Err(ScheduleError::EmptyPool);
        }
        let unfit = request.unfit;
        let is_unfit = |position| unfit.iter().any(|unfit| unfit.position == position);
        let possible = |entry: &&Entry| {
            !excluded.contains(entry.position, entry.provider) && !is_unfit(entry.position)
        };
        let by_failover_gates = is_move && !ranking.passing.iter().any(|entry| possible(&entry));
        let (gates, passing) = if by_failover_gates {
            (&ranking.failover_gates, &ranking.failover)
        } else {
            (&ranking.gates, &ranking.passing)
        };
        let in_question = passing;
        let passing = || in_question.iter().filter(possible);
        let top: Vec<RankedCandidate<'_>> =
            passing().take(RANKED).filter_map(|entry| self.ranked_candidate(entry)).collect();
        let (Some(best), Some(selected)) = (passing().next(), top.first().copied()) else {
            return Err(self.nothing_passes(tier_name, &ranking.gates, &excluded, unfit, healthy));
        };
        let failover = ranking
            .failover
            .iter()
            .find(|entry| entry.provider != best.provider && possible(entry));
        // Counted one by one only where it must be: it goes through all that pass.
        let passed = if by_failover_gates || !unfit.is_empty() {
            passing().count() as u64
        } else {
            let passes = |position| self.pool.passes(position, gates);
            excluded.count_excluding(&ranking.passing_by_provider, passes)
        };
        let degraded = gates::missing(selected.candidate, &ranking.gates);
        Ok(Decision {
            scheduler: self,
            tier_name,
            tier: &plan.tier,
            ha: request.ha,
            gates,
            weights: plan.weights.of(group),
            experiment,
            selected,
            top,
            failover: failover.and_then(|entry| self.ranked_candidate(entry)),
            evaluated,
            healthy,
            passed,
            excluded,
            unfit: unfit.to_vec(),
            degraded: degraded.map(str::to_owned).collect(),
            first: &ranking.first,
        })
    }

    fn ranked_candidate(&self, entry: &Entry) -> Option<RankedCandidate<'_>> {
        let candidate = self.pool.candidates.get(entry.position)?;
        Some(RankedCandidate { candidate, total: entry.total })
    }

    /// Whether `unfit` is about `candidate`.
    fn is_of(&self, unfit: &Unfit, candidate: &Candidate) -> bool {
        self.pool.candidates.get(unfit.position).is_some_and(|of| std::ptr::eq(of, candidate))
    }

    fn nothing_passes(
        &self,
        tier: &str,
        gates: &[String],
        excluded: &Excluded,
        unfit: &[Unfit],
        healthy: u64,
    ) -> ScheduleError {
        let skipped = skipped(&self.pool, &self.state, excluded);
        if healthy == 0 {
            return ScheduleError::NoHealthyCandidates { skipped };
        }
        let rows = self.pool.rows(excluded).filter(|(_, healthy)| *healthy);
        let gate_failures = rows.map(|(candidate, _)| {
            let mut failures: Vec<String> =
                gates::missing(candidate, gates).map(missing_capability).collect();
            failures.sort();
            let lacks = unfit.iter().filter(|unfit| self.is_of(unfit, candidate));
            failures.extend(lacks.flat_map(|unfit| match &unfit.lack {
                Lack::Capabilities(missing) => {
                    missing.iter().map(|missing| missing_capability(missing)).collect()
                }
                lack => vec![Rejection::from(lack).to_string()],
            }));
            failures.dedup();
            (candidate.place().to_string(), failures)
        });
        ScheduleError::NoCandidatePassesGates {
            tier: tier.to_owned(),
            gate_failures: gate_failures.collect(),
            unhealthy_skipped: skipped,
        }
    }
}

impl TierPlan {
    fn ranking(&self, pool: &Pool, group: Group, ha: bool) -> &Ranking {
        let rankings = match group {
            Group::Control => &self.control,
            Group::Variant => &self.variant,
        };
        let kept = if ha { &rankings.ha } else { &rankings.plain };
        kept.get_or_init(|| Ranking::new(pool, &self.tier, self.weights.of(group), ha))
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
    pub fn ranking(&self) -> &[RankedCandidate<'s>] {
        &self.top
    }

    /// What the selected place lacks of the tier's gates; nothing but after a move.
    #[must_use]
    pub fn degraded(&self) -> &[String] {
        &self.degraded
    }

    /// Where to go when the selected place fails.
    #[must_use]
    pub fn failover(&self) -> Option<RankedCandidate<'s>> {
        self.failover
    }
}
