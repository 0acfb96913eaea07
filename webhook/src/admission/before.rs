//! What is known of a workload before a change.

use idp_core::placement::PlacementInForce;
use idp_crds::contract::{ClaimRequest, FieldError};
use idp_crds::names::PLACEMENT_REASON;
use idp_crds::status::PlacementStatus;

use super::object::Object;
use super::workload::Workload;

/// What is known of a workload before the change.
pub(super) struct Before<'r> {
    pub(super) object: Object<'r>,
    pub(super) status: Option<PlacementStatus>,
    /// What it asked for, or what was wrong with that.
    pub(super) asked: Result<ClaimRequest, Vec<FieldError>>,
    pub(super) in_force: Option<PlacementInForce>,
}

impl<'r> Before<'r> {
    pub(super) fn resolve(workload: &Workload<'r>, object: Object<'r>) -> Self {
        let status = object.placement();
        let asked = workload.asked(&object);
        let annotation = object.metadata.annotation(PLACEMENT_REASON);
        let in_force = workload.in_force(annotation, status.as_ref(), asked.as_ref().ok());
        Before { object, status, asked, in_force }
    }
}
