//! A workload that changes: it stays where it is, unless a move is asked for.

use idp_crds::contract::{FieldError, Problem, Request as ClaimRequest, forbidden, update};
use idp_crds::names::{FAILOVER, PLACEMENT_REASON, RELEASE};
use idp_crds::status::PlacementStatus;

use super::answer::Denial;
use super::object::{Evidence, Object, Standing};
use super::stamp::{Decision, Settled};
use super::workload::Workload;
use super::{Admission, failover, release};

/// What Crossplane's own updates are used for: the decision in force is copied from the status into
/// the annotation, a release that has been carried out is taken off.
pub(super) fn mirror(workload: &Workload<'_>, old: &Object<'_>) -> Settled {
    let status = old.placement();
    // A move comes to a composite resource by this very update, which carries over what was decided
    // on the claim.
    let annotated = [old, &workload.new]
        .into_iter()
        .filter_map(annotated)
        .max_by_key(|evidence| evidence.record.sequence);
    let decision =
        current(annotated, status.as_ref()).and_then(|standing| standing.text).map(Decision::Kept);
    let consumed = if release::is_done(&workload.new, old, status.as_ref()) {
        vec![RELEASE]
    } else {
        Vec::new()
    };
    Settled { decision, consumed, ..Settled::default() }
}

fn annotated(object: &Object<'_>) -> Option<Evidence> {
    object.metadata.annotation(PLACEMENT_REASON).and_then(Evidence::read)
}

/// The decision in force. The status is stronger evidence than the annotation, except that a move
/// begins with the annotation, and that a status whose record was lost says less than an annotation
/// of the same decision.
fn current(annotated: Option<Evidence>, status: Option<&PlacementStatus>) -> Option<Standing> {
    let annotated = annotated.map(Standing::from);
    match (status.map(Standing::from), annotated) {
        (Some(in_force), Some(annotated)) => {
            let (by_status, by_annotation) = (in_force.sequence, annotated.sequence);
            let differs = by_status > by_annotation
                || (by_status == by_annotation && in_force.place() != annotated.place());
            Some(if differs { in_force } else { annotated })
        }
        (in_force, annotated) => in_force.or(annotated),
    }
}

impl Admission {
    /// Settles what a changed workload is to be like.
    ///
    /// # Errors
    /// Everything that is wrong with the change.
    pub(super) async fn update(
        &self,
        workload: &Workload<'_>,
        old: &Object<'_>,
    ) -> Result<Settled, Denial> {
        let status = old.placement();
        let current = current(annotated(old), status.as_ref());
        let before = workload.asked(old);
        let Contract { asked, mut errors } = contract(workload, old, &before);

        let leave = match workload.new.metadata.annotation(FAILOVER) {
            None => None,
            Some(value) => match self.failover_asked(workload, value, current.as_ref()).await? {
                Ok(leave) => Some(leave),
                Err(error) => {
                    errors.push(error);
                    None
                }
            },
        };
        errors.extend(self.release_error(workload, old, status.as_ref()).await?);

        let released = release::is_done(&workload.new, old, status.as_ref()).then_some(RELEASE);
        if let Some(leave) = leave {
            return match (asked, &current) {
                (Some(asked), Some(current)) if errors.is_empty() => {
                    let mut settled =
                        self.fail_over(workload, asked, &leave, current, status.as_ref()).await?;
                    settled.consumed.extend(released);
                    Ok(settled)
                }
                (None, _) => Err(failover::needs_a_good_object(
                    workload.asked(&workload.new).err().unwrap_or(errors),
                )),
                _ => Err(Denial::fields(errors)),
            };
        }

        let given = workload.new.metadata.annotation(PLACEMENT_REASON);
        let mut settled =
            Settled { consumed: released.into_iter().collect(), ..Settled::default() };
        let kept = current.as_ref().and_then(|current| current.text.as_deref());
        if let Some(current) = &current
            && given != kept
            && let (Some(given), Some(asked)) = (given.and_then(Evidence::read), &asked)
            && self.is_move(workload, &given, asked, current, status.as_ref()).await?
        {
            // Decided, its gates checked, by an earlier review of this very change.
            return if errors.is_empty() {
                Ok(Settled { asked: Some(asked.clone()), ..settled })
            } else {
                Err(Denial::fields(errors))
            };
        }
        let changed =
            given.filter(|given| Some(*given) != old.metadata.annotation(PLACEMENT_REASON));
        match (kept, changed) {
            (Some(kept), changed) if given != Some(kept) => {
                settled.decision = Some(Decision::Kept(kept.to_owned()));
                if changed.is_some() {
                    settled
                        .warnings
                        .push(format!("{PLACEMENT_REASON} is kept as it was: a placed workload moves by {FAILOVER} only"));
                }
            }
            (None, Some(added)) => {
                if let Some(asked) = &asked {
                    errors.extend(self.added_reason(workload, added, asked).await?);
                }
            }
            _ => {}
        }
        if let (Some(current), Some(asked)) = (&current, &asked) {
            errors.extend(outgrown(workload, current, before.as_ref().ok(), asked));
        }
        if errors.is_empty() {
            Ok(Settled { asked, ..settled })
        } else {
            Err(Denial::fields(errors))
        }
    }
}

/// What a change asks for, and what is wrong with it.
struct Contract {
    /// None where it cannot be read.
    asked: Option<ClaimRequest>,
    /// Only what this change brings in: a catalog that has become stricter must not keep people
    /// from their labels.
    errors: Vec<FieldError>,
}

fn contract(
    workload: &Workload<'_>,
    old: &Object<'_>,
    before: &Result<ClaimRequest, Vec<FieldError>>,
) -> Contract {
    let mut errors: Vec<FieldError> = forbidden::machinery(&workload.new.spec, Some(&old.spec));
    if workload.new.spec.get("writeConnectionSecretToRef")
        != old.spec.get("writeConnectionSecretToRef")
    {
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
fn outgrown(
    workload: &Workload<'_>,
    current: &Standing,
    before: Option<&ClaimRequest>,
    asked: &ClaimRequest,
) -> Option<FieldError> {
    let tier_changes = before.is_none_or(|before| before.tier != asked.tier);
    let ha_changes = before.is_none_or(|before| before.ha != asked.ha);
    if !tier_changes && !ha_changes {
        return None;
    }
    let (provider, region) = current.place();
    let missing =
        workload.snapshot.catalog.missing_gates(&asked.tier, asked.ha, (provider, region))?;
    if missing.is_empty() {
        return None;
    }
    let field = if tier_changes { "tier" } else { "ha" };
    let keep = before
        .map(|before| format!("keep tier {} with ha {}, or ", before.tier, before.ha))
        .unwrap_or_default();
    let message = format!(
        "asks for {}, which {provider}/{region}, where this workload is, does not have: {keep}move it in the same change with the annotation {FAILOVER}: any",
        missing.join(", ")
    );
    Some(FieldError::new(format!("spec.parameters.{field}"), Problem::Forbidden, message))
}
