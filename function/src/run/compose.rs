//! The desired resources: the current placement's, rendered; and whatever exists and must not go by
//! omission, kept.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use idp_crds::contract::Request;
use idp_crds::names;
use idp_crds::status::{Place, Retained};
use serde_json::{Value, json};

use super::observed::{Item, Resources, SeenPlace};
use idp_core::compose::credentials::{self, Credentials};
use idp_core::compose::object::{as_desired, as_observed_only};
use idp_core::compose::product::Product;
use idp_core::compose::render::render;
use idp_core::compose::rendering::{Composed, Inputs, Rendering, Withheld};
use idp_core::compose::scope::{Flavour, Identity, Placement, TierFacts};
use idp_core::placement::phase::{self, Fate, Other};
use idp_core::structs::to_struct;

/// The connection Secret of a namespaced composite, which has no native one.
pub(super) const CONNECTION_KEY: &str = "workload/connection";

/// What is desired, and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) desired: BTreeMap<String, Desired>,
    /// Whether everything at the current placement is there and ready.
    pub(super) arrived: bool,
    pub(super) retained: Vec<Retained>,
    /// Old placements that are still active.
    pub(super) leaving: Vec<Place>,
    pub(super) withheld: Vec<Withheld>,
    /// Resources of the current placement that are not ready.
    pub(super) unready: Vec<String>,
    pub(super) effective: serde_json::Map<String, Value>,
    pub(super) notices: BTreeMap<String, String>,
    /// The connection, once complete.
    pub(super) connection: Option<BTreeMap<String, String>>,
}

impl Plan {
    /// Whether an old placement is still active.
    pub(super) fn is_moving(&self) -> bool {
        !self.leaving.is_empty()
    }
}

/// One desired resource.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Desired {
    /// The object, as a Struct's bytes.
    pub(super) object: Bytes,
    pub(super) ready: bool,
}

impl Desired {
    /// An object of the workload's own.
    fn own(object: &Value, ready: bool) -> Option<Desired> {
        // Texts in a shallow object: writing it does not fail.
        Some(Desired { object: to_struct(object).ok()?, ready })
    }
}

/// What the plan is made for.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) product: &'a Product,
    pub(super) request: &'a Request,
    pub(super) tier: &'a TierFacts,
    pub(super) placement: &'a Placement,
    pub(super) identity: &'a Identity,
    /// Another place, which a human has let go.
    pub(super) release: Option<&'a str>,
}

/// Plans the current placement and everything else that exists.
pub(super) fn plan(job: Job<'_>, seen: &Resources<'_>) -> Plan {
    let mut plan = Plan::default();
    let credentials = workload_credentials(job, seen, &mut plan);
    let place = job.placement.id();
    let rendering = match job.product.provider(&job.placement.provider) {
        Some(provider) => render(job.product, provider, inputs(job, credentials.as_ref()), seen),
        None => Rendering::default(),
    };
    let Rendering { objects, withheld, connection, effective, notices } = rendering;
    plan.unready =
        objects.iter().filter(|object| !object.ready).map(|object| object.key.clone()).collect();
    // Nobody can use it without them, and on a move what it replaces must stay until then.
    let missing =
        job.product.spec.connection_keys.iter().filter(|key| !connection.contains_key(*key));
    plan.unready.extend(missing.map(|key| format!("connection detail {key}")));
    plan.arrived = plan.unready.is_empty() && withheld.is_empty() && !objects.is_empty();
    plan.effective = effective;
    plan.notices = notices;

    keep_at_current(&mut plan, job, &objects, &withheld, seen);
    for composed in objects {
        plan.desired
            .insert(composed.key, Desired { object: composed.object, ready: composed.ready });
    }
    plan.withheld = withheld;
    keep_elsewhere(&mut plan, job, &place, seen);
    connect(&mut plan, job, connection, seen);
    plan.retained.sort_by(|a, b| a.place.cmp(&b.place));
    plan
}

