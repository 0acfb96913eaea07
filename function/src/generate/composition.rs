//! A product's one Composition.

use idp_crds::kinds::{KINDS, Kind};
use idp_crds::names::{API_VERSION, PRODUCT};
use serde_json::{Value, json};

use super::{ApiKind, FUNCTION_NAME};
use idp_core::compose::product::Product;

/// The Composition that has the function compose a product.
///
/// `bootstrap` names what the function asks for whatever the workload, so that its first call has it
/// (Crossplane 2.x; 1.20 has no such field): the product alone. Since Crossplane 2.4 a write to what
/// is named here wakes every composite of the Composition.
#[must_use]
pub fn composition(product: &Product, style: ApiKind, bootstrap: bool) -> Value {
    let api = &product.spec.api;
    let (name, kind) = match style {
        ApiKind::Claim => (product.name.clone(), &api.composite_kind),
        ApiKind::Namespaced => (format!("{}-namespaced", product.name), &api.namespaced_kind),
    };
    let mut step = json!({
        "step": "place-and-compose",
        "functionRef": {"name": FUNCTION_NAME},
        "input": {
            "apiVersion": API_VERSION, "kind": "Input", "product": product.name,
            // The chart's admission policy guards them.
            "annotations": "trusted",
        },
    });
    if let (true, Some(step)) = (bootstrap, step.as_object_mut()) {
        step.insert("requirements".to_owned(), json!({"requiredResources": required(product)}));
    }
    let mut spec = json!({
        "compositeTypeRef": {"apiVersion": api.api_version(), "kind": kind},
        "mode": "Pipeline",
        "pipeline": [step],
    });
    if let (ApiKind::Claim, Some(spec)) = (style, spec.as_object_mut()) {
        // Where Crossplane keeps the composite's own copy of the connection secret.
        spec.insert("writeConnectionSecretsToNamespace".to_owned(), json!("crossplane-system"));
    }
    json!({
        "apiVersion": "apiextensions.crossplane.io/v1",
        "kind": "Composition",
        "metadata": {"name": name, "labels": {PRODUCT: product.name}},
        "spec": spec,
    })
}

fn required(product: &Product) -> Vec<Value> {
    let kinds = KINDS.iter().filter(|kind| kind.name == "Product");
    kinds
        .map(|Kind { name, requirement, .. }| {
            json!({"requirementName": requirement, "apiVersion": API_VERSION, "kind": name, "name": product.name})
        })
        .collect()
}
