//! Whether API servers take what a step has come to.

use std::collections::HashMap;
use std::path::Path;

use idp_core::catalog::Objects;
use idp_core::compose::product::Product;
use serde_json::{Map, Value, json};

use super::expect::key_of;
use crate::cli::CliError;
use crate::cli::renderer::Rendered;
use crate::generate::{ApiKind, xrd};
use crate::schemas::{Kind, ProviderSchemas};

/// What objects are held to.
pub(super) struct Schemas {
    /// Of composites, by their kinds; namespaced ones have the same schema.
    composites: HashMap<String, Kind>,
    providers: Option<ProviderSchemas>,
}

impl Schemas {
    /// Of a catalog's products, and of the providers whose CRDs are in a folder.
    pub(super) fn new<'p>(
        products: impl IntoIterator<Item = &'p Product>,
        folder: Option<&Path>,
    ) -> Result<Self, CliError> {
        let mut composites = HashMap::new();
        for product in products {
            let definition = xrd(product, ApiKind::Claim);
            let wrong = |error| CliError::Catalog(format!("Product {}: {error}", product.name));
            for kind in Kind::all(&definition).map_err(wrong)? {
                composites.insert(product.spec.api.composite_kind.clone(), kind);
            }
        }
        let providers = folder.map(ProviderSchemas::open).transpose().map_err(CliError::Input)?;
        Ok(Schemas { composites, providers })
    }

    /// Everything that would be refused, or dropped, of what a claim has come to.
    pub(super) fn errors(&self, objects: &Objects, claim: &Value, made: &Rendered) -> Vec<String> {
        let mut errors = self.of_composite(objects, claim, &made.composite);
        let Some(providers) = &self.providers else { return errors };
        for object in &made.resources {
            let of = key_of(object).unwrap_or_default();
            errors.extend(providers.check(object).into_iter().map(|e| format!("{of}: {e}")));
        }
        errors
    }

    /// What is asked for, and what the function writes of it: Crossplane adds fields of its own to
    /// the schema.
    fn of_composite(&self, objects: &Objects, claim: &Value, composite: &Value) -> Vec<String> {
        let text = |pointer: &str| composite.pointer(pointer).and_then(Value::as_str);
        let group = text("/apiVersion").and_then(|version| version.split('/').next());
        let (group, kind) = (group.unwrap_or_default(), text("/kind").unwrap_or_default());
        let of_kind = |api: &idp_crds::product::ProductApi| api.has(group, kind);
        let product = objects.products.iter().find(|product| of_kind(&product.spec.api));
        let schema = product.and_then(|p| self.composites.get(&p.spec.api.composite_kind));
        let Some(schema) = schema else { return Vec::new() };
        let status: Map<String, Value> = ["placement", "effective"]
            .into_iter()
            .filter_map(|field| {
                Some((field.to_owned(), composite.get("status")?.get(field)?.clone()))
            })
            .collect();
        let ours = json!({
            "apiVersion": composite.get("apiVersion"),
            "kind": kind,
            "metadata": composite.get("metadata"),
            "spec": {"parameters": claim.pointer("/spec/parameters")},
            "status": status,
        });
        schema.errors(&ours)
    }
}
