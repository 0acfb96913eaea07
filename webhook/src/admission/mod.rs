//! Admission, as a line: read → identify → check → decide → mutate → respond.
//!
//! ```text
//! review ─► workload ─► create: contract, restore, decide ──────┐
//!    (whose claim is it?) update: before ─► failover | keep ────┼─► mutate ─► respond
//!                         sync: what Crossplane writes ─────────┘
//! ```
//!
//! [`configuration`] does the same for the platform's own kinds. The mutating and the validating
//! webhook take the same steps. The mutating one answers with what has to change; for the
//! validating one nothing may be left to change.

mod adopt;
pub mod authorizer;
mod before;
pub mod configuration;
mod connection;
pub mod context;
mod contract;
mod create;
mod decide;
mod failover;
mod history;
mod known;
mod mutate;
pub mod object;
mod occupied;
mod ownership;
pub mod patch;
mod protection;
mod recovery;
mod release;
pub mod respond;
mod restore;
pub mod review;
pub mod secrets;
mod status;
mod sync;
mod update;
pub mod verdict;
mod workload;

use idp_crds::names::GROUP;
use tracing::{debug, info};

pub use context::{Admission, DecisionMode, WebhookKind};

use crate::snapshot::Snapshot;
use mutate::{Decision, DesiredClaim};
use patch::Patch;
use review::{AdmissionRequest, Operation};
use verdict::{Denial, Verdict, bounded};
use workload::Workload;

/// Answers a review by `snapshot`.
pub async fn admit(
    admission: &Admission,
    snapshot: &Snapshot,
    webhook: WebhookKind,
    request: &AdmissionRequest<'_>,
) -> Verdict {
    let verdict = match (*request.kind.group == *GROUP, webhook) {
        (true, WebhookKind::Mutating) => Ok(Verdict::allowed()),
        (true, WebhookKind::Validating) => {
            configuration::validate(snapshot, &admission.placements, request)
        }
        (false, _) => admit_workload(admission, snapshot, webhook, request).await,
    };
    verdict.unwrap_or_else(|denial| {
        log_refusal(request, &denial);
        admission.metrics.refused(denial.reason.name());
        denial.into()
    })
}

/// Answers a review of a claim or composite resource.
async fn admit_workload(
    admission: &Admission,
    snapshot: &Snapshot,
    webhook: WebhookKind,
    request: &AdmissionRequest<'_>,
) -> Result<Verdict, Denial> {
    if matches!(request.operation, Operation::Delete | Operation::Connect) {
        return Ok(Verdict::allowed());
    }
    match &*request.sub_resource {
        "" => {}
        "status" if !admission.is_crossplane(request) => {
            return status::review(admission, request).await;
        }
        _ => return Ok(Verdict::allowed()),
    }
    let workload = Workload::identify(snapshot, webhook, request)?;
    let desired = match (request.operation, admission.is_crossplane(request)) {
        (Operation::Create, true) => return Ok(Verdict::allowed()),
        (Operation::Create, false) => create::create(admission, &workload).await?,
        (_, true) if workload.new.metadata.deletion_timestamp.is_some() => {
            return Ok(Verdict::allowed());
        }
        (_, true) => sync::sync_annotation(&workload, &workload.old()?),
        (_, false) => update::update(admission, &workload, workload.old()?).await?,
    };
    let patch = mutate::patch(&workload, &desired);
    match webhook {
        WebhookKind::Mutating => {
            record_placement(admission, &workload, &desired, &patch);
            Ok(Verdict::Allowed { patch, warnings: desired.warnings })
        }
        WebhookKind::Validating if patch.is_empty() => Ok(Verdict::allowed()),
        WebhookKind::Validating => Err(mutate::overridden(&patch)),
    }
}

/// Counts and logs what is going to be stored.
fn record_placement(
    admission: &Admission,
    workload: &Workload<'_>,
    desired: &DesiredClaim,
    patch: &Patch,
) {
    let request = workload.request;
    for happened in desired.happened.iter().filter(|_| !request.is_dry_run()) {
        admission.metrics.happened(happened.event, &workload.product.name);
    }
    let Some(Decision::Made(stamp)) = desired.decision.as_ref().filter(|_| !request.is_dry_run())
    else {
        debug!(uid = %request.uid, changes = patch.operations().len(), "admitted");
        return;
    };
    let record = &stamp.record;
    admission.metrics.placed(&record.selected, &record.tier, &workload.product.name);
    info!(
        uid = %request.uid, user = %request.user_info.username, kind = %request.kind.kind,
        namespace = %request.namespace, name = %workload.new.metadata.name,
        provider = record.selected.provider, region = record.selected.region,
        tier = record.tier, sequence = record.sequence, "placed"
    );
}

/// The longest message that is logged, in bytes.
const LONGEST_LOGGED: usize = 2048;

fn log_refusal(request: &AdmissionRequest<'_>, denial: &Denial) {
    info!(
        uid = %request.uid, user = %request.user_info.username, operation = ?request.operation,
        kind = %request.kind.kind, namespace = %request.namespace, name = %request.name,
        reason = ?denial.reason, message = &*bounded(&denial.message(), LONGEST_LOGGED), "refused"
    );
}
