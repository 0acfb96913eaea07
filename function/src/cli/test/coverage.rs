//! What of a catalog no test has reached: gates that kept nobody out, resources that were never made,
//! conditions that were never true, or never false.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use idp_core::catalog::Objects;
use idp_crds::names::{PRODUCT, PROVIDER, RESOURCE, reference_name};

use super::expect::label;
use crate::cli::renderer::Rendered;

/// What there is to reach, by kind, and what has been reached of it.
#[derive(Default)]
pub(super) struct Coverage {
    there: BTreeMap<&'static str, BTreeSet<String>>,
    reached: BTreeSet<String>,
    /// The resources that a product has at a provider under a condition.
    conditional: BTreeMap<(String, String), BTreeSet<String>>,
}

const GATES: &str = "gates";
const TEMPLATES: &str = "templates";
const BRANCHES: &str = "branches";

fn gate(tier: &str, capability: &str) -> String {
    format!("Tier {tier}: {capability} keeps no place out")
}

fn template(product: &str, provider: &str, resource: &str) -> String {
    format!("Product {product}: {provider}'s {resource} is not made")
}

fn left_out(product: &str, provider: &str, resource: &str) -> String {
    format!("Product {product}: {provider}'s {resource} is not left out by its condition")
}

impl Coverage {
    /// Counts a catalog's in.
    pub(super) fn of(&mut self, objects: &Objects) {
        let mut put = |kind, what| {
            self.there.entry(kind).or_default().insert(what);
        };
        for tier in &objects.tiers {
            for capability in &tier.spec.required_capabilities {
                put(GATES, gate(&reference_name(&tier.name), capability));
            }
        }
        for product in &objects.products {
            for (provider, templates) in &product.spec.providers {
                for resource in &templates.resources {
                    let (product, resource_name) = (&product.name, &resource.name);
                    put(TEMPLATES, template(product, provider, resource_name));
                    if resource.include_when.is_some() {
                        put(BRANCHES, left_out(product, provider, resource_name));
                        let key = (product.clone(), provider.clone());
                        self.conditional.entry(key).or_default().insert(resource_name.clone());
                    }
                }
            }
        }
    }

    /// A step has come to this.
    pub(super) fn reach(&mut self, rendered: &Rendered) {
        if let Some(record) = &rendered.record {
            for words in record.rejected.values() {
                let lacks = words.strip_prefix("lacks ").into_iter();
                for capability in lacks.flat_map(|lacks| lacks.split(", ")) {
                    self.reached.insert(gate(&record.tier, capability));
                }
            }
        }
        let mut made: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
        for object in &rendered.resources {
            let key = (label(object, PRODUCT).to_owned(), label(object, PROVIDER).to_owned());
            made.entry(key).or_default().insert(label(object, RESOURCE));
        }
        for ((product, provider), resources) in made {
            for resource in &resources {
                self.reached.insert(template(&product, &provider, resource));
            }
            let conditional = self.conditional.get(&(product.clone(), provider.clone()));
            for resource in conditional.into_iter().flatten() {
                if !resources.contains(resource.as_str()) {
                    self.reached.insert(left_out(&product, &provider, resource));
                }
            }
        }
    }

    /// Names what was not reached, and counts.
    pub(super) fn tell(&self, out: &mut impl Write) -> io::Result<()> {
        let mut counts = Vec::new();
        for (kind, there) in &self.there {
            let missed: Vec<&String> = there.difference(&self.reached).collect();
            for what in &missed {
                writeln!(out, "never: {what}")?;
            }
            counts.push(format!("{} of {} {kind}", there.len() - missed.len(), there.len()));
        }
        writeln!(out, "reached {}", counts.join(", "))
    }
}
