//! The decision at admission, with the one probe that a half-open cloud gets.

use std::sync::Arc;
use std::time::Instant;

use idp_core::catalog::{Catalog, PlaceRef};
use idp_core::schedule::{Provenance, ScheduleError, Stamp};
use idp_crds::contract::Request as ClaimRequest;
use idp_crds::record::{DecidedBy, Previous};
use idp_crds::status::PlacementStatus;

use super::answer::{Denial, Reason};
use super::object::Standing;
use super::workload::Workload;
use super::{Admission, Phase};

/// What is to be decided.
#[derive(Debug, Clone)]
pub struct Question<'q> {
    /// What is asked for.
    pub asked: &'q ClaimRequest,
    /// Providers to leave.
    pub leave: &'q [String],
    /// Where the workload is now, for a move.
    pub from: Option<&'q Standing>,
    /// Where it is now, and where it has left something: there is never a second copy in one place.
    pub not: Vec<PlaceRef<'q>>,
}

impl<'q> Question<'q> {
    /// Where a new workload goes.
    #[must_use]
    pub fn first(asked: &'q ClaimRequest) -> Self {
        Question { asked, leave: &[], from: None, not: Vec::new() }
    }

    /// Where a placed workload moves to.
    #[must_use]
    pub fn next(
        asked: &'q ClaimRequest,
        leave: &'q [String],
        from: &'q Standing,
        status: Option<&'q PlacementStatus>,
    ) -> Self {
        let mut not = status.map(PlacementStatus::occupied).unwrap_or_default();
        not.push(from.place());
        Question { asked, leave, from: Some(from), not }
    }

    fn provenance(&self) -> Provenance {
        match self.from {
            None => Provenance::first(DecidedBy::Admission),
            Some(Standing { provider, region, sequence, .. }) => Provenance {
                sequence: sequence.saturating_add(1),
                previous: Some(Previous {
                    provider: provider.clone(),
                    region: region.clone(),
                    sequence: *sequence,
                }),
                decided_by: DecidedBy::Admission,
            },
        }
    }
}

impl Admission {
    /// Decides, taking the probe of a half-open cloud where one is free, unless this is a dry run.
    pub(super) async fn decide(
        &self,
        workload: &Workload<'_>,
        question: &Question<'_>,
    ) -> Result<Arc<Stamp>, ScheduleError> {
        if let Some(probing) = &workload.snapshot.probing {
            let decided = decide(workload, &probing.catalog, question);
            if let Ok(stamp) = decided
                && probing.providers.contains(&stamp.record.selected.provider)
            {
                let record = &stamp.record;
                let nothing_is_kept =
                    workload.request.is_dry_run() || workload.phase == Phase::Validating;
                if nothing_is_kept
                    || self.probes.take(&record.selected.provider, &workload.holder()).await
                {
                    return Ok(stamp);
                }
            }
        }
        let started = Instant::now();
        let decided = decide(workload, &workload.snapshot.catalog, question);
        self.metrics.scheduled(started);
        if let Err(ScheduleError::NoCandidatePassesGates { .. }) = &decided {
            self.metrics.gates_rejected(&question.asked.tier);
        }
        decided
    }
}

/// Decides by `catalog`.
pub(super) fn decide(
    workload: &Workload<'_>,
    catalog: &Catalog,
    question: &Question<'_>,
) -> Result<Arc<Stamp>, ScheduleError> {
    let decision = catalog.decide(
        workload.product,
        workload.name(),
        question.asked,
        question.leave,
        &question.not,
    )?;
    Ok(decision.stamp(question.provenance()))
}

/// A decision as the annotation's value.
pub(super) fn text(stamp: &Stamp) -> Result<&str, Denial> {
    stamp.text().map_err(|error| unwritable(&error))
}

pub(super) fn unwritable(error: &serde_json::Error) -> Denial {
    Denial::new(Reason::Unavailable, format!("the decision cannot be written: {error}"))
}
