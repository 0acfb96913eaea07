//! A move that is asked for: `platform.example.org/failover` names the providers to leave, or
//! `any`.

use idp_crds::contract::{FieldError, Problem, Request as ClaimRequest, did_you_mean};
use idp_crds::names::{FAILOVER, RELEASE, VERB_FAILOVER};
use idp_crds::status::PlacementStatus;

use super::answer::{Denial, Reason};
use super::decide::{Question, decide};
use super::object::{Evidence, Standing};
use super::stamp::{Decision, Settled};
use super::workload::{Flavour, Workload, annotation_error, annotation_path};
use super::{Admission, release, rights};

/// What `any` means: leave the place, whatever the provider.
const ANY: &str = "any";

impl Admission {
    /// What is wrong with asking for a move; else the providers to leave.
    pub(super) async fn failover_asked(
        &self,
        workload: &Workload<'_>,
        value: &str,
        current: Option<&Standing>,
    ) -> Result<Result<Vec<String>, FieldError>, Denial> {
        let error =
            |problem, message: String| Ok(Err(annotation_error(FAILOVER, problem, message)));
        if workload.flavour == Flavour::Composite && workload.new.has_claim() {
            return error(
                Problem::Forbidden,
                "must be asked for on the claim that this composite resource belongs to".to_owned(),
            );
        }
        if !self.rights.allow(workload.request, VERB_FAILOVER).await? {
            return error(Problem::Forbidden, rights::missing(workload.request, VERB_FAILOVER));
        }
        if current.is_none() {
            return error(
                Problem::Invalid,
                "needs a workload that is placed, and this one is not yet: try again later"
                    .to_owned(),
            );
        }
        Ok(providers_to_leave(workload, value)
            .map_err(|message| annotation_error(FAILOVER, Problem::Invalid, message)))
    }

    /// Decides where a workload moves to.
    ///
    /// # Errors
    /// When there is nowhere to go: nothing changes then.
    pub(super) async fn fail_over(
        &self,
        workload: &Workload<'_>,
        asked: ClaimRequest,
        leave: &[String],
        from: &Standing,
        status: Option<&PlacementStatus>,
    ) -> Result<Settled, Denial> {
        let question = Question::next(&asked, leave, from, status);
        let (provider, region) = from.place();
        let stamp = self.decide(workload, &question).await.map_err(|error| {
            Denial::schedule(&error, &annotation_path(FAILOVER))
                .during(&format!("it stays in {provider}/{region}, there is no other place for it"))
        })?;
        let record = &stamp.record;
        let to = &record.selected;
        let moves = if workload.request.is_dry_run() { "would move" } else { "moves" };
        let warning = format!(
            "{} {moves} from {provider}/{region} to {}/{} (decision {})",
            workload.name(),
            to.provider,
            to.region,
            record.sequence
        );
        let mut consumed = vec![FAILOVER];
        consumed.extend(release::is_of(&workload.new, from.place()).then_some(RELEASE));
        Ok(Settled {
            asked: Some(asked),
            consumed,
            warnings: vec![warning],
            decision: Some(Decision::Made(stamp)),
        })
    }

    /// Whether `given` is a decision to move that this user could have asked for: how the outcome
    /// of [`Admission::fail_over`] is known again when the object is reviewed once more, its
    /// request being consumed by then.
    pub(super) async fn is_move(
        &self,
        workload: &Workload<'_>,
        given: &Evidence,
        asked: &ClaimRequest,
        from: &Standing,
        status: Option<&PlacementStatus>,
    ) -> Result<bool, Denial> {
        let (record, (provider, region)) = (&given.record, from.place());
        let follows = record.sequence == from.sequence.saturating_add(1)
            && record.previous.as_ref().is_some_and(|p| {
                p.provider == provider && p.region == region && p.sequence == from.sequence
            });
        if !follows {
            return Ok(false);
        }
        // The best place of its own provider, which is where leaving all others leads.
        let snapshot = workload.snapshot;
        let providers = snapshot.catalog.scheduler().providers().iter();
        let leave: Vec<String> =
            providers.filter(|provider| **provider != record.selected.provider).cloned().collect();
        let question = Question::next(asked, &leave, from, status);
        let catalogs =
            [Some(&snapshot.catalog), snapshot.probing.as_ref().map(|probing| &probing.catalog)];
        let chosen_by_us = catalogs
            .into_iter()
            .flatten()
            .filter_map(|catalog| decide(workload, catalog, &question).ok())
            .any(|stamp| {
                let best = &stamp.record.selected;
                best.provider == record.selected.provider && best.region == record.selected.region
            });
        Ok(chosen_by_us && self.rights.allow(workload.request, VERB_FAILOVER).await?)
    }
}

/// The providers that `value` names.
fn providers_to_leave(workload: &Workload<'_>, value: &str) -> Result<Vec<String>, String> {
    if value.trim() == ANY {
        return Ok(Vec::new());
    }
    let mut known: Vec<&str> =
        workload.snapshot.catalog.scheduler().providers().iter().map(String::as_str).collect();
    known.sort_unstable();
    let mut leave: Vec<String> = Vec::new();
    for name in value.split(',').map(str::trim) {
        if !known.contains(&name) {
            let hint = did_you_mean(name, known.iter().copied().chain([ANY]));
            let all = known.join(", ");
            return Err(format!(
                "names {name:?}, which is no provider{hint}: give the providers to leave, among {all}, or {ANY:?}"
            ));
        }
        if !leave.iter().any(|already| already == name) {
            leave.push(name.to_owned());
        }
    }
    Ok(leave)
}

/// The refusal of a move whose outcome cannot be decided, the object being wrong in itself.
pub(super) fn needs_a_good_object(mut errors: Vec<FieldError>) -> Denial {
    errors.push(annotation_error(
        FAILOVER,
        Problem::Invalid,
        "needs the rest of the object to be right first",
    ));
    Denial { reason: Reason::Invalid, ..Denial::fields(errors) }
}
