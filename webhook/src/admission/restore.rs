//! A decision that somebody brings along: a backup is restored where it was, by who may.

use idp_core::placement::NotAdoptable;
use idp_crds::contract::{ClaimRequest, FieldError, Problem};
use idp_crds::names::{ID, PLACEMENT_REASON, VERB_RESTORE};
use idp_crds::pinned_id::PinnedId;
use idp_crds::record::Record;

use super::authorizer;
use super::context::Admission;
use super::known;
use super::verdict::Denial;
use super::workload::{Workload, annotation_error};
use crate::placements::Placed;

/// What is wrong with a decision that is brought along.
pub(super) async fn objection(
    admission: &Admission,
    workload: &Workload<'_>,
    text: &str,
    asked: Option<&ClaimRequest>,
) -> Result<Restore, Denial> {
    if !admission.authorizer.allow(workload.request, VERB_RESTORE).await? {
        return Ok(Restore::Forbidden(forbidden(workload)));
    }
    Ok(match asked.and_then(|asked| not_adoptable(workload, text, asked)) {
        Some(error) => Restore::NotAdoptable(error),
        None => Restore::Good,
    })
}

/// Whether a decision that is brought along may be taken over.
pub(super) enum Restore {
    /// It may.
    Good,
    /// The user may not bring one.
    Forbidden(FieldError),
    /// Its place cannot be taken over.
    NotAdoptable(FieldError),
}

impl Restore {
    /// What is wrong with it.
    pub(super) fn error(self) -> Option<FieldError> {
        match self {
            Restore::Good => None,
            Restore::Forbidden(error) | Restore::NotAdoptable(error) => Some(error),
        }
    }
}

/// What is wrong with the id at the provider that a backup brings along: it takes hold of what has
/// that name there, which must be nobody else's.
pub(super) fn id_error(
    admission: &Admission,
    workload: &Workload<'_>,
    decision: &str,
) -> Result<Option<FieldError>, Denial> {
    let Some(text) = workload.new.metadata.annotation(ID) else { return Ok(None) };
    let error = |message: String| Ok(Some(annotation_error(ID, Problem::Invalid, message)));
    let pinned: PinnedId = match text.parse() {
        Ok(pinned) => pinned,
        Err(why) => return error(why),
    };
    if Record::parse(decision).is_ok_and(|record| record.sequence != pinned.sequence) {
        return error(format!(
            "is of decision {}, and {PLACEMENT_REASON} is another: restore both from one backup",
            pinned.sequence
        ));
    }
    let is_held = |placed: &Placed| placed.id == pinned.id && !workload.is(placed);
    let Some(holder) = admission.placements.list(is_held).into_iter().next() else {
        known::everything(
            workload.snapshot,
            &admission.placements,
            "whether that id is another's",
        )?;
        return Ok(None);
    };
    error(format!(
        "is what {} is called at its provider, and two cannot share it: delete that first, or remove the annotation",
        holder.full_name()
    ))
}

fn forbidden(workload: &Workload<'_>) -> FieldError {
    let message = format!(
        "is set by the platform and must not be given: remove it (to restore a backup as it was placed: {})",
        authorizer::missing(workload.request, VERB_RESTORE)
    );
    annotation_error(PLACEMENT_REASON, Problem::Forbidden, message)
}

/// Why a decision that was made elsewhere cannot be taken over, by the one rule of adoption.
fn not_adoptable(workload: &Workload<'_>, text: &str, asked: &ClaimRequest) -> Option<FieldError> {
    let error =
        |message: String| Some(annotation_error(PLACEMENT_REASON, Problem::Invalid, message));
    let Ok(record) = Record::parse(text) else {
        return error(
            "is not a decision record: remove it, and the platform decides anew".to_owned(),
        );
    };
    let place = record.place();
    let remove = "remove the annotation for a new decision";
    let (sequence, most) = (record.sequence, Record::MOST_RESTORED_SEQUENCE);
    if sequence > most {
        return error(format!(
            "has the number {sequence}, and one that is restored has at most {most}, so that moves can follow it: {remove}"
        ));
    }
    match workload.judge(asked).objection(&record)? {
        why @ NotAdoptable::SequenceTooHigh { .. } => error(format!("{why}: {remove}")),
        NotAdoptable::NotOffered { product } => {
            error(format!("places it in {place}, where {product} is not offered: {remove}"))
        }
        NotAdoptable::NotACandidate => error(format!(
            "places it in {place}, which no Candidate describes: add that Candidate, or {remove}"
        )),
        NotAdoptable::LacksCapabilities { missing, .. } => {
            error(format!("places it in {place}, which lacks {}: {remove}", missing.join(", ")))
        }
    }
}
