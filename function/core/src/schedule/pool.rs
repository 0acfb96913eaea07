//! The candidates, indexed: what a decision needs of each in a column of its own.

use std::sync::Arc;

use super::{Candidate, Exclusion, State, gates, health};

/// The candidates in their order, with everything about them that does not depend on the request.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) candidates: Arc<[Candidate]>,
    /// The distinct providers; columns name them by position.
    pub(super) providers: Vec<String>,
    /// Per candidate, the position of its provider.
    pub(super) provider_of: Vec<u32>,
    /// Per candidate, whether it is considered.
    pub(super) healthy: Vec<bool>,
    /// Per provider, how many candidates there are, and how many of them are considered.
    pub(super) total_by_provider: Vec<u64>,
    pub(super) healthy_by_provider: Vec<u64>,
    /// Scores by dimension, a missing one as 0.
    columns: Vec<(String, Vec<f64>)>,
}

impl Pool {
    pub(super) fn new(candidates: Arc<[Candidate]>, state: &State) -> Self {
        let mut providers: Vec<String> = Vec::new();
        let mut dimensions: Vec<String> = Vec::new();
        let mut provider_of = Vec::with_capacity(candidates.len());
        for candidate in candidates.iter() {
            let at = providers.iter().position(|p| *p == candidate.provider).unwrap_or_else(|| {
                providers.push(candidate.provider.clone());
                providers.len() - 1
            });
            // There are never more providers than candidates, and never 2^32 of those.
            provider_of.push(u32::try_from(at).unwrap_or(u32::MAX));
            for dimension in candidate.scores.keys() {
                if !dimensions.contains(dimension) {
                    dimensions.push(dimension.clone());
                }
            }
        }
        let healthy: Vec<bool> =
            candidates.iter().map(|c| health::unhealthy_reasons(c, state).is_empty()).collect();
        let (mut total_by_provider, mut healthy_by_provider) =
            (vec![0; providers.len()], vec![0; providers.len()]);
        for (provider, healthy) in
            provider_of.iter().map(|provider| *provider as usize).zip(&healthy)
        {
            if let (Some(all), Some(considered)) =
                (total_by_provider.get_mut(provider), healthy_by_provider.get_mut(provider))
            {
                *all += 1;
                *considered += u64::from(*healthy);
            }
        }
        let columns = dimensions
            .into_iter()
            .map(|dimension| {
                let column = candidates
                    .iter()
                    .map(|c| c.scores.get(&dimension).copied().unwrap_or(0.0))
                    .collect();
                (dimension, column)
            })
            .collect();
        Pool {
            candidates,
            providers,
            provider_of,
            healthy,
            total_by_provider,
            healthy_by_provider,
            columns,
        }
    }

    /// A dimension's scores, or none where no candidate has one.
    pub(super) fn column(&self, dimension: &str) -> Option<&[f64]> {
        self.columns.iter().find(|(name, _)| name == dimension).map(|(_, column)| column.as_slice())
    }

    pub(super) fn is_healthy(&self, position: usize) -> bool {
        self.healthy.get(position).copied().unwrap_or(false)
    }

    /// Whether a candidate is considered, and passes `gates`.
    pub(super) fn passes(&self, position: usize, gates: &[String]) -> bool {
        self.is_healthy(position)
            && self
                .candidates
                .get(position)
                .is_some_and(|candidate| gates::passes(candidate, gates))
    }

    /// What `exclude` means here.
    pub(super) fn excluded(&self, exclude: Exclusion<'_>) -> Excluded {
        let providers = if exclude.providers.is_empty() {
            Vec::new()
        } else {
            self.providers.iter().map(|provider| exclude.providers.contains(provider)).collect()
        };
        let is_excluded = |candidate: &Candidate| {
            exclude.places.iter().any(|(p, r)| *p == candidate.provider && *r == candidate.region)
        };
        let positions = if exclude.places.is_empty() {
            Vec::new()
        } else {
            let rows = self.candidates.iter().zip(&self.provider_of).enumerate();
            rows.filter(|(_, (candidate, _))| is_excluded(candidate))
                .map(|(at, (_, provider))| (at, *provider))
                .collect()
        };
        Excluded { providers, positions }
    }

    /// The candidates that are not excluded, in order, each with whether it is considered.
    pub(super) fn rows<'a>(
        &'a self,
        excluded: &'a Excluded,
    ) -> impl Iterator<Item = (&'a Candidate, bool)> {
        let rows = self.candidates.iter().zip(&self.provider_of).zip(&self.healthy).enumerate();
        rows.filter(|(position, ((_, provider), _))| !excluded.contains(*position, **provider))
            .map(|(_, ((candidate, _), healthy))| (candidate, *healthy))
    }
}

/// Which candidates are out of the question for one request.
#[derive(Debug)]
pub(super) struct Excluded {
    /// Whole providers, by position; empty if none is.
    providers: Vec<bool>,
    /// Single candidates, by position, with their provider.
    positions: Vec<(usize, u32)>,
}

impl Excluded {
    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty() && !self.providers.contains(&true)
    }

    pub(super) fn contains(&self, position: usize, provider: u32) -> bool {
        self.has_provider(provider)
            || self.positions.iter().any(|(excluded, _)| *excluded == position)
    }

    fn has_provider(&self, provider: u32) -> bool {
        self.providers.get(provider as usize).copied().unwrap_or(false)
    }

    /// How many are left of those that `counts` counts per provider; `counted` says whether a
    /// single one is among them.
    pub(super) fn count_excluding(&self, counts: &[u64], counted: impl Fn(usize) -> bool) -> u64 {
        let left: u64 = (0u32..)
            .zip(counts)
            .filter(|(provider, _)| !self.has_provider(*provider))
            .map(|(_, count)| count)
            .sum();
        let single = self
            .positions
            .iter()
            .filter(|(position, provider)| !self.has_provider(*provider) && counted(*position));
        left - single.count() as u64
    }
}
