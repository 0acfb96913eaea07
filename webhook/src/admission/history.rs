//! What has happened to a workload, written down where it is decided: admission knows who asks and
//! what time it is, and the function neither.
//!
//! The mutating webhook writes it; the validating one finds it written, and Crossplane carries it
//! from the claim to the composite resource. Nobody else writes it: what users change of it is put
//! back.

use std::time::Duration;

use idp_core::placement::PlacementInForce;
use idp_crds::history::{Event, Happened, History};
use idp_crds::names::{HISTORY, RELEASE};
use idp_crds::record::{DecidedBy, Record};
use k8s_openapi::jiff::Timestamp;

use super::mutate::DesiredClaim;
use super::verdict::bounded;
use super::workload::Workload;

/// How far the clocks of two replicas may be apart.
const SKEW: Duration = Duration::from_secs(300);

/// Something that `workload`'s user has brought about.
pub(super) fn happened(workload: &Workload<'_>, event: Event, sequence: u64) -> Happened {
    Happened {
        event,
        at: None,
        by: short(&workload.request.user_info.username),
        sequence,
        from: None,
        to: None,
        why: None,
    }
}

/// A decision: the first, or one to move, asked for in these words.
pub(super) fn decided(workload: &Workload<'_>, record: &Record, why: Option<&str>) -> Happened {
    let from = record.previous.as_ref().map(|from| format!("{}/{}", from.provider, from.region));
    let event = if from.is_some() { Event::Moved } else { Event::Placed };
    Happened {
        from,
        to: Some(record.place().to_string()),
        why: why.map(short),
        ..happened(workload, event, record.sequence)
    }
}

/// What a user gave, so much of it as is kept.
pub(super) fn short(text: &str) -> String {
    // With the sign that something is cut off.
    bounded(text, History::LONGEST - 3).into_owned()
}

/// Settles the history of a workload that had `before`, and to which `desired` has happened.
pub(super) fn settle(workload: &Workload<'_>, before: Option<&str>, desired: &mut DesiredClaim) {
    let given = workload.new.metadata.annotation(HISTORY);
    let more = &desired.happened;
    if more.is_empty() && given == before {
        return;
    }
    let before = before.and_then(History::parse).unwrap_or_default();
    let told = given.and_then(History::parse);
    if told.is_some_and(|told| told.continues(&before, more) && are_of_now(&told, more.len())) {
        return;
    }
    if more.is_empty() && before.all().is_empty() {
        desired.consumed.push(HISTORY);
        return;
    }
    let at = now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let stamped = more.iter().map(|one| Happened { at: Some(at.clone()), ..one.clone() });
    desired.history = Some(before.with(stamped));
}

/// Settles the history of a new workload that brings its decision along: from a backup, with what
/// happened before it.
pub(super) fn settle_restored(
    workload: &Workload<'_>,
    record: &Record,
    desired: &mut DesiredClaim,
) {
    let restored = Happened {
        to: Some(record.place().to_string()),
        ..happened(workload, Event::Restored, record.sequence)
    };
    let given = workload.new.metadata.annotation(HISTORY);
    let brought = given.and_then(History::parse).unwrap_or_default();
    let is_told = brought.all().last().is_some_and(|last| last.is(&restored));
    if is_told && are_of_now(&brought, 1) {
        return;
    }
    desired.happened.push(restored);
    let before = Some(brought.to_string()).filter(|_| given.is_some());
    settle(workload, before.as_deref(), desired);
}

/// What nobody saw who knows the time: the function has decided, or histories were not kept yet.
pub(super) fn settle_unseen(
    workload: &Workload<'_>,
    in_force: Option<&PlacementInForce>,
    before: Option<&str>,
    desired: &mut DesiredClaim,
) {
    let Some(record) = in_force.and_then(|in_force| in_force.record.as_deref()) else { return };
    let given = workload.new.metadata.annotation(HISTORY).or(before);
    let history = given.and_then(History::parse).unwrap_or_default();
    if history.all().iter().any(|one| one.sequence >= record.sequence) {
        return;
    }
    let by = match record.decided_by {
        DecidedBy::Function => "function",
        DecidedBy::Admission => "admission",
    };
    let unseen = Happened { by: by.to_owned(), ..decided(workload, record, None) };
    desired.history = Some(history.with([unseen]));
}

/// A release that is asked for now.
pub(super) fn released(
    workload: &Workload<'_>,
    before: Option<&str>,
    sequence: u64,
) -> Option<Happened> {
    let asked = workload.new.metadata.annotation(RELEASE).filter(|asked| Some(*asked) != before)?;
    Some(Happened { from: Some(short(asked)), ..happened(workload, Event::Released, sequence) })
}

/// Whether the last `count` were written just now: the first webhook has, and nobody made a time up.
fn are_of_now(history: &History, count: usize) -> bool {
    let now = now();
    history.all().iter().rev().take(count).all(|one| {
        let at = one.at.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
        at.is_some_and(|at| now.duration_since(at).unsigned_abs() <= SKEW)
    })
}

/// For people to read, and for nothing to be decided by.
fn now() -> Timestamp {
    Timestamp::now()
}
