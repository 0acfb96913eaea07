//! What deleting the workload does now: what is asked for, once that has been carried out.
//!
//! Whoever deletes a workload has what exists deleted as it is, without another call of the
//! function. So the chart's policy refuses until the status says what is asked for, and it says so
//! by what has been observed.

use idp_crds::contract::{ClaimRequest, Deletion};
use idp_crds::status::PlacementStatus;

use super::observed::{ObservedResource, Resources};
use super::plan::Plan;

/// Of a product that holds data.
pub(super) fn in_force(
    request: &ClaimRequest,
    plan: &Plan,
    seen: &Resources<'_>,
    before: Option<&PlacementStatus>,
) -> Option<Deletion> {
    let asked = request.deletion;
    // An orphan's objects are taken out of its provider's hands, whatever that says of itself.
    let reported = plan.deletion.filter(|_| asked != Deletion::Orphan);
    // A final backup that nobody has asked for is no reason to keep the database.
    let is_enough = |reported| reported == asked || (asked..Deletion::Protect).contains(&reported);
    let carried_out =
        reported.is_none_or(is_enough) && seen.all().all(|resource| is_as_asked(resource, asked));
    if carried_out { Some(asked) } else { before.and_then(|before| before.deletion) }
}

/// Also at a place that is being left: what is retained there is out of reach.
fn is_as_asked(resource: &ObservedResource<'_>, asked: Deletion) -> bool {
    !resource.deletion_reaches_provider()
        || (asked != Deletion::Orphan && resource.deletion() == Some(asked.name()))
}
