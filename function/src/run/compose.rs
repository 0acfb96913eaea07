//! The desired resources: the current placement's, rendered; and whatever exists and must not go by
//! omission, kept.

use idp_core::compose::render::render;
use idp_core::compose::rendering::{Inputs, Rendering};

use super::observed::Resources;
use super::plan::{ComposeContext, Desired, Plan};
use super::{preserve, secrets};

/// Plans the current placement and everything else that exists.
pub(super) fn plan(context: ComposeContext<'_>, seen: &Resources<'_>) -> Plan {
    let mut plan = Plan::default();
    let credentials = secrets::credentials(context, seen, &mut plan);
    let ComposeContext { product, request, tier, placement, identity, .. } = context;
    let inputs = Inputs { request, tier, placement, identity, credentials: credentials.as_ref() };
    let rendering = match product.provider(&placement.provider) {
        Some(provider) => render(product, provider, inputs, seen),
        None => Rendering::default(),
    };
    let Rendering { objects, pending, connection, effective, notices, deletion, recovery } =
        rendering;
    plan.unready =
        objects.iter().filter(|object| !object.ready).map(|object| object.key.clone()).collect();
    // Nobody can use it without them, and on a move what it replaces must stay until then.
    let missing = product.spec.connection_keys.iter().filter(|key| !connection.contains_key(*key));
    plan.unready.extend(missing.map(|key| format!("connection detail {key}")));
    plan.placement_ready = plan.unready.is_empty() && pending.is_empty() && !objects.is_empty();
    (plan.deletion, plan.recovery) = (deletion, recovery);
    plan.effective = effective;
    plan.notices = notices;

    preserve::at_current(&mut plan, context, &objects, &pending, seen);
    for composed in objects {
        plan.desired
            .insert(composed.key, Desired { object: composed.object, ready: composed.ready });
    }
    plan.pending = pending;
    preserve::elsewhere(&mut plan, context, seen);
    secrets::connect(&mut plan, context, connection, seen);
    plan.retained.sort_by(|a, b| a.place.cmp(&b.place));
    plan
}
