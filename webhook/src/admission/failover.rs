//! A move that is asked for: `platform.example.org/failover` names the providers to leave, or
//! `any`.

use idp_core::placement::{PlacementInForce, Relocation};
use idp_crds::contract::{FieldError, Problem, Request as ClaimRequest, did_you_mean};
use idp_crds::names::{FAILOVER, RELEASE, VERB_FAILOVER};
use idp_crds::record::{DecidedBy, Record};
use idp_crds::status::PlacementStatus;

use super::context::Admission;
use super::decide::{PlacementQuestion, decide};
use super::mutate::{Decision, DesiredClaim};
use super::verdict::{Denial, Reason};
use super::workload::{Flavour, Workload, annotation_error, annotation_path};
use super::{authorizer, release};

/// What `any` means: leave the place, whatever the provider.
const ANY: &str = "any";

/// The providers to leave for a move that is asked for; else what is wrong with asking.
pub(super) async fn exclude_providers(
    admission: &Admission,
    workload: &Workload<'_>,
    value: &str,
    in_force: Option<&PlacementInForce>,
) -> Result<Result<Vec<String>, FieldError>, Denial> {
    let error = |problem, message: String| Ok(Err(annotation_error(FAILOVER, problem, message)));
    if workload.flavour == Flavour::Composite && workload.new.has_claim() {
        let message = "must be asked for on the claim that this composite resource belongs to";
        return error(Problem::Forbidden, message.to_owned());
    }
    if !admission.authorizer.allow(workload.request, VERB_FAILOVER).await? {
        return error(Problem::Forbidden, authorizer::missing(workload.request, VERB_FAILOVER));
    }
    if in_force.is_none() {
        let message = "needs a workload that is placed, and this one is not yet: try again later";
        return error(Problem::Invalid, message.to_owned());
    }
    Ok(named_providers(workload, value)
        .map_err(|message| annotation_error(FAILOVER, Problem::Invalid, message)))
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
    let warning = format!(
        "{} {moves} from {place} to {} (decision {})",
        workload.name(),
        record.place(),
        record.sequence
    );
    let mut consumed = vec![FAILOVER];
    consumed.extend(release::is_of(&workload.new, place).then_some(RELEASE));
    let decision = Some(Decision::Made(stamp));
    Ok(DesiredClaim { asked: Some(asked), consumed, warnings: vec![warning], decision })
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
    let provenance = relocation.provenance(DecidedBy::Admission);
    if (record.sequence, &record.previous) != (provenance.sequence, &provenance.previous) {
        return Ok(false);
    }
    // The best place of its own provider, which is where leaving all others leads.
    let snapshot = workload.snapshot;
    let providers = snapshot.catalog.scheduler().providers().iter();
    let leave: Vec<String> =
        providers.filter(|provider| **provider != record.selected.provider).cloned().collect();
    let question =
        PlacementQuestion { asked, exclude_providers: &leave, relocation: Some(&relocation) };
    let catalogs =
        [Some(&snapshot.catalog), snapshot.probing.as_ref().map(|probing| &probing.catalog)];
    let chosen_by_us = catalogs
        .into_iter()
        .flatten()
        .filter_map(|catalog| question.decide(workload, catalog).ok())
        .any(|stamp| stamp.record.place() == record.place());
    Ok(chosen_by_us && admission.authorizer.allow(workload.request, VERB_FAILOVER).await?)
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
