//! Why a candidate is not selected: what is found, its words in records, and its token.

use std::fmt;

use idp_crds::record::Skipped;

use super::health::{self, HealthReason};
use super::pool::{Excluded, Pool};
use super::{Candidate, Lack, State, gates};

/// Why a candidate is not in the ranking. `Display` gives the words that records have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The request leaves it out: a failover leaves its provider, or the workload has something
    /// there.
    Excluded,
    /// It, its provider or its provider's circuit is not well.
    Unhealthy(Vec<HealthReason>),
    /// It lacks capabilities that are required, in the order of the gates.
    MissingCapabilities(Vec<String>),
    /// Its Candidate does not say what the product needs to know of a place.
    LacksSettings {
        /// The product.
        product: String,
        /// The fields, such as `settings.replica`.
        missing: Vec<String>,
    },
}

impl From<&Lack> for Rejection {
    fn from(lack: &Lack) -> Self {
        match lack.clone() {
            Lack::Capabilities(missing) => Rejection::MissingCapabilities(missing),
            Lack::Settings { product, missing } => Rejection::LacksSettings { product, missing },
        }
    }
}

impl Rejection {
    /// Why `candidate` is not in a ranking; none when it is.
    pub(super) fn of(
        candidate: &Candidate,
        excluded: bool,
        state: &State,
        gates: &[String],
    ) -> Option<Self> {
        if excluded {
            return Some(Rejection::Excluded);
        }
        let unhealthy = health::unhealthy_reasons(candidate, state);
        if !unhealthy.is_empty() {
            return Some(Rejection::Unhealthy(unhealthy));
        }
        let missing: Vec<String> = gates::missing(candidate, gates).map(str::to_owned).collect();
        (!missing.is_empty()).then_some(Rejection::MissingCapabilities(missing))
    }

    /// A word that stays the same whatever the words for people become.
    #[must_use]
    pub fn token(&self) -> &'static str {
        match self {
            Rejection::Excluded => "ExcludedByFailover",
            Rejection::Unhealthy(reasons) => {
                reasons.first().map_or("ProviderUnhealthy", |reason| reason.token())
            }
            Rejection::MissingCapabilities(_) => "MissingCapability",
            Rejection::LacksSettings { .. } => "LacksSettings",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Excluded => f.write_str("excluded"),
            Rejection::Unhealthy(reasons) => {
                let words: Vec<&str> = reasons.iter().map(|reason| reason.word()).collect();
                f.write_str(&words.join(", "))
            }
            Rejection::MissingCapabilities(missing) => write!(f, "lacks {}", missing.join(", ")),
            Rejection::LacksSettings { product, missing } => {
                write!(f, "lacks {} for {product}", missing.join(", "))
            }
        }
    }
}

/// How the reference says that a gate is not passed.
pub(super) fn missing_capability(capability: &str) -> String {
    format!("missing required capability: {capability}")
}

/// The candidates left out for their health, in order.
pub(super) fn skipped(pool: &Pool, state: &State, excluded: &Excluded) -> Vec<Skipped> {
    pool.rows(excluded)
        .filter(|(_, healthy)| !healthy)
        .map(|(candidate, _)| Skipped {
            provider: candidate.provider.clone(),
            region: candidate.region.clone(),
            reasons: health::unhealthy_reasons(candidate, state)
                .into_iter()
                .map(|reason| reason.word().to_owned())
                .collect(),
        })
        .collect()
}
