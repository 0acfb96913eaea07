//! Why there is no decision.

use idp_crds::record::Skipped;
use indexmap::IndexMap;
use serde::Serialize;
use thiserror::Error;

/// Why nothing could be selected. Serialised, it is the `error` object of `idp schedule`.
#[derive(Debug, Clone, PartialEq, Error, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScheduleError {
    /// The tier is not in the catalog.
    #[error("{message}")]
    UnknownTier {
        /// `Unknown tier: <name>`.
        message: String,
    },
    /// There are no candidates, or all are excluded.
    #[error("{message}")]
    EmptyPool {
        /// What is missing.
        message: String,
    },
    /// Every candidate was left out for its health.
    #[error("{message}")]
    NoHealthyCandidates {
        /// What happened.
        message: String,
        /// Why each was left out.
        skipped: Vec<Skipped>,
    },
    /// Every healthy candidate lacks something.
    #[error("{message}")]
    NoCandidatePassesGates {
        /// What happened.
        message: String,
        /// `<provider>/<region>` → what it lacks.
        gate_failures: IndexMap<String, Vec<String>>,
        /// Candidates that were left out for their health before the gates.
        #[serde(skip_serializing_if = "Vec::is_empty")]
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
            ScheduleError::UnknownTier { .. } | ScheduleError::EmptyPool { .. } => Vec::new(),
            ScheduleError::NoHealthyCandidates { skipped: all, .. } => skipped(all),
            ScheduleError::NoCandidatePassesGates { gate_failures, unhealthy_skipped, .. } => {
                gate_failures
                    .iter()
                    .map(|(place, failures)| format!("{place}: {}", failures.join(", ")))
                    .chain(skipped(unhealthy_skipped))
                    .collect()
            }
        }
    }

    pub(super) fn unknown_tier(name: &str) -> Self {
        ScheduleError::UnknownTier { message: format!("Unknown tier: {name}") }
    }

    pub(super) fn empty_pool() -> Self {
        ScheduleError::EmptyPool { message: "No candidates available in the registry".to_owned() }
    }

    pub(super) fn no_healthy(skipped: Vec<Skipped>) -> Self {
        let message = "No healthy candidates available. All candidates skipped".to_owned();
        ScheduleError::NoHealthyCandidates { message, skipped }
    }

    pub(super) fn no_gates(
        tier: &str,
        gate_failures: IndexMap<String, Vec<String>>,
        unhealthy_skipped: Vec<Skipped>,
    ) -> Self {
        let message = format!("No candidates pass the gate requirements for tier '{tier}'.");
        ScheduleError::NoCandidatePassesGates { message, gate_failures, unhealthy_skipped }
    }
}
