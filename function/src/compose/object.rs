//! Kubernetes objects of rendered templates: names, labels, flavour, and what every managed resource needs.

use idp_crds::contract::Request;
use idp_crds::names;
use serde_json::{Map, Value, json};

use super::expression::shortened;
use super::product::ResourcePlan;
use super::scope::{Flavour, Identity, Placement};

/// Policies of a managed resource that is fully ours. Late initialisation is left out: it would pin the provider's defaults
/// into the spec, and then fight the template.
const MANAGED: [&str; 4] = ["Observe", "Create", "Update", "Delete"];

/// The longest object name that is also a label value.
const LONGEST_NAME: usize = 63;

/// `<provider>-<region>/<resource>[-<index>][-<hash>]`: the composition-resource-name. It carries the placement, so that two
/// placements of one workload never collide.
#[must_use]
pub fn resource_key(placement_id: &str, resource: &str, suffix: &str) -> String {
    format!("{}{resource}{suffix}", place_prefix(placement_id))
}

/// What the composition-resource-names of one place begin with.
#[must_use]
pub fn place_prefix(placement_id: &str) -> String {
    format!("{placement_id}/")
}

/// The name of a composed object, the same for ever for the same workload, place and resource: an object whose reference was
/// lost is found again instead of made twice. It carries the product, since workloads of two products may have one name.
#[must_use]
pub fn object_name(identity: &Identity, product: &str, placement: &Placement, resource: &str, suffix: &str) -> String {
    shortened(&format!("{}-{product}-{}-{resource}{suffix}", identity.name, placement.id()), LONGEST_NAME)
}

/// What labels say about a composed object.
pub(super) struct Labels<'a> {
    pub(super) request: &'a Request,
    pub(super) product: &'a str,
    pub(super) placement: &'a Placement,
}

impl Labels<'_> {
    /// Sets the labels of an object of the resource `name`.
    pub(super) fn set(&self, object: &mut Map<String, Value>, resource: &str, stateful: bool) {
        let labels = child(child(object, "metadata"), "labels");
        let sequence = self.placement.sequence.to_string();
        for (label, value) in [
            (names::CELL, self.request.cell.as_str()),
            (names::TIER, &self.request.tier),
            (names::ENVIRONMENT, &self.request.environment),
            (names::PRODUCT, self.product),
            (names::PROVIDER, &self.placement.provider),
            (names::REGION, &self.placement.region),
            (names::SEQUENCE, &sequence),
            (names::RESOURCE, resource),
        ] {
            labels.insert(label.to_owned(), json!(value));
        }
        if stateful {
            labels.insert(names::STATEFUL.to_owned(), json!("true"));
        }
    }
}

/// Makes a rendered template of `plan` fit its flavour, and fills in what the template leaves to the platform.
pub(super) fn finish(
    object: &mut Map<String, Value>,
    plan: &ResourcePlan,
    identity: &Identity,
    placement: &Placement,
    name: &str,
) {
    metadata_first(object);
    child(object, "metadata").insert("name".to_owned(), json!(name));
    if identity.flavour == Flavour::Namespaced {
        object.insert("apiVersion".to_owned(), json!(plan.namespaced_api_version));
    }
    let core = plan.api_version == "v1";
    if core && identity.flavour == Flavour::Cluster {
        child(object, "metadata").entry("namespace").or_insert_with(|| json!(identity.namespace));
    }
    if !plan.managed {
        return;
    }
    let spec = child(object, "spec");
    spec.entry("managementPolicies").or_insert_with(|| json!(MANAGED));
    spec.entry("providerConfigRef").or_insert_with(|| json!({"name": placement.provider_config.name}));
    if identity.flavour == Flavour::Namespaced {
        spec.remove("deletionPolicy");
        child(spec, "providerConfigRef").entry("kind").or_insert_with(|| json!(placement.provider_config.kind));
        local_secret_references(spec);
    }
}

/// Puts `metadata`, with its name, where people look for it: after `kind`.
fn metadata_first(object: &mut Map<String, Value>) {
    let rest = std::mem::take(object);
    let (head, tail): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(field, _)| field == "apiVersion" || field == "kind");
    object.extend(head);
    object.insert("metadata".to_owned(), json!({"name": ""}));
    for (field, value) in tail {
        match (field.as_str(), value) {
            ("metadata", Value::Object(fields)) => child(object, "metadata").extend(fields),
            (_, value) => {
                object.insert(field, value);
            }
        }
    }
}

/// Namespaced managed resources refer to Secrets in their own namespace only, and have no field to say so.
fn local_secret_references(fields: &mut Map<String, Value>) {
    for (name, value) in fields.iter_mut() {
        let reference = name.ends_with("SecretRef") || name.ends_with("SecretKeyRef") || name == "writeConnectionSecretToRef";
        match value {
            Value::Object(fields) => {
                if reference {
                    fields.remove("namespace");
                }
                local_secret_references(fields);
            }
            Value::Array(items) => items.iter_mut().filter_map(Value::as_object_mut).for_each(local_secret_references),
            _ => {}
        }
    }
}

/// The management policies of an object that is kept: it is looked at, and nothing else.
pub fn observe_only(object: &mut Value) {
    if let Some(spec) =
        object.as_object_mut().filter(|o| is_managed(o)).and_then(|o| o.get_mut("spec")).and_then(Value::as_object_mut)
    {
        spec.insert("managementPolicies".to_owned(), json!(["Observe"]));
    }
}

/// Whether the object is a provider's managed resource.
fn is_managed(object: &Map<String, Value>) -> bool {
    object.get("spec").and_then(|spec| spec.get("forProvider")).is_some()
}

/// Strips what the API server owns from an observed object, so that it can be sent whole as a desired one.
///
/// Server-side apply removes fields that an applier stops sending: a kept object is sent with everything it has.
pub fn as_desired(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
        let metadata = child(fields, "metadata");
        for owned in [
            "creationTimestamp",
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "generation",
            "managedFields",
            "resourceVersion",
            "selfLink",
            "uid",
        ] {
            metadata.remove(owned);
        }
        // Crossplane sets its own.
        metadata.remove("ownerReferences");
        metadata.remove("finalizers");
    }
    object
}

/// The object under `field`, made if it is not there (or is no object).
pub(super) fn child<'o>(object: &'o mut Map<String, Value>, field: &str) -> &'o mut Map<String, Value> {
    let value = object.entry(field).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(fields) => fields,
        _ => unreachable!("was made an object"),
    }
}
