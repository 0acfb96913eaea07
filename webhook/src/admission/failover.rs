//! A move that is asked for: `platform.example.org/failover` names the providers to leave, or
//! `any`.

use std::cmp::Ordering;

use idp_core::placement::{PlacementInForce, Relocation};
use idp_crds::contract::{ClaimRequest, FieldError, Problem, did_you_mean};
use idp_crds::names::{FAILOVER, PLACEMENT_REASON, RELEASE, VERB_FAILOVER};
use idp_crds::record::{DecidedBy, Record};
use idp_crds::status::{Phase, PlacementStatus};

use super::before::Before;
use super::context::{Admission, WebhookKind};
use super::decide::{PlacementQuestion, decide};
use super::mutate::{Decision, DesiredClaim};
use super::verdict::{Denial, Reason};
use super::workload::{ApiKind, Workload, annotation_error, annotation_path};
use super::{authorizer, release};
use super::{history, recovery};

/// What `any` means: leave the place, whatever the provider.
const ANY: &str = "any";

/// What a request for a move comes to.
pub(super) enum Failover {
    /// These providers are to be left.
    Leave(Vec<String>),
    /// The decision that it names has been left already: what the user is told.
    Done(String),
}

/// What a move that is asked for comes to; else what is wrong with asking.
pub(super) async fn request(
    admission: &Admission,
    workload: &Workload<'_>,
    value: &str,
    before: &Before<'_>,
) -> Result<Result<Failover, FieldError>, Denial> {
    let error = |problem, message: String| Ok(Err(annotation_error(FAILOVER, problem, message)));
    if workload.api_kind == ApiKind::Composite && workload.new.has_claim() {
        let message = "must be asked for on the claim that this composite resource belongs to";
        return error(Problem::Forbidden, message.to_owned());
    }
    if !admission.authorizer.allow(workload.request, VERB_FAILOVER).await? {
        return error(Problem::Forbidden, authorizer::missing(workload.request, VERB_FAILOVER));
    }
    let Some(in_force) = &before.in_force else {
        let message = "needs a workload that is placed, and this one is not yet: try again later";
        return error(Problem::Invalid, message.to_owned());
    };
    Ok(understood(workload, value, in_force, before.status.as_ref())
        .map_err(|message| annotation_error(FAILOVER, Problem::Invalid, message)))
}

/// `<providers>` or `<providers>@<decision>`. One that names the decision to leave moves once, how
/// often so ever it is applied; one that does not must not be mistaken for a new one when a file
/// that holds it is applied again.
fn understood(
    workload: &Workload<'_>,
    value: &str,
    in_force: &PlacementInForce,
    status: Option<&PlacementStatus>,
) -> Result<Failover, String> {
    let (providers, decision) = match value.split_once('@') {
        Some((providers, decision)) => (providers, Some(decision.trim())),
        None => (value, None),
    };
    let leave = named_providers(workload, providers)?;
    let (now, place) = (in_force.sequence, &in_force.place);
    if let Some(text) = decision {
        let named: u64 = text.parse().map_err(|_| {
            format!("names the decision {text:?}, which is no number: the present one is {now}")
        })?;
        return match named.cmp(&now) {
            Ordering::Equal => Ok(Failover::Leave(leave)),
            Ordering::Less => Ok(Failover::Done(format!(
                "{FAILOVER} names decision {named}, which the workload has left: it is in {place} by decision {now}, and stays"
            ))),
            Ordering::Greater => Err(format!(
                "names decision {named}, and there is none of that number yet: the present one is {now}"
            )),
        };
    }
    let again = format!("to move it on from there, name that decision: {}@{now}", providers.trim());
    if status.is_some_and(|status| status.phase == Phase::Moving) {
        return Err(format!("finds the workload moving to {place} (decision {now}): {again}"));
    }
    let asked_before = in_force
        .record
        .as_ref()
        .is_some_and(|record| record.previous.is_some() && record.excluded_providers == leave);
    if asked_before {
        return Err(format!(
            "has been followed already: the same request moved the workload to {place} (decision {now}); {again}"
        ));
    }
    Ok(Failover::Leave(leave))
}

