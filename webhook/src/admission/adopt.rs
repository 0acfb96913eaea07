//! A changed Candidate that a placed workload is to take over:
//! `platform.example.org/adopt-candidate` names what the Candidate has become. The function acts on
//! it as long as it stands; one that names something else means nothing.

use idp_crds::contract::{FieldError, Problem};
use idp_crds::names::{ADOPT_CANDIDATE, VERB_FAILOVER};

use super::authorizer;
use super::before::Before;
use super::context::Admission;
use super::verdict::Denial;
use super::workload::{Workload, annotation_error};

/// What is wrong with taking a Candidate over, if that is asked for now. It re-homes a workload, as
/// a move does.
pub(super) async fn error(
    admission: &Admission,
    workload: &Workload<'_>,
    before: &Before<'_>,
) -> Result<Option<FieldError>, Denial> {
    let asked = workload.new.metadata.annotation(ADOPT_CANDIDATE);
    let Some(digest) =
        asked.filter(|_| asked != before.object.metadata.annotation(ADOPT_CANDIDATE))
    else {
        return Ok(None);
    };
    let error = |problem, message| Ok(Some(annotation_error(ADOPT_CANDIDATE, problem, message)));
    if !admission.authorizer.allow(workload.request, VERB_FAILOVER).await? {
        return error(Problem::Forbidden, authorizer::missing(workload.request, VERB_FAILOVER));
    }
    let Some(in_force) = &before.in_force else {
        return error(
            Problem::Invalid,
            "needs a workload that is placed, and this one is not yet".to_owned(),
        );
    };
    let place = &in_force.place;
    match workload.snapshot.catalog.site(place.parts()).map(idp_core::catalog::Site::digest) {
        Some(now) if now == digest => Ok(None),
        Some(now) => error(
            Problem::Invalid,
            format!(
                "must be {now:?}, which is what the Candidate of {place} is now, not {digest:?}"
            ),
        ),
        None => error(Problem::Invalid, format!("{place} is not a Candidate any more")),
    }
}
