//! A product's CompositeResourceDefinition.

use idp_crds::names;
use idp_crds::product::ProductApi;
use serde_json::{Value, json};

use super::{ApiKind, schema};
use idp_core::compose::product::Product;

/// The definition of a product's claims and composites, or of its namespaced composites.
#[must_use]
pub fn xrd(product: &Product, style: ApiKind) -> Value {
    let api = &product.spec.api;
    let version = json!({
        "name": api.version,
        "served": true,
        "referenceable": true,
        "schema": {"openAPIV3Schema": schema::schema(&product.spec)},
        "additionalPrinterColumns": [
            column("TIER", ".spec.parameters.tier", 0),
            column("PROVIDER", ".status.placement.provider", 0),
            column("REGION", ".status.placement.region", 0),
            column("PHASE", ".status.placement.phase", 0),
            column("FAILOVER", ".status.placement.failover.provider", 1),
            column("CELL", ".spec.parameters.cell", 1),
            column("ENVIRONMENT", ".spec.parameters.environment", 1),
        ],
    });
    let labels = json!({names::PRODUCT: product.name});
    match style {
        ApiKind::Claim => json!({
            "apiVersion": "apiextensions.crossplane.io/v1",
            "kind": "CompositeResourceDefinition",
            "metadata": {"name": format!("{}.{}", ProductApi::plural(&api.composite_kind), api.group), "labels": labels},
            "spec": {
                "group": api.group,
                "names": {"kind": api.composite_kind, "plural": ProductApi::plural(&api.composite_kind)},
                "claimNames": {"kind": api.claim_kind, "plural": ProductApi::plural(&api.claim_kind)},
                "connectionSecretKeys": product.spec.connection_keys,
                // One Composition per product; which provider it uses is the function's to choose.
                "enforcedCompositionRef": {"name": product.name},
                "defaultCompositeDeletePolicy": "Foreground",
                "versions": [version],
            },
        }),
        ApiKind::Namespaced => json!({
            "apiVersion": "apiextensions.crossplane.io/v2",
            "kind": "CompositeResourceDefinition",
            "metadata": {"name": format!("{}.{}", ProductApi::plural(&api.namespaced_kind), api.group), "labels": labels},
            "spec": {
                "scope": "Namespaced",
                "group": api.group,
                "names": {"kind": api.namespaced_kind, "plural": ProductApi::plural(&api.namespaced_kind)},
                "enforcedCompositionRef": {"name": format!("{}-namespaced", product.name)},
                "versions": [version],
            },
        }),
    }
}

fn column(name: &str, path: &str, priority: u8) -> Value {
    let mut column = json!({"name": name, "type": "string", "jsonPath": path});
    if let (true, Some(fields)) = (priority > 0, column.as_object_mut()) {
        fields.insert("priority".to_owned(), json!(priority));
    }
    column
}
