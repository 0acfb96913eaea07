//! Kubernetes objects of rendered templates: names, labels, flavour, and what every managed
//! resource needs.

use std::sync::Arc;

use bytes::Bytes;
use idp_crds::candidate::ProviderConfigRef;
use idp_crds::contract::{ClaimRequest, Deletion};
use idp_crds::names;
use serde_json::{Value, json};

use super::facts::{Identity, Placement, Scope};
use super::plan::ResourcePlan;
use super::rendered::{RenderedObject, RenderedValue};
use crate::structs::{StructError, rewrite};

/// Policies of a managed resource that is fully ours. Late initialisation is left out: it would pin
/// the provider's defaults into the spec, and then fight the template.
const MANAGED: [&str; 4] = ["Observe", "Create", "Update", "Delete"];

/// The same of one that stays at its provider when its object goes.
const ORPHANED: [&str; 3] = ["Observe", "Create", "Update"];

/// `<provider>-<region>/<resource>[-<index>][-<hash>]`: the composition-resource-name. It carries
/// the placement, so that two placements of one workload never collide.
#[must_use]
pub fn resource_key(placement_id: &str, resource: &str, suffix: &str) -> String {
    [placement_id, "/", resource, suffix].concat()
}

/// What the composition-resource-names of one place begin with.
#[must_use]
pub fn place_prefix(placement_id: &str) -> String {
    format!("{placement_id}/")
}

/// How many labels every object gets, and how many fields its metadata has.
const LABELS: usize = 11;
const METADATA: usize = 4;

/// What labels say about a composed object.
#[derive(Clone, Copy)]
pub(super) struct Labels<'a> {
    pub(super) request: &'a ClaimRequest,
    pub(super) product: &'a str,
    pub(super) placement: &'a Placement,
    /// Of a product that holds data.
    pub(super) deletion: Option<Deletion>,
}

impl<'a> Labels<'a> {
    /// Sets the labels of an object of the resource `name`.
    fn set(&self, object: &mut RenderedObject<'a>, resource: &'a str, stateful: bool) {
        let Labels { request, placement, .. } = *self;
        object.child("metadata", |metadata| {
            metadata.child("labels", |labels| {
                labels.reserve(LABELS);
                labels.insert(names::CELL, RenderedValue::Text(&request.cell));
                labels.insert(names::TIER, RenderedValue::Text(&request.tier));
                labels.insert(names::ENVIRONMENT, RenderedValue::Text(&request.environment));
                labels.insert(names::PRODUCT, RenderedValue::Text(self.product));
                labels.insert(names::PROVIDER, RenderedValue::Text(&placement.provider));
                labels.insert(names::REGION, RenderedValue::Text(&placement.region));
                labels
                    .insert(names::SEQUENCE, RenderedValue::Owned(placement.sequence.to_string()));
                labels.insert(names::ID, RenderedValue::Text(&placement.provider_id));
                labels.insert(names::RESOURCE, RenderedValue::Text(resource));
                if let Some(deletion) = self.deletion {
                    labels.insert(names::DELETION, RenderedValue::Text(deletion.name()));
                }
                if stateful {
                    labels.insert(names::STATEFUL, RenderedValue::Text("true"));
                }
            });
        });
    }
}

/// Makes a rendered template of `plan` fit its flavour, and fills in what the template leaves to
/// the platform.
pub(super) fn complete_object<'a>(
    rendered: RenderedObject<'a>,
    plan: &'a ResourcePlan,
    identity: &'a Identity,
    labels: Labels<'a>,
    name: &'a str,
) -> RenderedObject<'a> {
    let mut object = metadata_first(rendered, name);
    if identity.scope == Scope::Namespaced {
        object.insert("apiVersion", RenderedValue::Text(&plan.namespaced_api_version));
    }
    let core = plan.api_version == "v1";
    if core && identity.scope == Scope::Cluster {
        object.child("metadata", |metadata| {
            metadata.insert_default("namespace", || RenderedValue::Text(&identity.namespace))
        });
    }
    if plan.managed {
        object.child("spec", |spec| managed_spec(spec, identity.scope, &labels));
    }
    labels.set(&mut object, &plan.name, plan.stateful);
    object
}

