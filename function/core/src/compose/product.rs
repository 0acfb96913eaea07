//! A Product, compiled: what there is to render, for each provider.

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::ProductSpec;
use idp_crds::validate::Validate;
use serde_json::Value;

use super::compile;
use super::expression::with_parser_stack;
use super::plan::{ProductError, ProviderPlan, VARIABLES};

/// A compiled Product.
#[derive(Debug)]
pub struct Product {
    /// The Product's name.
    pub name: String,
    /// When it was created, RFC 3339 in UTC, which sorts as text; empty where that is not known.
    pub created: String,
    /// What it was compiled from.
    pub spec: ProductSpec,
    /// The product's lookup tables, as expressions see them.
    pub(super) values: Value,
    providers: BTreeMap<String, ProviderPlan>,
}

impl Product {
    /// Compiles `spec`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(name: &str, spec: ProductSpec) -> Result<Product, Vec<ProductError>> {
        let mut errors: Vec<ProductError> = spec
            .errors()
            .into_iter()
            .map(|e| ProductError {
                path: e.path,
                expression: None,
                message: e.message,
                problem: e.problem,
            })
            .collect();
        let known: BTreeSet<&str> = VARIABLES
            .into_iter()
            .filter(|v| *v != "credentials" || spec.credentials.is_some())
            .collect();
        let providers = spec.providers.iter().map(|(provider, templates)| {
            let path = format!("spec.providers.{provider}");
            (provider.clone(), compile::provider(templates, &path, &known, &mut errors))
        });
        let providers = with_parser_stack(|| providers.collect());
        if !errors.is_empty() {
            return Err(errors);
        }
        let values = Value::Object(spec.values.clone().into_iter().collect());
        Ok(Product { name: name.to_owned(), created: String::new(), values, providers, spec })
    }

    /// What it is made of on `provider`; none where it is not offered there.
    #[must_use]
    pub fn provider(&self, provider: &str) -> Option<&ProviderPlan> {
        self.providers.get(provider)
    }

    /// The providers it is offered on, in order of name.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &ProviderPlan)> {
        self.providers.iter().map(|(name, plan)| (name.as_str(), plan))
    }
}
