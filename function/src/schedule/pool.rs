//! The candidates, indexed: what a decision needs of each in a column of its own.

use super::{Candidate, State, health};

/// The candidates in their order, with everything about them that does not depend on the request.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) candidates: Vec<Candidate>,
    /// The distinct providers; columns name them by position.
    pub(super) providers: Vec<String>,
    /// Per candidate, the position of its provider.
    pub(super) provider_of: Vec<u32>,
    /// Per candidate, whether it is considered.
    pub(super) healthy: Vec<bool>,
    /// Scores by dimension, a missing one as 0.
    columns: Vec<(String, Vec<f64>)>,
}

impl Pool {
    pub(super) fn new(candidates: Vec<Candidate>, state: &State) -> Self {
        let mut providers: Vec<String> = Vec::new();
        let mut dimensions: Vec<String> = Vec::new();
        let mut provider_of = Vec::with_capacity(candidates.len());
        for candidate in &candidates {
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
        let healthy = candidates.iter().map(|c| health::unhealthy_reasons(c, state).is_empty()).collect();
        let columns = dimensions
            .into_iter()
            .map(|dimension| {
                let column = candidates.iter().map(|c| c.scores.get(&dimension).copied().unwrap_or(0.0)).collect();
                (dimension, column)
            })
            .collect();
        Pool { candidates, providers, provider_of, healthy, columns }
    }

    /// A dimension's scores, or none where no candidate has one.
    pub(super) fn column(&self, dimension: &str) -> Option<&[f64]> {
        self.columns.iter().find(|(name, _)| name == dimension).map(|(_, column)| column.as_slice())
    }
}