fn managed_spec<'a>(spec: &mut RenderedObject<'a>, scope: Scope, labels: &Labels<'a>) {
    let config: &ProviderConfigRef = &labels.placement.provider_config;
    let policies = |policies: &[&'static str]| {
        RenderedValue::List(policies.iter().copied().map(RenderedValue::Text).collect())
    };
    if labels.deletion == Some(Deletion::Orphan) {
        // What the data needs stays as well: a database outlives no security group that is its own.
        spec.insert("managementPolicies", policies(&ORPHANED));
    } else {
        spec.insert_default("managementPolicies", || policies(&MANAGED));
    }
    spec.insert_default("providerConfigRef", || {
        let mut reference = RenderedObject::default();
        reference.push("name", RenderedValue::Text(&config.name));
        RenderedValue::Object(reference)
    });
    if scope == Scope::Namespaced {
        spec.remove("deletionPolicy");
        spec.child("providerConfigRef", |reference| {
            reference.insert_default("kind", || RenderedValue::Value(Arc::new(json!(config.kind))))
        });
        local_secret_references(spec);
    }
}

/// Puts `metadata`, with its name, where people look for it: after `kind`.
fn metadata_first<'a>(rendered: RenderedObject<'a>, name: &'a str) -> RenderedObject<'a> {
    let mut object = RenderedObject::with_capacity(rendered.len() + 1);
    let mut rest = RenderedObject::with_capacity(rendered.len());
    let mut metadata = RenderedObject::with_capacity(METADATA);
    metadata.push("name", RenderedValue::Text(name));
    for (field, value) in rendered {
        match field.as_ref() {
            "apiVersion" | "kind" => object.push(field, value),
            "metadata" => metadata.extend(
                value.into_fields().into_iter().flatten().filter(|(name, _)| name != "name"),
            ),
            _ => rest.push(field, value),
        }
    }
    object.push("metadata", RenderedValue::Object(metadata));
    object.extend(rest);
    object
}

/// Namespaced managed resources refer to Secrets in their own namespace only, and have no field to
/// say so.
fn local_secret_references(fields: &mut RenderedObject<'_>) {
    for (name, tree) in fields.iter_mut() {
        drop_secret_namespaces(tree, is_secret_reference(name));
    }
}

fn is_secret_reference(field: &str) -> bool {
    field.ends_with("SecretRef")
        || field.ends_with("SecretKeyRef")
        || field == "writeConnectionSecretToRef"
}

fn drop_secret_namespaces(tree: &mut RenderedValue<'_>, reference: bool) {
    match tree {
        RenderedValue::Object(fields) => {
            if reference {
                fields.remove("namespace");
            }
            local_secret_references(fields);
        }
        RenderedValue::List(items) => {
            items.iter_mut().for_each(|item| drop_secret_namespaces(item, false))
        }
        RenderedValue::Value(value) => {
            drop_secret_namespaces_in_value(Arc::make_mut(value), reference)
        }
        RenderedValue::Literal(literal) if names_a_namespace(literal, reference) => {
            let mut value = literal.clone();
            drop_secret_namespaces_in_value(&mut value, reference);
            *tree = RenderedValue::Value(Arc::new(value));
        }
        RenderedValue::Literal(_) | RenderedValue::Text(_) | RenderedValue::Owned(_) => {}
    }
}

fn drop_secret_namespaces_in_value(value: &mut Value, reference: bool) {
    match value {
        Value::Object(fields) => {
            if reference {
                fields.shift_remove("namespace");
            }
            fields.iter_mut().for_each(|(name, value)| {
                drop_secret_namespaces_in_value(value, is_secret_reference(name))
            });
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| drop_secret_namespaces_in_value(item, false))
        }
        _ => {}
    }
}

fn names_a_namespace(value: &Value, reference: bool) -> bool {
    match value {
        Value::Object(fields) => {
            reference && fields.contains_key("namespace")
                || fields
                    .iter()
                    .any(|(name, value)| names_a_namespace(value, is_secret_reference(name)))
        }
        Value::Array(items) => items.iter().any(|item| names_a_namespace(item, false)),
        _ => false,
    }
}

/// An observed object as a desired one: without what the API server owns.
///
/// Server-side apply removes fields that an applier stops sending: a kept object is sent with
/// everything it has.
///
/// # Errors
/// The object is no Struct after all.
pub fn as_desired(observed: &[u8]) -> Result<Bytes, StructError> {
    rewrite(observed, &OWNED, None)
}

/// The same, of a managed resource that is looked at only, and nothing else.
///
/// # Errors
/// As [`as_desired`].
pub fn as_observed_only(observed: &[u8]) -> Result<Bytes, StructError> {
    rewrite(observed, &OWNED, Some((&["spec", "managementPolicies"], &json!(["Observe"]))))
}

/// What the API server and Crossplane set themselves.
const OWNED: [&[&str]; 11] = [
    &["status"],
    &["metadata", "creationTimestamp"],
    &["metadata", "deletionGracePeriodSeconds"],
    &["metadata", "deletionTimestamp"],
    &["metadata", "finalizers"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "ownerReferences"],
    &["metadata", "resourceVersion"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
];
