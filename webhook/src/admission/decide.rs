//! The decision at admission, with the one probe that a half-open cloud gets.

use std::sync::Arc;
use std::time::Instant;

use idp_core::catalog::Catalog;
use idp_core::placement::Relocation;
use idp_core::schedule::{DecisionText, Provenance, ScheduleError};
use idp_crds::contract::ClaimRequest;
use idp_crds::record::DecidedBy;

use super::context::{Admission, WebhookKind};
use super::workload::Workload;
use crate::placements::GroupKind;

/// What is to be decided.
#[derive(Debug, Clone, Copy)]
pub struct PlacementQuestion<'q> {
    /// What is asked for.
    pub asked: &'q ClaimRequest,
    /// Providers to leave.
    pub exclude_providers: &'q [String],
    /// Where the workload is now; none for a new one.
    pub relocation: Option<&'q Relocation>,
}

impl<'q> PlacementQuestion<'q> {
    /// Where a new workload goes.
    #[must_use]
    pub fn first(asked: &'q ClaimRequest) -> Self {
        PlacementQuestion { asked, exclude_providers: &[], relocation: None }
    }

    /// Decides by `catalog`.
    pub(super) fn decide(
        &self,
        workload: &Workload<'_>,
        catalog: &Catalog,
    ) -> Result<Arc<DecisionText>, ScheduleError> {
        let PlacementQuestion { asked, exclude_providers, relocation } = *self;
        let not_to = relocation.map(Relocation::not_to).unwrap_or_default();
        let (product, name) = (workload.product, workload.name());
        let decision = match relocation {
            Some(_) => catalog.relocate(product, name, asked, exclude_providers, &not_to),
            None => catalog.decide(product, name, asked, exclude_providers, &not_to),
        }?;
        let by = DecidedBy::Admission;
        let provenance = relocation
            .map_or(Provenance::first(by), |moves| moves.provenance(exclude_providers, by));
        Ok(decision.stamp(provenance))
    }
}

/// Decides, taking the probe of a half-open circuit where one is free, unless this is a dry run.
pub(super) async fn decide(
    admission: &Admission,
    workload: &Workload<'_>,
    question: &PlacementQuestion<'_>,
) -> Result<Arc<DecisionText>, ScheduleError> {
    if let Some(probing) = &workload.snapshot.probing
        && let Ok(stamp) = question.decide(workload, &probing.catalog)
    {
        let (provider, region) = (&stamp.record.selected.provider, &stamp.record.selected.region);
        let nothing_is_kept =
            workload.request.is_dry_run() || workload.webhook == WebhookKind::Validating;
        if workload.snapshot.may_probe(provider, region)
            && !is_there_already(admission, workload, question)
            && (nothing_is_kept
                || admission.probes.take(provider, region, &workload.holder()).await)
        {
            return Ok(stamp);
        }
    }
    let started = Instant::now();
    let decided = question.decide(workload, &workload.snapshot.catalog);
    admission.metrics.scheduled(started);
    if let Err(ScheduleError::NoCandidatePassesGates { .. }) = &decided {
        admission.metrics.gates_rejected(&question.asked.tier);
    }
    decided
}

/// Whether a workload that is to be new is there already: the API server will not store it, so that
/// it tries nothing.
fn is_there_already(
    admission: &Admission,
    workload: &Workload<'_>,
    question: &PlacementQuestion<'_>,
) -> bool {
    let request = workload.request;
    let kind = GroupKind::new(&*request.kind.group, &*request.kind.kind);
    question.relocation.is_none()
        && admission.placements.get(&kind, &request.namespace, workload.name()).is_some()
}