/// Everything that exists, for when nothing can be worked out now. Nothing goes.
///
/// As it is; but where what it was made from is `gone` for good (its product, its candidate), what
/// holds data is looked at only, and listed.
pub(super) fn keep_all(
    seen: &Resources<'_>,
    gone: bool,
) -> (BTreeMap<String, Desired>, Vec<Retained>) {
    let workload = [credentials::RESOURCE_KEY, CONNECTION_KEY]
        .into_iter()
        .filter_map(|key| Some((key, seen.get(key)?)));
    let mut kept: BTreeMap<String, Desired> =
        workload.filter_map(|(key, item)| Some((key.to_owned(), as_it_is(item)?))).collect();
    let mut retained = Vec::new();
    for (place, SeenPlace { provider, region, .. }) in seen.places() {
        let mut resources = Vec::new();
        for (key, item) in seen.at(&place) {
            let looked_at_only = gone && item.is_stateful();
            let desired = if looked_at_only { looked_at(item) } else { as_it_is(item) };
            if let Some(desired) = desired {
                kept.insert(key.to_owned(), desired);
            }
            if looked_at_only {
                resources.push(key.to_owned());
            }
        }
        if !resources.is_empty() {
            retained.push(Retained { place, provider, region, resources });
        }
    }
    (kept, retained)
}

fn inputs<'a>(job: Job<'a>, credentials: Option<&'a Credentials>) -> Inputs<'a> {
    Inputs {
        request: job.request,
        tier: job.tier,
        placement: job.placement,
        identity: job.identity,
        credentials,
    }
}

fn as_it_is(item: &Item<'_>) -> Option<Desired> {
    Some(Desired { object: as_desired(item.bytes()).ok()?, ready: item.is_ready() })
}

/// Observed only. Ready, so that it never keeps the composite from being so.
fn looked_at(item: &Item<'_>) -> Option<Desired> {
    let bytes = item.bytes();
    let object = if item.is_managed() { as_observed_only(bytes) } else { as_desired(bytes) };
    Some(Desired { object: object.ok()?, ready: true })
}

/// What exists at the current placement, and was not rendered.
fn keep_at_current(
    plan: &mut Plan,
    job: Job<'_>,
    objects: &[Composed],
    withheld: &[Withheld],
    seen: &Resources<'_>,
) {
    let place = job.placement.id();
    let rendered: BTreeSet<&str> = objects.iter().map(|object| object.key.as_str()).collect();
    let withheld: BTreeSet<&str> =
        withheld.iter().map(|withheld| withheld.resource.as_str()).collect();
    // A resource's earlier generations go when all of the present one is ready.
    let renewing: BTreeSet<&str> =
        objects.iter().filter(|o| o.immutable && !o.ready).map(|o| o.resource.as_str()).collect();
    let mut retained = Vec::new();
    for (key, item) in seen.at(&place).filter(|(key, _)| !rendered.contains(key)) {
        let resource = item.resource().unwrap_or_default();
        let kept = if withheld.contains(resource) || renewing.contains(resource) {
            as_it_is(item)
        } else if item.is_stateful() {
            retained.push(key.to_owned());
            looked_at(item)
        } else {
            // Nothing asks for it any more, and it holds no data.
            None
        };
        if let Some(kept) = kept {
            plan.desired.insert(key.to_owned(), kept);
        }
    }
    if !retained.is_empty() {
        let Placement { provider, region, .. } = job.placement.clone();
        plan.retained.push(Retained { place, provider, region, resources: retained });
    }
}

/// What exists at other placements.
fn keep_elsewhere(plan: &mut Plan, job: Job<'_>, current: &str, seen: &Resources<'_>) {
    for (place, SeenPlace { provider, region, .. }) in
        seen.places().into_iter().filter(|(place, _)| place != current)
    {
        // What holds data is data also in a product that otherwise holds none.
        let stateful = |item: &Item<'_>| job.product.spec.stateful || item.is_stateful();
        let reaches =
            seen.at(&place).any(|(_, item)| stateful(item) && item.deletion_reaches_provider());
        let other = Other { place: &place, deletion_reaches_provider: reaches };
        let mut resources = Vec::new();
        let mut active = false;
        for (key, item) in seen.at(&place) {
            let desired = match phase::fate(other, stateful(item), plan.arrived, job.release) {
                Fate::Stays => {
                    active = true;
                    as_it_is(item)
                }
                Fate::Retained => {
                    resources.push(key.to_owned());
                    looked_at(item)
                }
                Fate::Dropped => None,
            };
            if let Some(desired) = desired {
                plan.desired.insert(key.to_owned(), Desired { ready: true, ..desired });
            }
        }
        if active {
            plan.leaving.push(Place { provider: provider.clone(), region: region.clone() });
        }
        if !resources.is_empty() {
            plan.retained.push(Retained { place, provider, region, resources });
        }
    }
}

