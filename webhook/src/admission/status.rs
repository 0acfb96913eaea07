//! The status subresource: `status.placement` is evidence of where a workload is, and nobody's to
//! write but Crossplane's, and theirs who may restore a workload from a backup.

use idp_crds::contract::{FieldError, Problem};
use idp_crds::names::VERB_RESTORE;

use super::context::Admission;
use super::object::Object;
use super::review::AdmissionRequest;
use super::verdict::{Denial, Verdict, unreadable};

/// Answers a user's write to the status of a claim or composite resource.
///
/// # Errors
/// When it changes `status.placement`.
pub(super) async fn review(
    admission: &Admission,
    request: &AdmissionRequest<'_>,
) -> Result<Verdict, Denial> {
    let raw = request.object.ok_or_else(|| unreadable("the object", "the review carries none"))?;
    let new = Object::read(raw).map_err(|error| unreadable("the object", error))?;
    let old = match request.old_object {
        Some(raw) => Object::read(raw).map_err(|error| unreadable("the old object", error))?,
        None => Object::default(),
    };
    if new.placement_text() == old.placement_text()
        || admission.authorizer.allow(request, VERB_RESTORE).await?
    {
        return Ok(Verdict::allowed());
    }
    let message = "is what Crossplane reports of where the workload is, and nobody else's to \
                   write: leave it as it is";
    Err(Denial::fields(vec![FieldError::new("status.placement", Problem::Forbidden, message)]))
}
