//! A new workload: contract, decision, and what to do with a decision that it brings along.

use idp_crds::contract::{FieldError, Problem, Request as ClaimRequest, forbidden};
use idp_crds::names::{FAILOVER, PLACEMENT_REASON, RELEASE, VERB_RESTORE};

use super::answer::Denial;
use super::decide::{Question, text};
use super::object::Evidence;
use super::stamp::{Decision, Settled};
use super::workload::{Workload, annotation_error};
use super::{Admission, DecisionAt, Phase, rights};

impl Admission {
    /// Settles what a new workload is to be like.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why nothing could be selected.
    pub(super) async fn create(&self, workload: &Workload<'_>) -> Result<Settled, Denial> {
        let brought = workload.new.metadata.annotation(PLACEMENT_REASON);
        let mut errors: Vec<FieldError> =
            workload.name_error().into_iter().chain(workload.secret_error()).collect();
        errors.extend(misplaced_annotations(workload));
        let asked = match workload.asked(&workload.new) {
            Ok(asked) => Some(asked),
            Err(wrong) => {
                errors.extend(wrong);
                None
            }
        };

        let Some(brought) = brought else {
            errors.extend(forbidden::machinery(&workload.new.spec, None));
            return match asked {
                Some(asked) if errors.is_empty() => self.place(workload, asked).await,
                _ => Err(Denial::fields(errors)),
            };
        };

        let decided = match &asked {
            Some(asked) if self.decision_at == DecisionAt::Admission => {
                self.decide(workload, &Question::first(asked)).await.ok()
            }
            _ => None,
        };
        let ours = match &decided {
            Some(stamp) => {
                text(stamp)? == brought || is_from_another_catalog(workload, brought, &stamp.record)
            }
            None => false,
        };
        if !ours {
            // A restored claim also carries what Crossplane had set on it.
            match self.rights.allow(workload.request, VERB_RESTORE).await? {
                true => errors.extend(
                    asked.as_ref().and_then(|asked| not_adoptable(workload, brought, asked)),
                ),
                false => {
                    errors.extend(forbidden::machinery(&workload.new.spec, None));
                    errors.push(forbidden_reason(workload));
                }
            }
        }
        match asked {
            Some(asked) if errors.is_empty() => Ok(Settled {
                asked: Some(asked),
                decision: Some(Decision::Kept(brought.to_owned())),
                ..Settled::default()
            }),
            _ => Err(Denial::fields(errors)),
        }
    }

    /// Decides where a new workload goes.
    async fn place(&self, workload: &Workload<'_>, asked: ClaimRequest) -> Result<Settled, Denial> {
        if self.decision_at == DecisionAt::Pipeline {
            return Ok(Settled { asked: Some(asked), ..Settled::default() });
        }
        let decided = self.decide(workload, &Question::first(&asked)).await;
        let stamp = decided.map_err(|error| Denial::schedule(&error, "spec.parameters.tier"))?;
        Ok(Settled {
            asked: Some(asked),
            decision: Some(Decision::Made(stamp)),
            ..Settled::default()
        })
    }

    /// What is wrong with a decision that a user adds to a workload which has none.
    pub(super) async fn added_reason(
        &self,
        workload: &Workload<'_>,
        added: &str,
        asked: &ClaimRequest,
    ) -> Result<Option<FieldError>, Denial> {
        Ok(match self.rights.allow(workload.request, VERB_RESTORE).await? {
            true => not_adoptable(workload, added, asked),
            false => Some(forbidden_reason(workload)),
        })
    }
}

/// Whether a decision differs from `ours` only because the catalog has changed between the two
/// webhooks' reviews.
fn is_from_another_catalog(
    workload: &Workload<'_>,
    brought: &str,
    ours: &idp_crds::record::Record,
) -> bool {
    workload.phase == Phase::Validating
        && Evidence::read(brought).is_some_and(|evidence| {
            let record = &evidence.record;
            record.catalog != ours.catalog && record.sequence == 1 && record.previous.is_none()
        })
}

fn forbidden_reason(workload: &Workload<'_>) -> FieldError {
    let message = format!(
        "is set by the platform and must not be given: remove it (to restore a backup as it was placed: {})",
        rights::missing(workload.request, VERB_RESTORE)
    );
    annotation_error(PLACEMENT_REASON, Problem::Forbidden, message)
}

/// Why a decision that was made elsewhere cannot be taken over.
fn not_adoptable(workload: &Workload<'_>, text: &str, asked: &ClaimRequest) -> Option<FieldError> {
    let error =
        |message: String| Some(annotation_error(PLACEMENT_REASON, Problem::Invalid, message));
    let Some(evidence) = Evidence::read(text) else {
        return error(
            "is not a decision record: remove it, and the platform decides anew".to_owned(),
        );
    };
    let (provider, region) = evidence.place();
    match workload.snapshot.catalog.missing_gates(&asked.tier, asked.ha, (provider, region)) {
        None => error(format!(
            "places it in {provider}/{region}, which no Candidate describes: add that Candidate, or remove the annotation for a new decision"
        )),
        Some(missing) if !missing.is_empty() => error(format!(
            "places it in {provider}/{region}, which lacks {}: remove the annotation for a new decision",
            missing.join(", ")
        )),
        Some(_) => None,
    }
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
