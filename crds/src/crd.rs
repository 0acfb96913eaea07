//! The CustomResourceDefinitions as the cluster gets them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{Candidate, CloudProvider, Experiment, FeatureFlag, Product, Tier};

/// The definitions of all six configuration kinds, in order of name.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        Candidate::crd(),
        CloudProvider::crd(),
        Experiment::crd(),
        FeatureFlag::crd(),
        Product::crd(),
        Tier::crd(),
    ]
}
