//! A new workload: contract, decision, and what to do with a decision that it brings along.

use idp_crds::contract::ClaimRequest;
use idp_crds::names::PLACEMENT_REASON;
use idp_crds::record::Record;

use super::connection;
use super::context::{Admission, DecisionMode, WebhookKind};
use super::contract::{self, Contract};
use super::decide::{PlacementQuestion, decide};
use super::mutate::{Decision, DesiredClaim};
use super::occupied;
use super::restore::{self, Restore};
use super::verdict::Denial;
use super::workload::Workload;
use super::{history, recovery};

/// Settles what a new workload is to be like.
///
/// # Errors
/// Everything that is wrong with it, or why nothing could be selected.
pub(super) async fn create(
    admission: &Admission,
    workload: &Workload<'_>,
) -> Result<DesiredClaim, Denial> {
    let mut contract = contract::of_new(workload);
    contract.errors.extend(occupied::error(admission, workload).await?);
    contract.errors.extend(connection::error(admission, workload, None).await?);
    let Some(brought) = workload.new.metadata.annotation(PLACEMENT_REASON) else {
        contract.errors.extend(contract::not_theirs(workload));
        let asked = contract.fulfilled().map_err(Denial::fields)?;
        return place(admission, workload, asked).await;
    };
    // A restored claim also carries what Crossplane and the platform had set on it.
    let not_theirs = contract::not_theirs(workload);
    let is_ours = is_ours(admission, workload, brought, &contract).await?;
    let is_restored = !is_ours || !not_theirs.is_empty();
    if is_restored {
        let asked = contract.asked.as_ref();
        match restore::objection(admission, workload, brought, asked).await? {
            Restore::Good => {
                contract.errors.extend(restore::id_error(admission, workload, brought)?)
            }
            Restore::NotAdoptable(error) => contract.errors.push(error),
            Restore::Forbidden(error) => {
                contract.errors.extend(not_theirs);
                contract.errors.extend((!is_ours).then_some(error));
            }
        }
    }
    let asked = contract.fulfilled().map_err(Denial::fields)?;
    let decision = Some(Decision::Kept(brought.to_owned()));
    let mut desired = DesiredClaim { asked: Some(asked), decision, ..DesiredClaim::default() };
    match Record::parse(brought) {
        Ok(record) if !is_restored => {
            desired.happened.push(history::decided(workload, &record, None));
            history::settle(workload, None, &mut desired);
        }
        Ok(record) => history::settle_restored(workload, &record, &mut desired),
        Err(_) => {}
    }
    Ok(desired)
}

/// Decides where a new workload goes.
async fn place(
    admission: &Admission,
    workload: &Workload<'_>,
    asked: ClaimRequest,
) -> Result<DesiredClaim, Denial> {
    if admission.decision_mode == DecisionMode::Pipeline {
        let mut desired = DesiredClaim { asked: Some(asked), ..DesiredClaim::default() };
        history::settle(workload, None, &mut desired);
        return Ok(desired);
    }
    let decided = decide(admission, workload, &PlacementQuestion::first(&asked)).await;
    let stamp = decided.map_err(|error| Denial::schedule(&error, "spec.parameters.tier"))?;
    let promise = recovery::promise(workload, &asked, &stamp.record.place());
    let warnings = promise.map_err(|error| Denial::fields(vec![error]))?.into_iter().collect();
    let happened = vec![history::decided(workload, &stamp.record, None)];
    let decision = Some(Decision::Made(stamp));
    let asked = Some(asked);
    let mut desired =
        DesiredClaim { asked, decision, happened, warnings, ..DesiredClaim::default() };
    history::settle(workload, None, &mut desired);
    Ok(desired)
}

/// Whether the decision that a new workload carries is the one that we make of it: the validating
/// webhook sees what the mutating one has stamped.
async fn is_ours(
    admission: &Admission,
    workload: &Workload<'_>,
    brought: &str,
    contract: &Contract,
) -> Result<bool, Denial> {
    let Some(asked) = &contract.asked else { return Ok(false) };
    if admission.decision_mode != DecisionMode::Admission {
        return Ok(false);
    }
    match decide(admission, workload, &PlacementQuestion::first(asked)).await {
        Ok(stamp) => {
            Ok(stamp.text() == brought || is_from_another_catalog(workload, brought, &stamp.record))
        }
        Err(_) => Ok(false),
    }
}

/// Whether a decision differs from `ours` only because the catalog has changed between the two
/// webhooks' reviews.
fn is_from_another_catalog(workload: &Workload<'_>, brought: &str, ours: &Record) -> bool {
    workload.webhook == WebhookKind::Validating
        && Record::parse(brought).is_ok_and(|record| {
            record.catalog != ours.catalog && record.sequence == 1 && record.previous.is_none()
        })
}