/// The workload's Secret, composed once and kept ever after, also when the product has none any
/// more.
fn workload_credentials(
    job: Job<'_>,
    seen: &Resources<'_>,
    plan: &mut Plan,
) -> Option<Credentials> {
    let observed = seen.get(credentials::RESOURCE_KEY);
    let Some(spec) = &job.product.spec.credentials else {
        if let Some(kept) = observed.and_then(as_it_is) {
            plan.desired.insert(credentials::RESOURCE_KEY.to_owned(), kept);
        }
        return None;
    };
    let object = observed.and_then(Item::object);
    let credentials::Plan { credentials, mut secret } =
        credentials::plan(job.identity, &job.product.name, &spec.username, object.as_ref());
    label_workload(&mut secret, job, "credentials", true);
    let ready = credentials.password.is_some();
    if let Some(desired) = Desired::own(&secret, ready) {
        plan.desired.insert(credentials::RESOURCE_KEY.to_owned(), desired);
    }
    Some(credentials)
}

/// The connection, complete or not at all; during a move the old one stays until the new placement
/// is ready.
fn connect(
    plan: &mut Plan,
    job: Job<'_>,
    connection: BTreeMap<String, String>,
    seen: &Resources<'_>,
) {
    let keys = &job.product.spec.connection_keys;
    let complete = !keys.is_empty() && keys.iter().all(|key| connection.contains_key(key));
    let current = complete && (plan.arrived || !plan.is_moving());
    if current {
        plan.connection = Some(connection);
    }
    if job.identity.flavour == Flavour::Cluster {
        return;
    }
    let desired = match &plan.connection {
        Some(connection) => {
            let mut secret = json!({
                "apiVersion": "v1", "kind": "Secret", "type": "connection.crossplane.io/v1alpha1",
                "metadata": {"name": connection_secret_name(&job.identity.claim_name), "namespace": job.identity.namespace},
                "data": encode(connection),
            });
            label_workload(&mut secret, job, "connection", false);
            Desired::own(&secret, true)
        }
        None => seen.get(CONNECTION_KEY).and_then(as_it_is),
    };
    if let Some(desired) = desired {
        plan.desired.insert(CONNECTION_KEY.to_owned(), desired);
    }
}

fn encode(connection: &BTreeMap<String, String>) -> Value {
    use base64::Engine as _;
    let encode = |text: &String| base64::engine::general_purpose::STANDARD.encode(text);
    connection
        .iter()
        .map(|(key, text)| (key.clone(), json!(encode(text))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The name of a workload's connection secret.
#[must_use]
pub fn connection_secret_name(claim_name: &str) -> String {
    format!("{claim_name}-conn")
}

/// Labels of what belongs to the workload: like those of composed objects, but without a decision's
/// sequence.
fn label_workload(secret: &mut Value, job: Job<'_>, resource: &str, stateful: bool) {
    let Job { request, product, placement, .. } = job;
    let mut labels = json!({
        names::CELL: request.cell, names::TIER: request.tier, names::ENVIRONMENT: request.environment, names::PRODUCT: product.name,
        names::PROVIDER: placement.provider, names::REGION: placement.region, names::RESOURCE: resource,
    });
    if let (true, Some(labels)) = (stateful, labels.as_object_mut()) {
        labels.insert(names::STATEFUL.to_owned(), json!("true"));
    }
    if let Some(metadata) = secret.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("labels".to_owned(), labels);
    }
}
