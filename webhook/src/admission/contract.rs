//! The contract: what a workload's object may say, whatever is decided of it.

use idp_core::placement::PlacementInForce;
use idp_crds::contract::{ClaimRequest, FieldError, Problem, forbidden, reserved, update};
use idp_crds::names::{ADOPT_CANDIDATE, FAILOVER, RELEASE};
use idp_crds::record::Record;
use serde_json::{Map, Value};

use super::object::Object;
use super::workload::{Workload, annotation_error};

/// What an object asks for, and what is wrong with it.
pub(super) struct Contract {
    /// None where it cannot be read.
    pub(super) asked: Option<ClaimRequest>,
    pub(super) errors: Vec<FieldError>,
}

impl Contract {
    /// What is asked for, if nothing is wrong.
    pub(super) fn fulfilled(self) -> Result<ClaimRequest, Vec<FieldError>> {
        match self.asked {
            Some(asked) if self.errors.is_empty() => Ok(asked),
            _ => Err(self.errors),
        }
    }
}

/// Of a new workload, but for what only Crossplane sets: a restored one may carry it.
pub(super) fn of_new(workload: &Workload<'_>) -> Contract {
    let mut errors: Vec<FieldError> =
        workload.name_error().into_iter().chain(workload.secret_error()).collect();
    errors.extend(misplaced_annotations(workload));
    match workload.asked(&workload.new) {
        Ok(asked) => Contract { asked: Some(asked), errors },
        Err(wrong) => {
            errors.extend(wrong);
            Contract { asked: None, errors }
        }
    }
}

/// What a new workload carries that only Crossplane and the platform set.
pub(super) fn not_theirs(workload: &Workload<'_>) -> Vec<FieldError> {
    let mut errors = forbidden::machinery(&workload.new.spec, None);
    errors.extend(reserved_metadata(&workload.new, None));
    errors
}

/// Reserved labels and annotations that are new, or differ from what `old` has.
fn reserved_metadata(new: &Object<'_>, old: Option<&Object<'_>>) -> Vec<FieldError> {
    let mut errors = reserved::labels(new.metadata.labels(), |name| old?.metadata.label(name));
    errors.extend(reserved::annotations(new.metadata.annotations(), |name| {
        old?.metadata.annotation(name)
    }));
    errors
}

/// What Crossplane had set and a user's change would take away: a replace of the whole object, as
/// from a file, knows nothing of it. Without its `resourceRef` a claim gets a second workload.
pub(super) fn dropped_machinery(new: &Object<'_>, old: &Object<'_>) -> Map<String, Value> {
    forbidden::CROSSPLANE_FIELDS
        .iter()
        .chain(&["writeConnectionSecretToRef"])
        .filter(|field| !new.spec.contains_key(**field))
        .filter_map(|field| Some(((*field).to_owned(), old.spec.get(*field)?.clone())))
        .collect()
}

/// What is wrong with a user's change of an object that is being deleted. It is not reviewed like
/// others, since what it asks for does not count any more; so it asks for nothing new.
pub(super) fn of_terminating(new: &Object<'_>, old: &Object<'_>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let message = "cannot change any more: the object is being deleted";
    if new.spec != old.spec {
        errors.push(FieldError::new("spec", Problem::Forbidden, message));
    }
    for name in reserved::ANNOTATIONS {
        if new.metadata.annotation(name) != old.metadata.annotation(name) {
            errors.push(annotation_error(name, Problem::Forbidden, message));
        }
    }
    errors.extend(reserved_metadata(new, Some(old)));
    errors
}

/// Of a changed one: only what this change brings in is wrong. A catalog that has become stricter
/// must not keep people from their labels.
pub(super) fn of_change(
    workload: &Workload<'_>,
    old: &Object<'_>,
    before: &Result<ClaimRequest, Vec<FieldError>>,
) -> Contract {
    let mut errors = forbidden::machinery(&workload.new.spec, Some(&old.spec));
    errors.extend(reserved_metadata(&workload.new, Some(old)));
    let secret = "writeConnectionSecretToRef";
    if workload.new.spec.get(secret).is_some_and(|now| Some(now) != old.spec.get(secret)) {
        errors.extend(workload.secret_error());
    }
    let asked = match (workload.asked(&workload.new), before) {
        (Ok(asked), Ok(before)) => {
            errors.extend(update::check(&workload.product.spec, before, &asked));
            Some(asked)
        }
        (Ok(asked), Err(_)) => Some(asked),
        (Err(wrong), Ok(_)) => {
            errors.extend(wrong);
            None
        }
        (Err(wrong), Err(known)) => {
            errors.extend(wrong.into_iter().filter(|error| !known.contains(error)));
            None
        }
    };
    Contract { asked, errors }
}

/// What is wrong with a tier or `ha` that the present place cannot satisfy.
pub(super) fn unmet_requirements(
    workload: &Workload<'_>,
    in_force: &PlacementInForce,
    before: Option<&ClaimRequest>,
    asked: &ClaimRequest,
) -> Option<FieldError> {
    let tier_changes = before.is_none_or(|before| before.tier != asked.tier);
    let ha_changes = before.is_none_or(|before| before.ha != asked.ha);
    if !tier_changes && !ha_changes {
        return None;
    }
    let place = &in_force.place;
    let catalog = &workload.snapshot.catalog;
    let missing = catalog.missing_gates(&asked.tier, asked.ha, place.parts())?;
    let without = |record: &Record| catalog.is_degraded(asked, record, &missing);
    let missing =
        if in_force.record.as_deref().is_some_and(without) { Vec::new() } else { missing };
    let unfit = catalog.unfitness(workload.product, asked, place.parts());
    if missing.is_empty() && unfit.is_none() {
        return None;
    }
    let field = if tier_changes { "tier" } else { "ha" };
    let keep = before
        .map(|before| format!("keep tier {} with ha {}, or ", before.tier, before.ha))
        .unwrap_or_default();
    let way_out = format!("{keep}move it in the same change with the annotation {FAILOVER}: any");
    let missing = missing.join(", ");
    let message = match unfit.filter(|_| missing.is_empty()) {
        Some(unfit) => format!("{place}, where this workload is, {unfit}: {way_out}"),
        None => format!(
            "asks for {missing}, which {place}, where this workload is, does not have: {way_out}"
        ),
    };
    Some(FieldError::new(format!("spec.parameters.{field}"), Problem::Forbidden, message))
}

/// Annotations that have a meaning only on a placed workload.
fn misplaced_annotations(workload: &Workload<'_>) -> impl Iterator<Item = FieldError> {
    [FAILOVER, RELEASE, ADOPT_CANDIDATE]
        .into_iter()
        .filter(|name| workload.new.metadata.annotation(name).is_some())
        .map(|name| {
            annotation_error(
                name,
                Problem::Forbidden,
                "has a meaning only on a workload that is placed, and this one is new: remove it",
            )
        })
}
