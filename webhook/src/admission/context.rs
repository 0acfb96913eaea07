//! What every step of admission has at hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::authorizer::Authorizer;
use super::review::AdmissionRequest;
use super::secrets::Secrets;
use crate::metrics::Metrics;
use crate::placements::Placements;
use crate::probes::Probes;
use crate::snapshot::SharedSnapshot;

/// Which of the two webhooks is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookKind {
    /// It may change the object.
    Mutating,
    /// It sees the object as it is going to be stored.
    Validating,
}

impl WebhookKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            WebhookKind::Mutating => "mutating",
            WebhookKind::Validating => "validating",
        }
    }
}

/// Where a new workload's place is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum DecisionMode {
    /// Here.
    #[default]
    Admission,
    /// In the composition pipeline, by the function; here claims are checked, and the decision is
    /// copied into them later.
    Pipeline,
}

/// The context of all reviews.
#[derive(Debug)]
pub struct Admission {
    /// The catalog.
    pub snapshot: SharedSnapshot,
    /// What runs where.
    pub placements: Arc<Placements>,
    /// Who may do what.
    pub authorizer: Authorizer,
    /// Which Secrets are in the way.
    pub secrets: Secrets,
    /// Who may try a half-open cloud.
    pub probes: Probes,
    /// Where new workloads are placed.
    pub decision_mode: DecisionMode,
    /// The user names of Crossplane, which is not held to the contract: it only carries claims on.
    pub crossplane: BTreeSet<String>,
    /// What is counted.
    pub metrics: Metrics,
}

impl Admission {
    pub(super) fn is_crossplane(&self, request: &AdmissionRequest<'_>) -> bool {
        self.crossplane.contains(&*request.user_info.username)
    }
}
