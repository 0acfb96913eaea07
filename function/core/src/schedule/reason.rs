//! A decision as a record: the reasons, for people and for the annotation.

use std::sync::{Arc, OnceLock};

use idp_crds::record::{DecidedBy, FailoverTarget, Previous, Ranked, Record, Scored, Skipped};
use indexmap::IndexMap;
use serde_json::Number;
use serde_json::value::{RawValue, to_raw_value};

use super::decide::{Decision, RankedCandidate, Scheduler};
use super::pool::Excluded;
use super::score::round4;
use super::{Candidate, gates, health};

/// What a record says beside the decision itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// 1 for the first decision; each move adds 1.
    pub sequence: u64,
    /// Where the workload was before.
    pub previous: Option<Previous>,
    /// The providers that a move is asked to leave.
    pub excluded_providers: Vec<String>,
    /// Who decides.
    pub decided_by: DecidedBy,
}

impl Provenance {
    /// Of a workload's first decision.
    #[must_use]
    pub fn first(decided_by: DecidedBy) -> Self {
        Provenance { sequence: 1, previous: None, excluded_providers: Vec::new(), decided_by }
    }
}

/// A decision as it is recorded, and its text.
#[derive(Debug)]
pub struct DecisionText {
    /// What was decided, and why.
    pub record: Record,
    text: OnceLock<String>,
    json: OnceLock<Box<RawValue>>,
}

impl DecisionText {
    fn new(record: Record) -> Arc<Self> {
        Arc::new(DecisionText { record, text: OnceLock::new(), json: OnceLock::new() })
    }

    /// The text as a JSON string, with its escapes.
    ///
    /// # Errors
    /// As [`DecisionText::text`].
    pub fn json(&self) -> Result<&RawValue, serde_json::Error> {
        if let Some(json) = self.json.get() {
            return Ok(json);
        }
        let json = to_raw_value(self.text()?)?;
        Ok(self.json.get_or_init(|| json))
    }

    /// The record as the annotation has it.
    ///
    /// # Errors
    /// Never for what a scheduler decides; the type cannot say so.
    pub fn text(&self) -> Result<&str, serde_json::Error> {
        if let Some(text) = self.text.get() {
            return Ok(text);
        }
        let text = self.record.to_annotation()?;
        Ok(self.text.get_or_init(|| text))
    }
}

/// The stamps of a ranking's first decisions. Where nothing is excluded these are alike for all
/// workloads.
#[derive(Debug, Default)]
pub(super) struct FirstDecisionCache {
    admission: OnceLock<Arc<DecisionText>>,
    function: OnceLock<Arc<DecisionText>>,
}

impl Decision<'_> {
    /// The decision as it is recorded, shared where it is the same for many workloads.
    #[must_use]
    pub fn stamp(&self, provenance: Provenance) -> Arc<DecisionText> {
        let decided_by = provenance.decided_by;
        if !self.excluded.is_empty() || provenance != Provenance::first(decided_by) {
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
            unhealthy_skipped: skipped(self.scheduler, &self.excluded),
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
        let pool = &self.scheduler.pool;
        pool.candidates
            .iter()
            .zip(&pool.provider_of)
            .enumerate()
            .filter_map(|(position, (candidate, provider))| {
                let why = if self.excluded.contains(position, *provider) {
                    "excluded".to_owned()
                } else {
                    let unhealthy = health::unhealthy_reasons(candidate, &self.scheduler.state);
                    if unhealthy.is_empty() {
                        let missing: Vec<&str> = gates::missing(candidate, self.gates).collect();
                        if missing.is_empty() {
                            return None;
                        }
                        format!("lacks {}", missing.join(", "))
                    } else {
                        unhealthy.join(", ")
                    }
                };
                Some((place(candidate), why))
            })
            .take(Record::MOST_REJECTED)
            .collect()
    }
}

/// `<provider>/<region>`.
pub(super) fn place(candidate: &Candidate) -> String {
    format!("{}/{}", candidate.provider, candidate.region)
}

/// How the reference says that a gate is not passed.
pub(super) fn missing_capability(capability: &str) -> String {
    format!("missing required capability: {capability}")
}

/// The candidates left out for their health, in order.
pub(super) fn skipped(scheduler: &Scheduler, excluded: &Excluded) -> Vec<Skipped> {
    scheduler
        .pool
        .rows(excluded)
        .filter(|(_, healthy)| !healthy)
        .map(|(candidate, _)| Skipped {
            provider: candidate.provider.clone(),
            region: candidate.region.clone(),
            reasons: health::unhealthy_reasons(candidate, &scheduler.state)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        })
        .collect()
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
