//! What exists and must not go by omission: whatever is left out of the answer, Crossplane deletes.

use std::collections::{BTreeMap, BTreeSet};

use idp_core::compose::credentials;
use idp_core::compose::object::{as_desired, as_observed_only};
use idp_core::compose::rendering::{Composed, Pending};
use idp_core::placement::{Disposition, ObservedPlace, PreviousPlacement};
use idp_crds::status::{Place, Retained};

use super::observed::{ObservedResource, Resources};
use super::plan::{CONNECTION_KEY, ComposeContext, Desired, Plan};

/// Everything that exists, for when nothing can be worked out now. Nothing goes.
///
/// As it is; but where what it was made from is `gone` for good (its product, its candidate), what
/// holds data is observed only, and listed.
pub(super) fn everything(
    seen: &Resources<'_>,
    gone: bool,
) -> (BTreeMap<String, Desired>, Vec<Retained>) {
    let workload = [credentials::RESOURCE_KEY, CONNECTION_KEY]
        .into_iter()
        .filter_map(|key| Some((key, seen.get(key)?)));
    let mut kept: BTreeMap<String, Desired> = workload
        .filter_map(|(key, resource)| Some((key.to_owned(), unchanged(resource)?)))
        .collect();
    let mut retained = Vec::new();
    for ObservedPlace { place, .. } in seen.places() {
        let mut resources = Vec::new();
        for (key, resource) in seen.at(&place.id()) {
            let observed_only = gone && resource.is_stateful();
            let desired = if observed_only { observe_only(resource) } else { unchanged(resource) };
            if let Some(desired) = desired {
                kept.insert(key.to_owned(), desired);
            }
            if observed_only {
                resources.push(key.to_owned());
            }
        }
        if !resources.is_empty() {
            retained.push(retained_at(place, resources));
        }
    }
    (kept, retained)
}

/// What exists at the current placement, and was not rendered.
pub(super) fn at_current(
    plan: &mut Plan,
    context: ComposeContext<'_>,
    objects: &[Composed],
    pending: &[Pending],
    seen: &Resources<'_>,
) {
    let place = context.placement.id();
    let rendered: BTreeSet<&str> = objects.iter().map(|object| object.key.as_str()).collect();
    let pending: BTreeSet<&str> = pending.iter().map(|pending| pending.resource.as_str()).collect();
    // A resource's earlier generations go when all of the present one is ready.
    let renewing: BTreeSet<&str> =
        objects.iter().filter(|o| o.immutable && !o.ready).map(|o| o.resource.as_str()).collect();
    let left: Vec<_> = seen.at(&place).filter(|(key, _)| !rendered.contains(key)).collect();
    let used = still_used(context, objects, &pending, &left);
    let mut retained = Vec::new();
    for (key, resource) in left {
        let name = resource.resource().unwrap_or_default();
        let in_use = used.contains(name) && !resource.is_stateful();
        let kept = if pending.contains(name) || renewing.contains(name) || in_use {
            unchanged(resource)
        } else if resource.is_stateful() {
            retained.push(key.to_owned());
            observe_only(resource)
        } else {
            // Nothing asks for it any more, and it holds no data.
            None
        };
        if let Some(kept) = kept {
            plan.desired.insert(key.to_owned(), kept);
        }
    }
    if !retained.is_empty() {
        let here = Place::new(&context.placement.provider, &context.placement.region);
        plan.retained.push(retained_at(&here, retained));
    }
}

/// Resources of which nothing may go yet, because another one still refers to it: one that is left
/// over too, so that what is used goes after what uses it (a group after the replica that is kept
/// in it); and for an earlier generation one that is not well with the present one (a balancer that
/// still points at the old containers).
fn still_used<'p>(
    context: ComposeContext<'p>,
    objects: &[Composed],
    pending: &BTreeSet<&str>,
    left: &[(&str, &ObservedResource<'_>)],
) -> BTreeSet<&'p str> {
    let Some(provider) = context.product.provider(&context.placement.provider) else {
        return BTreeSet::new();
    };
    let left: BTreeSet<&str> =
        left.iter().filter_map(|(_, resource)| resource.resource()).collect();
    let unready: BTreeSet<&str> =
        objects.iter().filter(|o| !o.ready).map(|o| o.resource.as_str()).collect();
    let immutable: BTreeSet<&str> =
        provider.resources.iter().filter(|r| r.immutable).map(|r| r.name.as_str()).collect();
    let users = provider.resources.iter().filter(|user| {
        let name = user.name.as_str();
        left.contains(name) || unready.contains(name) || pending.contains(name)
    });
    users
        .flat_map(|user| {
            let (left, immutable) = (left.contains(user.name.as_str()), &immutable);
            user.refers_to
                .iter()
                .map(String::as_str)
                .filter(move |used| *used != user.name && (left || immutable.contains(used)))
        })
        .collect()
}

/// What exists at other placements.
pub(super) fn elsewhere(plan: &mut Plan, context: ComposeContext<'_>, seen: &Resources<'_>) {
    let current = context.placement.id();
    for ObservedPlace { place, .. } in
        seen.places().iter().filter(|seen| seen.place.id() != current)
    {
        let id = place.id();
        // What holds data is data also in a product that otherwise holds none.
        let stateful = |resource: &ObservedResource<'_>| {
            context.product.spec.stateful || resource.is_stateful()
        };
        let previous = PreviousPlacement {
            released: context.release == Some(id.as_str()),
            deletion_reaches_provider: seen
                .at(&id)
                .any(|(_, resource)| stateful(resource) && resource.deletion_reaches_provider()),
        };
        let mut resources = Vec::new();
        let mut active = false;
        for (key, resource) in seen.at(&id) {
            let desired = match previous.disposition(stateful(resource), plan.placement_ready) {
                Disposition::Stays => {
                    active = true;
                    unchanged(resource)
                }
                Disposition::Retained => {
                    resources.push(key.to_owned());
                    observe_only(resource)
                }
                Disposition::Dropped => None,
            };
            if let Some(desired) = desired {
                plan.desired.insert(key.to_owned(), Desired { ready: true, ..desired });
            }
        }
        if active {
            plan.leaving.push(place.clone());
        }
        if !resources.is_empty() {
            plan.retained.push(retained_at(place, resources));
        }
    }
}

fn retained_at(place: &Place, resources: Vec<String>) -> Retained {
    let Place { provider, region } = place.clone();
    Retained { place: place.id(), provider, region, resources }
}

pub(super) fn unchanged(resource: &ObservedResource<'_>) -> Option<Desired> {
    Some(Desired { object: as_desired(resource.bytes()).ok()?, ready: resource.is_ready() })
}

/// Observed only. Ready, so that it never keeps the composite from being so.
fn observe_only(resource: &ObservedResource<'_>) -> Option<Desired> {
    let bytes = resource.bytes();
    let object = if resource.is_managed() { as_observed_only(bytes) } else { as_desired(bytes) };
    Some(Desired { object: object.ok()?, ready: true })
}
