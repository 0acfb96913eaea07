//! Why there is no decision.

use idp_crds::record::Skipped;
use indexmap::IndexMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use thiserror::Error;

/// Why nothing could be selected. Serialised, it is the `error` object of `idp schedule`.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ScheduleError {
    /// The tier is not in the catalog.
    #[error("Unknown tier: {tier}")]
    UnknownTier {
        /// Its name.
        tier: String,
    },
    /// There are no candidates, or all are excluded.
    #[error("No candidates available in the registry")]
    EmptyPool,
    /// Every candidate was left out for its health.
    #[error("No healthy candidates available. All candidates skipped")]
    NoHealthyCandidates {
        /// Why each was left out.
        skipped: Vec<Skipped>,
    },
    /// Every healthy candidate lacks something.
    #[error("No candidates pass the gate requirements for tier '{tier}'.")]
    NoCandidatePassesGates {
        /// The tier.
        tier: String,
        /// `<provider>/<region>` → what it lacks.
        gate_failures: IndexMap<String, Vec<String>>,
        /// Candidates that were left out for their health before the gates.
        unhealthy_skipped: Vec<Skipped>,
    },
}

impl ScheduleError {
    /// One line per candidate, `<provider>/<region>: why`, for people.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let skipped = |skipped: &[Skipped]| -> Vec<String> {
            skipped
                .iter()
                .map(|s| format!("{}/{}: {}", s.provider, s.region, s.reasons.join(", ")))
                .collect()
        };
        match self {
            ScheduleError::UnknownTier { .. } | ScheduleError::EmptyPool => Vec::new(),
            ScheduleError::NoHealthyCandidates { skipped: all } => skipped(all),
            ScheduleError::NoCandidatePassesGates { gate_failures, unhealthy_skipped, .. } => {
                gate_failures
                    .iter()
                    .map(|(place, failures)| format!("{place}: {}", failures.join(", ")))
                    .chain(skipped(unhealthy_skipped))
                    .collect()
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            ScheduleError::UnknownTier { .. } => "unknown_tier",
            ScheduleError::EmptyPool => "empty_pool",
            ScheduleError::NoHealthyCandidates { .. } => "no_healthy_candidates",
            ScheduleError::NoCandidatePassesGates { .. } => "no_candidate_passes_gates",
        }
    }
}

/// `kind`, `message`, then what there is to say of each candidate.
impl Serialize for ScheduleError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut error = serializer.serialize_map(None)?;
        error.serialize_entry("kind", self.kind())?;
        error.serialize_entry("message", &self.to_string())?;
        match self {
            ScheduleError::UnknownTier { .. } | ScheduleError::EmptyPool => {}
            ScheduleError::NoHealthyCandidates { skipped } => {
                error.serialize_entry("skipped", skipped)?;
            }
            ScheduleError::NoCandidatePassesGates { gate_failures, unhealthy_skipped, .. } => {
                error.serialize_entry("gate_failures", gate_failures)?;
                if !unhealthy_skipped.is_empty() {
                    error.serialize_entry("unhealthy_skipped", unhealthy_skipped)?;
                }
            }
        }
        error.end()
    }
}
