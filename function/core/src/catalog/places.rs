//! Places, and what chooses among them.

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::CandidateSpec;
use idp_crds::candidate::ProviderConfigRef;
use idp_crds::json::to_value;
use idp_crds::names::reference_name;
use idp_crds::validate::Validate;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use super::convert::{self, accept_valid};
use super::{Named, Objects, PlaceRef, Rejected};
use crate::compose::facts::Placement;
use crate::compose::names::content_hash;
use crate::compose::product::Product;
use crate::schedule::{Candidate, Scheduler};

/// All but the products: the places, and what chooses among them. Catalogs of different products
/// share them.
#[derive(Debug)]
pub struct Places {
    pub(super) scheduler: Scheduler,
    pub(super) sites: BTreeMap<(String, String), Described>,
}

/// A place, and the name of the Candidate that describes it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) candidate: String,
    pub(super) site: Site,
}

/// What a Candidate says of its place beside what decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Site {
    /// The cluster that serves workloads there.
    pub runtime_cluster: String,
    /// The network there.
    pub network: IndexMap<String, Value>,
    /// What else templates need to know.
    pub settings: Map<String, Value>,
    /// The ProviderConfig that managed resources use.
    pub provider_config: ProviderConfigRef,
}

impl Places {
    /// Makes them of `objects`, with `probes` the providers whose half-open circuit lets this
    /// caller's placement through. Objects that are wrong are left out and returned beside them.
    #[must_use]
    pub fn new(objects: &Objects, probes: &BTreeSet<String>) -> (Places, Vec<Rejected>) {
        let mut rejected = Vec::new();
        let mut sites = BTreeMap::new();
        let mut candidates = Vec::new();
        let mut by_order: Vec<&Named<CandidateSpec>> = objects.candidates.iter().collect();
        by_order.sort_by(|a, b| (a.spec.order, &a.name).cmp(&(b.spec.order, &b.name)));
        for candidate in by_order {
            let spec = &candidate.spec;
            let mut errors: Vec<String> = spec.errors().iter().map(ToString::to_string).collect();
            let at = (spec.provider.clone(), spec.region.clone());
            if errors.is_empty() && sites.contains_key(&at) {
                errors.push(format!(
                    "spec: {} is already described by another Candidate: a place has one",
                    spec.place()
                ));
            }
            if !errors.is_empty() {
                rejected.push(Rejected { kind: "Candidate", name: candidate.name.clone(), errors });
                continue;
            }
            candidates.push(convert::candidate(spec));
            let described = Described { candidate: candidate.name.clone(), site: Site::new(spec) };
            sites.insert(at, described);
        }
        let tiers =
            objects.tiers.iter().filter_map(|tier| accept_valid("Tier", tier, &mut rejected));
        let tiers =
            tiers.map(|tier| (reference_name(&tier.name), convert::tier(&tier.spec))).collect();
        let state = convert::state(objects, probes, &mut rejected);
        (Places { scheduler: Scheduler::new(candidates, tiers, state), sites }, rejected)
    }

    /// How many places there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// The candidates (by position) that lack something which `product` may need there.
    pub(super) fn incomplete(&self, product: &Product) -> Vec<usize> {
        let lacks = |candidate: &Candidate| {
            let described = self.sites.get(&(candidate.provider.clone(), candidate.region.clone()));
            let plan = product.provider(&candidate.provider);
            described.zip(plan).is_some_and(|(Described { site, .. }, plan)| {
                plan.may_lack(&site.network, &site.settings)
            })
        };
        let all = self.scheduler.candidates().iter().enumerate();
        all.filter(|(_, candidate)| lacks(candidate)).map(|(position, _)| position).collect()
    }
}

impl Site {
    /// A placement there.
    #[must_use]
    pub fn placement(
        &self,
        (provider, region): PlaceRef<'_>,
        sequence: u64,
        provider_id: String,
    ) -> Placement {
        let Site { runtime_cluster, network, settings, provider_config } = self.clone();
        Placement {
            provider: provider.to_owned(),
            region: region.to_owned(),
            runtime_cluster,
            network,
            settings,
            provider_config,
            sequence,
            provider_id,
        }
    }

    /// What stands for all of it: another one means that the Candidate has changed.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut value = to_value(self);
        value.sort_all_objects();
        content_hash(&value.to_string())
    }

    /// What a Candidate says.
    #[must_use]
    pub fn new(spec: &CandidateSpec) -> Self {
        Site {
            runtime_cluster: spec.runtime_cluster.clone(),
            network: convert::canonical_network(&spec.network),
            settings: spec.settings.clone().into_iter().collect(),
            provider_config: spec.provider_config(),
        }
    }
}
