//! The contract: what a workload's object may say, whatever is decided of it.

use idp_core::placement::PlacementInForce;
use idp_crds::contract::{FieldError, Problem, Request as ClaimRequest, forbidden, update};
use idp_crds::names::{FAILOVER, RELEASE};

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

/// Of a changed one: only what this change brings in is wrong. A catalog that has become stricter
/// must not keep people from their labels.
pub(super) fn of_change(
    workload: &Workload<'_>,
    old: &Object<'_>,
    before: &Result<ClaimRequest, Vec<FieldError>>,
) -> Contract {
    let mut errors = forbidden::machinery(&workload.new.spec, Some(&old.spec));
    let secret = "writeConnectionSecretToRef";
    if workload.new.spec.get(secret) != old.spec.get(secret) {
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
    let missing = workload.snapshot.catalog.missing_gates(&asked.tier, asked.ha, place.parts())?;
    if missing.is_empty() {
        return None;
    }
    let field = if tier_changes { "tier" } else { "ha" };
    let keep = before
        .map(|before| format!("keep tier {} with ha {}, or ", before.tier, before.ha))
        .unwrap_or_default();
    let message = format!(
        "asks for {}, which {place}, where this workload is, does not have: {keep}move it in the same change with the annotation {FAILOVER}: any",
        missing.join(", ")
    );
    Some(FieldError::new(format!("spec.parameters.{field}"), Problem::Forbidden, message))
}

/// Annotations that have a meaning only on a placed workload.
fn misplaced_annotations(workload: &Workload<'_>) -> impl Iterator<Item = FieldError> {
    [FAILOVER, RELEASE]
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
