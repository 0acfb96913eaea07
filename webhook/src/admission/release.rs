//! A retained placement that is let go: `platform.example.org/release: <provider>-<region>`.
//!
//! The function acts on the annotation over several reconciles, so it stays until
//! `status.placement.retained` no longer lists the place, and goes with the next update after that.
//! It is of a place that the workload has left: one that named where it is would be of everything
//! there, once it moves.

use idp_crds::contract::{FieldError, Problem};
use idp_crds::names::{RELEASE, VERB_RELEASE};
use idp_crds::status::place_id;
use idp_crds::status::{PlacementStatus, Retained};

use super::answer::Denial;
use super::object::Object;
use super::workload::{Workload, annotation_error};
use super::{Admission, rights};

impl Admission {
    /// What is wrong with letting a placement go, if that is asked for now.
    pub(super) async fn release_error(
        &self,
        workload: &Workload<'_>,
        old: &Object<'_>,
        status: Option<&PlacementStatus>,
    ) -> Result<Option<FieldError>, Denial> {
        let asked = workload.new.metadata.annotation(RELEASE);
        let Some(place) = asked.filter(|_| asked != old.metadata.annotation(RELEASE)) else {
            return Ok(None);
        };
        if !self.rights.allow(workload.request, VERB_RELEASE).await? {
            return Ok(Some(annotation_error(
                RELEASE,
                Problem::Forbidden,
                rights::missing(workload.request, VERB_RELEASE),
            )));
        }
        if status.is_some_and(|status| place_id(&status.provider, &status.region) == place) {
            let message = format!(
                "names {place:?}, where the workload is: what is kept there of an earlier Product goes when you `kubectl delete` that object, and stays at the provider"
            );
            return Ok(Some(annotation_error(RELEASE, Problem::Invalid, message)));
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
        let message = format!(
            "names {place:?}, which is not a retained placement of this workload: {there_is}"
        );
        Ok(Some(annotation_error(RELEASE, Problem::Invalid, message)))
    }
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
pub(super) fn is_of(object: &Object<'_>, (provider, region): (&str, &str)) -> bool {
    object.metadata.annotation(RELEASE).is_some_and(|place| place == place_id(provider, region))
}

fn retained(status: Option<&PlacementStatus>) -> &[Retained] {
    status.map(|status| status.retained.as_slice()).unwrap_or_default()
}
