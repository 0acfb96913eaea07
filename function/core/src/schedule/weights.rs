//! Weights: how much each dimension counts.

use idp_crds::names::DIMENSIONS;
use serde::{Serialize, Serializer};
use serde_json::Number;

/// Weight per dimension, in the order in which they are summed and reported.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights(pub Vec<(String, Number)>);

impl Weights {
    /// From a source without order (the API server keeps none): latency, dr, maturity, cost, then
    /// others by name.
    #[must_use]
    pub fn canonical<'a>(weights: impl IntoIterator<Item = (&'a String, &'a f64)>) -> Self {
        let place =
            |name: &str| DIMENSIONS.iter().position(|d| *d == name).unwrap_or(DIMENSIONS.len());
        let mut all: Vec<(String, Number)> = weights
            .into_iter()
            .filter_map(|(name, weight)| Some((name.clone(), Number::from_f64(*weight)?)))
            .collect();
        all.sort_by(|(a, _), (b, _)| place(a).cmp(&place(b)).then_with(|| a.cmp(b)));
        Weights(all)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, weight)| (name.as_str(), weight.as_f64().unwrap_or(0.0)))
    }
}

impl Serialize for Weights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, weight)| (name, weight)))
    }
}
