//! A retained placement that is let go: `platform.example.org/release: <provider>-<region>`.
//!
//! The function acts on the annotation over several reconciles, so it stays until
//! `status.placement.retained` no longer lists the place, and goes with the next update after that.
//! It is of a place that the workload has left: one that named where it is would be of everything
//! there, once it moves.

use idp_crds::contract::{FieldError, Problem};
use idp_crds::names::{RELEASE, VERB_RELEASE};
use idp_crds::status::{Place, PlacementStatus, Retained};

use super::authorizer;
use super::before::Before;
use super::context::Admission;
use super::object::Object;
use super::verdict::Denial;
use super::workload::{Workload, annotation_error};

/// What is wrong with letting a placement go, if that is asked for now.
pub(super) async fn error(
    admission: &Admission,
    workload: &Workload<'_>,
    before: &Before<'_>,
) -> Result<Option<FieldError>, Denial> {
    let asked = workload.new.metadata.annotation(RELEASE);
    let asked_before = before.object.metadata.annotation(RELEASE);
    let Some(place) = asked.filter(|_| asked != asked_before) else {
        return Ok(None);
    };
    let error = |problem, message| Ok(Some(annotation_error(RELEASE, problem, message)));
    if !admission.authorizer.allow(workload.request, VERB_RELEASE).await? {
        return error(Problem::Forbidden, authorizer::missing(workload.request, VERB_RELEASE));
    }
    let status = before.status.as_ref();
    if status.is_some_and(|status| status.place().id() == place) {
        let message = format!(
            "names {place:?}, where the workload is: what is kept there of an earlier Product goes when you `kubectl delete` that object, and stays at the provider"
        );
        return error(Problem::Invalid, message);
    }
    let retained: Vec<&str> =
        retained(status).iter().map(|retained| retained.place.as_str()).collect();
    if retained.contains(&place) {
        return Ok(None);
    }
    let there_is = match retained.as_slice() {
        [] => "nothing is retained".to_owned(),
        names => format!("retained are {}", names.join(", ")),
    };
    let message =
        format!("names {place:?}, which is not a retained placement of this workload: {there_is}");
    error(Problem::Invalid, message)
}

/// Whether a release that was asked for before has been carried out.
pub(super) fn is_done(
    new: &Object<'_>,
    old: &Object<'_>,
    status: Option<&PlacementStatus>,
) -> bool {
    let asked = new.metadata.annotation(RELEASE);
    asked.is_some_and(|place| {
        asked == old.metadata.annotation(RELEASE)
            && !retained(status).iter().any(|retained| retained.place == place)
    })
}

/// Whether a release names the place that a move leaves: older than that move, it was not meant for
/// what the move leaves there.
pub(super) fn is_of(object: &Object<'_>, place: &Place) -> bool {
    object.metadata.annotation(RELEASE).is_some_and(|named| named == place.id())
}

fn retained(status: Option<&PlacementStatus>) -> &[Retained] {
    status.map(|status| status.retained.as_slice()).unwrap_or_default()
}
