//! The candidates as one kind of request prefers them, worked out at the first such request and
//! kept.

use std::cmp::Ordering;

use super::decision_text::FirstDecisionCache;
use super::pool::Pool;
use super::{Candidate, Tier, Weights, gates, score};

/// The candidates for one tier and one set of weights, with or without `ha`.
#[derive(Debug)]
pub(super) struct Ranking {
    /// The gates that a placement must pass, in order.
    pub(super) gates: Vec<String>,
    /// The healthy candidates that pass them, best first.
    pub(super) passing: Vec<Entry>,
    /// Where a workload can go when its place fails, best first. One that passes all of the tier's
    /// own gates goes before one that passes only those of a failover target.
    pub(super) failover: Vec<Entry>,
    /// The gates that a failover target must pass, in order; none for a tier without failover.
    pub(super) failover_gates: Vec<String>,
    /// Per provider, how many pass.
    pub(super) passing_by_provider: Vec<u64>,
    /// What is recorded of first decisions.
    pub(super) first: FirstDecisionCache,
}

/// One candidate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Its place in the candidates' order.
    pub(super) position: usize,
    /// Its provider, by position in the pool's list.
    pub(super) provider: u32,
    /// Its total score, rounded to 4 decimals.
    pub(super) total: f64,
}

impl Ranking {
    pub(super) fn new(pool: &Pool, tier: &Tier, weights: &Weights, ha: bool) -> Self {
        let gates = gates::effective(&tier.gates, ha);
        let columns = weights.iter().map(|(dimension, weight)| (weight, pool.column(dimension)));
        let totals = score::totals(pool.candidates.len(), columns);
        let rows = pool
            .candidates
            .iter()
            .zip(&pool.provider_of)
            .zip(&pool.healthy)
            .zip(totals)
            .enumerate();
        let healthy: Vec<(&Candidate, Entry)> = rows
            .filter(|(_, ((_, healthy), _))| **healthy)
            .map(|(position, (((candidate, provider), _), total))| {
                (candidate, Entry { position, provider: *provider, total })
            })
            .collect();

        let mut passing: Vec<Entry> = healthy
            .iter()
            .filter(|(candidate, _)| gates::passes(candidate, &gates))
            .map(|(_, entry)| *entry)
            .collect();
        passing.sort_by(Entry::compare);
        let mut passing_by_provider = vec![0; pool.providers.len()];
        for entry in &passing {
            if let Some(count) = passing_by_provider.get_mut(entry.provider as usize) {
                *count += 1;
            }
        }

        let wanted = tier.failover.as_ref().map(|rule| gates::effective(&rule.gates, ha));
        let mut failover: Vec<(bool, Entry)> = match &wanted {
            None => Vec::new(),
            Some(wanted) => {
                let targets =
                    healthy.iter().filter(|(candidate, _)| gates::passes(candidate, wanted));
                targets
                    .map(|(candidate, entry)| (gates::passes(candidate, &gates), *entry))
                    .collect()
            }
        };
        failover.sort_by(|(a_full, a), (b_full, b)| b_full.cmp(a_full).then_with(|| a.compare(b)));
        let failover = failover.into_iter().map(|(_, entry)| entry).collect();
        Ranking {
            gates,
            passing,
            failover,
            failover_gates: wanted.unwrap_or_default(),
            passing_by_provider,
            first: FirstDecisionCache::default(),
        }
    }
}

impl Entry {
    /// The better one first; between equals the candidates' order decides.
    fn compare(&self, other: &Entry) -> Ordering {
        other
            .total
            .partial_cmp(&self.total)
            .unwrap_or(Ordering::Equal)
            .then_with(|| self.position.cmp(&other.position))
    }
}
