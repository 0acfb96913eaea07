//! The CustomResourceDefinitions as the cluster gets them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{Candidate, CloudProvider, Experiment, FeatureFlag, Product, Tier, names};

/// The definitions of all six configuration kinds, in order of name.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    let mut all =
        vec![Candidate::crd(), CloudProvider::crd(), Experiment::crd(), FeatureFlag::crd(), Product::crd(), Tier::crd()];
    for crd in &mut all {
        // kube's `label` attribute is for the definition; the same label is what function and webhook select objects by.
        crd.metadata.labels.get_or_insert_default().insert(names::CATALOG.to_owned(), names::CATALOG_VALUE.to_owned());
    }
    all
}
