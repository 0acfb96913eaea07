//! What protects data from being deleted, and may be taken off by few: in production a database has
//! deletion protection and leaves a final backup behind.

use idp_crds::contract::{FieldError, Problem, update};
use idp_crds::names::{PRODUCTION, VERB_RELEASE};

use super::authorizer;
use super::before::Before;
use super::context::Admission;
use super::verdict::Denial;
use super::workload::Workload;

/// What is wrong with a change that takes a workload with data out of production.
pub(super) async fn error(
    admission: &Admission,
    workload: &Workload<'_>,
    before: &Before<'_>,
) -> Result<Option<FieldError>, Denial> {
    if !workload.product.spec.stateful
        || !update::leaves_production(&before.object.spec, &workload.new.spec)
        || admission.authorizer.allow(workload.request, VERB_RELEASE).await?
    {
        return Ok(None);
    }
    let message = format!(
        "cannot leave {PRODUCTION}, which takes deletion protection and final backups off what holds data: keep {PRODUCTION}, or have it changed by who may release it ({})",
        authorizer::missing(workload.request, VERB_RELEASE)
    );
    Ok(Some(FieldError::new("spec.parameters.environment", Problem::Forbidden, message)))
}
