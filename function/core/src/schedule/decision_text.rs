//! A decision's text, written once where it is the same for many workloads.

use std::sync::{Arc, OnceLock};

use idp_crds::json::to_raw_value;
use idp_crds::record::{DecidedBy, Previous, Record};
use serde_json::value::RawValue;

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
    pub(super) fn new(record: Record) -> Arc<Self> {
        Arc::new(DecisionText { record, text: OnceLock::new(), json: OnceLock::new() })
    }

    /// The text as a JSON string, with its escapes.
    #[must_use]
    pub fn json(&self) -> &RawValue {
        self.json.get_or_init(|| to_raw_value(self.text()))
    }

    /// The record as the annotation has it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.get_or_init(|| self.record.to_annotation())
    }
}

/// The stamps of a ranking's first decisions. Where nothing is excluded these are alike for all
/// workloads.
#[derive(Debug, Default)]
pub(super) struct FirstDecisionCache {
    pub(super) admission: OnceLock<Arc<DecisionText>>,
    pub(super) function: OnceLock<Arc<DecisionText>>,
}
