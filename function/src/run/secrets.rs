//! The workload's own Secrets: its credentials, and the connection of a namespaced composite.

use std::collections::BTreeMap;

use idp_core::compose::credentials::{self, Credentials};
use idp_core::compose::facts::Scope;
use idp_core::structs::to_struct;
use idp_crds::names;
use serde_json::{Value, json};

use super::observed::{ObservedResource, Resources};
use super::plan::{CONNECTION_KEY, ComposeContext, Desired, Plan};
use super::preserve::unchanged;

/// The workload's Secret, composed once and kept ever after, also when the product has none any
/// more.
pub(super) fn credentials(
    context: ComposeContext<'_>,
    seen: &Resources<'_>,
    plan: &mut Plan,
) -> Option<Credentials> {
    let observed = seen.get(credentials::RESOURCE_KEY);
    let Some(spec) = &context.product.spec.credentials else {
        if let Some(kept) = observed.and_then(unchanged) {
            plan.desired.insert(credentials::RESOURCE_KEY.to_owned(), kept);
        }
        return None;
    };
    let object = observed.and_then(|secret| secret.parts(&credentials::OBSERVED_PARTS));
    let credentials::Plan { mut credentials, mut secret } =
        credentials::plan(context.identity, &context.product.name, &spec.username, object.as_ref());
    if let Some(object) = &object
        && context.identity.in_cluster()
        && !credentials::is_made_by_us(context.identity, object)
        && !are_in_use(context, seen)
    {
        let (namespace, name) = (&context.identity.namespace, &credentials.secret_name);
        plan.foreign_secret = Some(format!(
            "the Secret {namespace}/{name} was not made for this workload, and its password may be known to others: nothing is made with it; delete that Secret, and it is made anew"
        ));
        if let Some(kept) = observed.and_then(unchanged) {
            plan.desired
                .insert(credentials::RESOURCE_KEY.to_owned(), Desired { ready: false, ..kept });
        }
        credentials.password = None;
        return Some(credentials);
    }
    let ready = credentials.password.is_some();
    // Protected once it is known to be the workload's: what turns out to be somebody else's is
    // deleted by hand.
    let is_protected = ready && context.identity.in_cluster();
    label_workload(&mut secret, context, "credentials", Keeps { data: true, is_protected });
    if let Some(desired) = desired(&secret, ready) {
        plan.desired.insert(credentials::RESOURCE_KEY.to_owned(), desired);
    }
    Some(credentials)
}

/// Whether something was made with the credentials: then they are the workload's, wherever they come
/// from (a cluster that was restored gives its objects other uids).
fn are_in_use(context: ComposeContext<'_>, seen: &Resources<'_>) -> bool {
    seen.places().iter().any(|observed| {
        let provider = context.product.provider(&observed.place.provider);
        let plans = provider.map(|provider| provider.resources.as_slice()).unwrap_or_default();
        seen.at(&observed.place.id()).any(|(_, resource)| match resource.resource() {
            Some(name) => plans.iter().any(|plan| plan.name == name && plan.needs_credentials()),
            // Of what has lost its labels the worst is assumed.
            None => true,
        })
    })
}

/// The connection, complete or not at all; during a move the old one stays until the new placement
/// is ready.
pub(super) fn connect(
    plan: &mut Plan,
    context: ComposeContext<'_>,
    connection: BTreeMap<String, String>,
    seen: &Resources<'_>,
) {
    let keys = &context.product.spec.connection_keys;
    let complete = !keys.is_empty() && keys.iter().all(|key| connection.contains_key(key));
    let current = complete && (plan.placement_ready || !plan.is_moving());
    if current {
        plan.connection = Some(connection);
    }
    if context.identity.scope == Scope::Cluster {
        return;
    }
    let observed = seen.get(CONNECTION_KEY);
    let desired = match &plan.connection {
        Some(connection) => {
            let identity = context.identity;
            // One that is there keeps its name: applications go by it.
            let name = observed.and_then(ObservedResource::name).map_or_else(
                || names::connection_secret(&identity.claim_name, &context.product.name),
                str::to_owned,
            );
            let mut secret = json!({
                "apiVersion": "v1", "kind": "Secret", "type": "connection.crossplane.io/v1alpha1",
                "metadata": {"name": name, "namespace": identity.namespace},
                "data": encode(connection),
            });
            let keeps = Keeps { data: false, is_protected: true };
            label_workload(&mut secret, context, "connection", keeps);
            desired(&secret, true)
        }
        None => observed.and_then(unchanged),
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

/// What the labels of a workload's own object say of its loss.
#[derive(Clone, Copy)]
struct Keeps {
    /// It is never deleted without a human act.
    data: bool,
    /// What deleting the workload means is of it, too.
    is_protected: bool,
}

/// Labels of what belongs to the workload: like those of composed objects, but without a decision's
/// sequence.
fn label_workload(secret: &mut Value, context: ComposeContext<'_>, resource: &str, keeps: Keeps) {
    let ComposeContext { request, product, placement, .. } = context;
    let mut labels = json!({
        names::CELL: request.cell, names::TIER: request.tier, names::ENVIRONMENT: request.environment, names::PRODUCT: product.name,
        names::PROVIDER: placement.provider, names::REGION: placement.region, names::RESOURCE: resource,
    });
    if let Some(labels) = labels.as_object_mut() {
        let is_protected = product.spec.stateful && keeps.is_protected;
        let deletion = is_protected.then_some(request.deletion.name());
        labels.extend(deletion.map(|deletion| (names::DELETION.to_owned(), json!(deletion))));
        labels.extend(keeps.data.then(|| (names::STATEFUL.to_owned(), json!("true"))));
    }
    if let Some(metadata) = secret.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("labels".to_owned(), labels);
    }
}

/// An object of the workload's own.
fn desired(object: &Value, ready: bool) -> Option<Desired> {
    // Texts in a shallow object: writing it does not fail.
    Some(Desired { object: to_struct(object).ok()?, ready })
}
