//! A decision as a record: the reasons, for people and for the annotation.

use std::sync::Arc;

use idp_crds::record::{DecidedBy, FailoverTarget, Ranked, Record, Scored};
use indexmap::IndexMap;
use serde_json::Number;

use super::Candidate;
use super::decide::{Decision, RankedCandidate};
use super::decision_text::{DecisionText, Provenance};
use super::rejection::{Rejection, skipped};
use super::score::round4;

impl Decision<'_> {
    /// The decision as it is recorded, shared where it is the same for many workloads.
    #[must_use]
    pub fn stamp(&self, provenance: Provenance) -> Arc<DecisionText> {
        let decided_by = provenance.decided_by;
        let plain = self.excluded.is_empty() && self.unfit.is_empty() && self.degraded.is_empty();
        if !plain || provenance != Provenance::first(decided_by) {
            return DecisionText::new(self.record(provenance));
        }
        let kept = match decided_by {
            DecidedBy::Admission => &self.first.admission,
            DecidedBy::Function => &self.first.function,
        };
        Arc::clone(kept.get_or_init(|| DecisionText::new(self.record(provenance))))
    }

    /// The decision as it is recorded.
    #[must_use]
    pub fn record(&self, provenance: Provenance) -> Record {
        let selected = self.selected.candidate;
        let ranked = |(at, ranked_candidate): (usize, &RankedCandidate<'_>)| Ranked {
            rank: at as u64 + 1,
            scored: self.scored(ranked_candidate),
        };
        let top: Vec<Ranked> = self.top.iter().enumerate().map(ranked).collect();
        Record {
            tier: self.tier_name.to_owned(),
            rto_minutes: self.tier.rto_minutes,
            rpo_minutes: self.tier.rpo_minutes,
            gates: self.gates.to_vec(),
            ha_enforced: self.ha,
            weights: self.weights.0.iter().cloned().collect(),
            selected: self.scored(&self.selected),
            top_3_candidates: top,
            candidates_evaluated: self.evaluated,
            candidates_healthy: self.healthy,
            candidates_passed_gates: self.passed,
            unhealthy_skipped: skipped(&self.scheduler.pool, &self.scheduler.state, &self.excluded),
            failover: self
                .failover
                .map(|ranked_candidate| failover_target(&ranked_candidate, &selected.provider)),
            experiment: self.experiment.clone(),
            network: selected.network.clone(),
            rejected: self.rejected(),
            sequence: provenance.sequence,
            previous: provenance.previous,
            excluded_providers: provenance.excluded_providers,
            decided_by: provenance.decided_by,
            catalog: self.scheduler.digest().to_owned(),
            degraded: self.degraded.clone(),
        }
    }

    fn scored(&self, ranked_candidate: &RankedCandidate<'_>) -> Scored {
        let candidate = ranked_candidate.candidate;
        let subscores = self.weights.iter().map(|(dimension, _)| {
            let raw = candidate.scores.get(dimension).copied().unwrap_or(0.0);
            (dimension.to_owned(), Number::from_f64(round4(raw)).unwrap_or_else(|| Number::from(0)))
        });
        Scored {
            provider: candidate.provider.clone(),
            region: candidate.region.clone(),
            runtime_cluster: candidate.runtime_cluster.clone(),
            total_score: ranked_candidate.total,
            subscores: subscores.collect(),
        }
    }

    /// Why candidates are not in the ranking, the first [`Record::MOST_REJECTED`] of them.
    fn rejected(&self) -> IndexMap<String, String> {
        self.rejections()
            .map(|(candidate, why)| (candidate.place().to_string(), why.to_string()))
            .take(Record::MOST_REJECTED)
            .collect()
    }

    /// Every candidate that is not in the ranking, in order, and why.
    pub fn rejections(&self) -> impl Iterator<Item = (&Candidate, Rejection)> {
        let pool = &self.scheduler.pool;
        let rows = pool.candidates.iter().zip(&pool.provider_of).enumerate();
        rows.filter_map(|(position, (candidate, provider))| {
            let excluded = self.excluded.contains(position, *provider);
            let state = &self.scheduler.state;
            let unfit = || self.unfit.iter().find(|unfit| unfit.position == position);
            let why = Rejection::of(candidate, excluded, state, self.gates)
                .or_else(|| Some(Rejection::from(&unfit()?.lack)))?;
            Some((candidate, why))
        })
    }
}

fn failover_target(ranked_candidate: &RankedCandidate<'_>, selected: &str) -> FailoverTarget {
    let candidate = ranked_candidate.candidate;
    FailoverTarget {
        provider: candidate.provider.clone(),
        region: candidate.region.clone(),
        runtime_cluster: candidate.runtime_cluster.clone(),
        network: candidate.network.clone(),
        total_score: ranked_candidate.total,
        anti_affinity: format!("different_cloud_from_{selected}"),
    }
}
