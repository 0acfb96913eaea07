//! A workload that changes: it stays where it is, unless a move is asked for.

use idp_crds::contract::{Deletion, update};
use idp_crds::history::{Event, Happened};
use idp_crds::names::{ADOPT_CANDIDATE, FAILOVER, HISTORY, PLACEMENT_REASON, RELEASE};
use idp_crds::record::Record;

use super::before::Before;
use super::context::Admission;
use super::contract::{self, Contract};
use super::failover::Failover;
use super::mutate::{Decision, DesiredClaim};
use super::object::Object;
use super::verdict::Denial;
use super::workload::Workload;
use super::{adopt, connection, failover, history, protection, recovery, release, restore};

/// Settles what a changed workload is to be like: resolve → failover, or keep.
///
/// # Errors
/// Everything that is wrong with the change.
pub(super) async fn update<'r>(
    admission: &Admission,
    workload: &Workload<'r>,
    old: Object<'r>,
) -> Result<DesiredClaim, Denial> {
    if is_terminating(&workload.new, &old) {
        let errors = contract::of_terminating(&workload.new, &old);
        return if errors.is_empty() {
            Ok(DesiredClaim::default())
        } else {
            Err(Denial::fields(errors))
        };
    }
    let before = Before::resolve(workload, old);
    let mut contract = contract::of_change(workload, &before.object, &before.asked);
    let failover = match workload.new.metadata.annotation(FAILOVER) {
        None => None,
        Some(value) => match failover::request(admission, workload, value, &before).await? {
            Ok(failover) => Some(failover),
            Err(error) => {
                contract.errors.push(error);
                None
            }
        },
    };
    contract.errors.extend(protection::error(admission, workload, &before).await?);
    let connection = connection::error(admission, workload, Some(&before.object)).await?;
    contract.errors.extend(connection);
    contract.errors.extend(release::error(admission, workload, &before).await?);
    contract.errors.extend(adopt::error(admission, workload, &before).await?);
    let mut desired = match failover {
        Some(Failover::Leave(providers)) => {
            fail_over(admission, workload, &before, contract, &providers).await?
        }
        Some(Failover::Done(notice)) => {
            let mut desired = keep(admission, workload, &before, contract).await?;
            desired.consumed.push(FAILOVER);
            desired.warnings.push(notice);
            desired
        }
        None => keep(admission, workload, &before, contract).await?,
    };
    let released = release::is_done(&workload.new, &before.object, before.status.as_ref());
    desired.consumed.extend(released.then_some(RELEASE));
    desired.put_back = contract::dropped_machinery(&workload.new, &before.object);
    write_down(workload, &before, &mut desired);
    Ok(desired)
}

/// What has happened beside a move.
fn write_down(workload: &Workload<'_>, before: &Before<'_>, desired: &mut DesiredClaim) {
    let (old, new) = (&before.object.metadata, &workload.new.metadata);
    let sequence = before.in_force.as_ref().map_or(0, |in_force| in_force.sequence);
    let place = before.in_force.as_ref().map(|in_force| in_force.place.to_string());
    desired.happened.extend(history::released(workload, old.annotation(RELEASE), sequence));
    let adopted = new.annotation(ADOPT_CANDIDATE);
    if let Some(what) = adopted.filter(|what| Some(*what) != old.annotation(ADOPT_CANDIDATE)) {
        let happened = history::happened(workload, Event::Adopted, sequence);
        desired.happened.push(Happened { to: place, why: Some(history::short(what)), ..happened });
    }
    if workload.product.spec.stateful
        && let Some(field) = update::unprotects(&before.object.spec, &workload.new.spec)
    {
        let [from, to] = [&before.object.spec, &workload.new.spec].map(Deletion::of);
        let why = format!("{field}: from {} to {}", from.name(), to.name());
        let happened = history::happened(workload, Event::Unprotected, sequence);
        desired.happened.push(Happened { why: Some(why), ..happened });
    }
    history::settle(workload, old.annotation(HISTORY), desired);
}

fn is_terminating(new: &Object<'_>, old: &Object<'_>) -> bool {
    [new, old].into_iter().any(|object| object.metadata.deletion_timestamp.is_some())
}

async fn fail_over(
    admission: &Admission,
    workload: &Workload<'_>,
    before: &Before<'_>,
    contract: Contract,
    leave: &[String],
) -> Result<DesiredClaim, Denial> {
    let Contract { asked, errors } = contract;
    match (asked, &before.in_force) {
        (Some(asked), Some(from)) if errors.is_empty() => {
            let status = before.status.as_ref();
            failover::fail_over(admission, workload, asked, leave, from, status).await
        }
        (None, _) => {
            let errors = workload.asked(&workload.new).err().unwrap_or(errors);
            Err(failover::needs_a_good_object(errors))
        }
        _ => Err(Denial::fields(errors)),
    }
}

/// Keeps the workload where it is, and its annotation at the decision in force.
async fn keep(
    admission: &Admission,
    workload: &Workload<'_>,
    before: &Before<'_>,
    contract: Contract,
) -> Result<DesiredClaim, Denial> {
    let Contract { asked, mut errors } = contract;
    let given = workload.new.metadata.annotation(PLACEMENT_REASON);
    let kept = before.in_force.as_ref().and_then(|in_force| in_force.reason.as_deref());
    if let (Some(from), Some(text), Some(asked)) = (&before.in_force, given, &asked)
        && given != kept
        && failover::is_outcome(admission, workload, text, asked, from, before.status.as_ref())
            .await?
    {
        // Decided, its gates checked, by an earlier review of this very change.
        return if errors.is_empty() {
            let record = Record::parse(text).ok();
            let moved = record.map(|record| history::decided(workload, &record, None));
            let (asked, happened) = (Some(asked.clone()), moved.into_iter().collect());
            Ok(DesiredClaim { asked, happened, ..DesiredClaim::default() })
        } else {
            Err(Denial::fields(errors))
        };
    }
    let mut desired = DesiredClaim::default();
    let changed =
        given.filter(|given| Some(*given) != before.object.metadata.annotation(PLACEMENT_REASON));
    match (kept, changed) {
        (Some(kept), changed) if given != Some(kept) => {
            desired.decision = Some(Decision::Kept(kept.to_owned()));
            if changed.is_some() {
                desired.warnings.push(format!(
                    "{PLACEMENT_REASON} is kept as it was: a placed workload moves by {FAILOVER} only"
                ));
            }
        }
        (None, Some(added)) => {
            if let Some(asked) = &asked {
                let restore = restore::objection(admission, workload, added, Some(asked)).await?;
                errors.extend(restore.error());
            }
        }
        _ => {}
    }
    if let (Some(in_force), Some(asked)) = (&before.in_force, &asked) {
        let asked_before = before.asked.as_ref().ok();
        errors.extend(contract::unmet_requirements(workload, in_force, asked_before, asked));
        if asked_before.is_none_or(|before| before.tier != asked.tier) {
            match recovery::promise(workload, asked, &in_force.place) {
                Ok(warning) => desired.warnings.extend(warning),
                Err(error) => errors.push(error),
            }
        }
    }
    if errors.is_empty() {
        Ok(DesiredClaim { asked, ..desired })
    } else {
        Err(Denial::fields(errors))
    }
}
