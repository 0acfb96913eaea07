//! Catalogs that are wrong in one thing: what tests of a catalog are to notice.

use std::collections::BTreeSet;
use std::sync::Arc;

use idp_crds::names::reference_name;
use idp_crds::status::Place;

use super::change::reweighted;
use super::loss::{Loss, target};
use super::question::{Question, numbers};
use crate::catalog::{Catalog, Objects};
use crate::compose::product::Product;
use crate::schedule::Weights;

/// A catalog with one thing changed.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// What is changed.
    pub what: String,
    /// The objects with that change.
    pub objects: Objects,
}

/// Every catalog in which one weight of a tier does not count, a gate of a tier is open, a tier has no
/// failover target, or a place cannot do one of the things that it can. One that decides as
/// `objects` does, whatever single provider is lost, is no fault, and is left out.
#[must_use]
pub fn mutants(objects: &Objects, products: &[Arc<Product>]) -> Vec<Mutant> {
    let now = outcomes(objects, products);
    let mut all = Vec::new();
    let mut put = |what: String, change: &dyn Fn(&mut Objects)| {
        let mut objects = objects.clone();
        change(&mut objects);
        if outcomes(&objects, products) != now {
            all.push(Mutant { what, objects });
        }
    };
    for (at, tier) in objects.tiers.iter().enumerate() {
        let name = reference_name(&tier.name);
        let with = |change: &dyn Fn(&mut idp_crds::TierSpec), objects: &mut Objects| {
            if let Some(tier) = objects.tiers.get_mut(at) {
                change(&mut tier.spec);
            }
        };
        for (dimension, weight) in &tier.spec.weights {
            if *weight == 0.0 || *weight == 1.0 {
                continue;
            }
            let weights = Weights::canonical(&tier.spec.weights);
            let weights = reweighted(&weights, dimension, 0.0);
            let weights = numbers(&weights).map(|(name, weight)| (name.to_owned(), weight));
            let weights = weights.collect();
            put(format!("Tier {name}: {dimension} weighs nothing"), &|objects| {
                with(&|tier| tier.weights.clone_from(&weights), objects);
            });
        }
        for gate in &tier.spec.required_capabilities {
            put(format!("Tier {name}: {gate} is not asked for"), &|objects| {
                with(&|tier| tier.required_capabilities.retain(|other| other != gate), objects);
            });
        }
        if tier.spec.failover.enabled {
            put(format!("Tier {name}: no failover target is named"), &|objects| {
                with(&|tier| tier.failover.enabled = false, objects);
            });
        }
    }
    for (at, candidate) in objects.candidates.iter().enumerate() {
        for capability in &candidate.spec.capabilities {
            put(format!("{} has no {capability}", candidate.spec.place()), &|objects| {
                if let Some(candidate) = objects.candidates.get_mut(at) {
                    candidate.spec.capabilities.retain(|other| other != capability);
                }
            });
        }
    }
    all
}

/// Where everything goes and would fail over to, with every cloud there and with each one lost.
fn outcomes(objects: &Objects, products: &[Arc<Product>]) -> Vec<(Option<Place>, Option<Place>)> {
    let (catalog, _) = Catalog::new(objects, products.to_vec(), &BTreeSet::new());
    let scheduler = catalog.scheduler();
    let lost = scheduler.providers().iter().map(|name| Loss::provider(name));
    let losses: Vec<Loss> = std::iter::once(Loss::default()).chain(lost).collect();
    let mut outcomes = Vec::new();
    for tier in scheduler.tier_names() {
        for product in catalog.products() {
            for ha in [false, true] {
                let question = Question::plain(&catalog, product, "workload", tier, ha);
                outcomes.extend(losses.iter().map(|loss| {
                    match loss.without(&question).decide(scheduler) {
                        Ok(decision) => (Some(decision.selected().place()), target(&decision)),
                        Err(_) => (None, None),
                    }
                }));
            }
        }
    }
    outcomes
}
