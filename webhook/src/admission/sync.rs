//! What Crossplane's own updates are used for: the decision in force and the id at the provider are
//! copied from the status into annotations, a release that has been carried out is taken off.

use idp_crds::names::{HISTORY, PLACEMENT_REASON, RELEASE};
use idp_crds::pinned_id::PinnedId;
use idp_crds::record::Record;

use super::history;
use super::mutate::{Decision, DesiredClaim};
use super::object::Object;
use super::release;
use super::workload::Workload;

/// Settles what an object that Crossplane writes is to be like.
pub(super) fn sync_annotation(workload: &Workload<'_>, old: &Object<'_>) -> DesiredClaim {
    let status = old.placement();
    // A move comes to a composite resource by this very update, which carries over what was decided
    // on the claim.
    let annotation = [old, &workload.new]
        .into_iter()
        .filter_map(|object| object.metadata.annotation(PLACEMENT_REASON))
        .filter_map(|text| Some((Record::parse(text).ok()?.sequence, text)))
        .max_by_key(|(sequence, _)| *sequence)
        .map(|(_, text)| text);
    let asked = workload.asked(&workload.new).ok();
    let in_force = workload.in_force(annotation, status.as_ref(), asked.as_ref());
    let mut desired = DesiredClaim::default();
    let before = old.metadata.annotation(HISTORY);
    history::settle_unseen(workload, in_force.as_ref(), before, &mut desired);
    let decision = in_force.and_then(|in_force| in_force.reason).map(Decision::Kept);
    let id = status
        .as_ref()
        .filter(|status| !status.id.is_empty())
        .map(|status| PinnedId { id: status.id.clone(), sequence: status.sequence }.to_string());
    let released = release::is_done(&workload.new, old, status.as_ref());
    let consumed = released.then_some(RELEASE).into_iter().collect();
    DesiredClaim { decision, id, consumed, ..desired }
}
