//! What protects data from being deleted, and may be taken off by few: in production a database has
//! deletion protection and leaves a final backup behind, unless its claim says otherwise.

use idp_crds::contract::{Deletion, FieldError, Problem, update};
use idp_crds::names::{PRODUCTION, VERB_UNPROTECT};

use super::authorizer;
use super::before::Before;
use super::context::Admission;
use super::verdict::Denial;
use super::workload::Workload;

/// What is wrong with a change that takes protection off a workload with data in production.
pub(super) async fn error(
    admission: &Admission,
    workload: &Workload<'_>,
    before: &Before<'_>,
) -> Result<Option<FieldError>, Denial> {
    let (old, new) = (&before.object.spec, &workload.new.spec);
    if !workload.product.spec.stateful {
        return Ok(None);
    }
    let Some(field) = update::unprotects(old, new) else { return Ok(None) };
    if admission.authorizer.allow(workload.request, VERB_UNPROTECT).await? {
        return Ok(None);
    }
    let missing = authorizer::missing(workload.request, VERB_UNPROTECT);
    let message = if field == "environment" {
        format!(
            "cannot leave {PRODUCTION}, which takes deletion protection and final backups off what holds data: keep {PRODUCTION}, or have it changed by who may unprotect it ({missing})"
        )
    } else {
        let (before, now) = (Deletion::of(old).name(), Deletion::of(new).name());
        format!(
            "cannot go from {before} to {now} in {PRODUCTION}, which leaves less of the data: keep {before}, or have it changed by who may unprotect it ({missing})"
        )
    };
    Ok(Some(FieldError::new(format!("spec.parameters.{field}"), Problem::Forbidden, message)))
}