/// Decides where a workload moves to.
///
/// # Errors
/// When there is nowhere to go: nothing changes then.
pub(super) async fn fail_over(
    admission: &Admission,
    workload: &Workload<'_>,
    asked: ClaimRequest,
    exclude_providers: &[String],
    from: &PlacementInForce,
    status: Option<&PlacementStatus>,
) -> Result<DesiredClaim, Denial> {
    let relocation = Relocation::new(from, status);
    let question =
        PlacementQuestion { asked: &asked, exclude_providers, relocation: Some(&relocation) };
    let place = &from.place;
    let stamp = decide(admission, workload, &question).await.map_err(|error| {
        Denial::schedule(&error, &annotation_path(FAILOVER))
            .with_context(&format!("it stays in {place}, there is no other place for it"))
    })?;
    let record = &stamp.record;
    let moves = if workload.request.is_dry_run() { "would move" } else { "moves" };
    let mut warning = format!(
        "{} {moves} from {place} to {} (decision {})",
        workload.name(),
        record.place(),
        record.sequence
    );
    if !record.degraded.is_empty() {
        let lacks = record.degraded.join(", ");
        warning.push_str(&format!(
            "; there it goes without {lacks}, which tier {} asks for",
            record.tier
        ));
    }
    let mut consumed = vec![FAILOVER];
    consumed.extend(release::is_of(&workload.new, place).then_some(RELEASE));
    let mut warnings = vec![warning];
    warnings.extend(recovery::warning(workload, &asked, &record.place()));
    let why = workload.new.metadata.annotation(FAILOVER);
    let happened = vec![history::decided(workload, record, why)];
    let (decision, asked) = (Some(Decision::Made(stamp)), Some(asked));
    Ok(DesiredClaim { asked, consumed, warnings, decision, happened, ..DesiredClaim::default() })
}

/// Whether `given` is a decision to move that this user could have asked for: how the outcome of
/// [`fail_over`] is known again when the object is reviewed once more, its request being consumed
/// by then.
pub(super) async fn is_outcome(
    admission: &Admission,
    workload: &Workload<'_>,
    given: &str,
    asked: &ClaimRequest,
    from: &PlacementInForce,
    status: Option<&PlacementStatus>,
) -> Result<bool, Denial> {
    let Ok(record) = Record::parse(given) else { return Ok(false) };
    let relocation = Relocation::new(from, status);
    let exclude_providers = &record.excluded_providers;
    let provenance = relocation.provenance(exclude_providers, DecidedBy::Admission);
    if (record.sequence, &record.previous) != (provenance.sequence, &provenance.previous)
        || !admission.authorizer.allow(workload.request, VERB_FAILOVER).await?
    {
        return Ok(false);
    }
    let question = PlacementQuestion { asked, exclude_providers, relocation: Some(&relocation) };
    let snapshot = workload.snapshot;
    let catalogs =
        [Some(&snapshot.catalog), snapshot.probing.as_ref().map(|probing| &probing.catalog)];
    for catalog in catalogs.into_iter().flatten() {
        let Ok(stamp) = question.decide(workload, catalog) else { continue };
        // What the validating webhook sees the mutating one has decided, by a catalog that may
        // have changed since.
        let by_another_catalog = workload.webhook == WebhookKind::Validating
            && stamp.record.catalog != record.catalog
            && stamp.record.place() == record.place();
        if stamp.text() == given || by_another_catalog {
            return Ok(true);
        }
    }
    let summary = format!(
        "{PLACEMENT_REASON} is not the decision that the platform makes of this move: it was written by hand, or the catalog has changed meanwhile; ask for the move with {FAILOVER}"
    );
    Err(Denial::new(Reason::Conflict, summary))
}

/// The providers that `value` names.
fn named_providers(workload: &Workload<'_>, value: &str) -> Result<Vec<String>, String> {
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
