//! Configuration objects, made into something that can be asked: where may workloads run, what are
//! products made of.
//!
//! One bad object never takes the others down: [`Catalog::new`] leaves it out and says so. Who
//! reads a catalog decides what that means: the command line refuses it, a cluster goes on without
//! the bad object.

mod convert;
mod embedded;
mod objects;
mod products;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use idp_crds::candidate::ProviderConfigRef;
use idp_crds::contract::ClaimRequest;
use idp_crds::json::to_value;
use idp_crds::names::reference_name;
use idp_crds::place::Place;
use idp_crds::record::Record;
use idp_crds::{CandidateSpec, validate::Validate};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::compose::facts::{Placement, TierFacts};
use crate::compose::names::content_hash;
use crate::compose::product::Product;
use crate::schedule::{
    Candidate, Decision, Exclusion, Lack, PlacementQuery, Rejection, ScheduleError, Scheduler,
    Unfit,
};

pub use convert::probe_holder;
pub use embedded::{embedded, embedded_files};
pub use objects::{Named, Objects, ReadError};
pub use products::compile;
pub use yaml::documents;

/// Everything the platform is configured with, ready to be asked.
#[derive(Debug)]
pub struct Catalog {
    scheduler: Scheduler,
    sites: BTreeMap<(String, String), Site>,
    products: Vec<Arc<Product>>,
    /// By product, the candidates (by position) that lack something which it may need there.
    incomplete: BTreeMap<String, Vec<usize>>,
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

/// A configuration object that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Everything that is wrong with it.
    pub errors: Vec<String>,
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.name, self.errors.join("; "))
    }
}

/// Where a workload is, or is to go: provider and region.
pub type PlaceRef<'a> = (&'a str, &'a str);

impl Catalog {
    /// Makes a catalog of `objects`, with `probes` the providers whose half-open circuit lets this
    /// caller's placement through.
    ///
    /// Objects that are wrong are left out and returned beside it.
    #[must_use]
    pub fn new(
        objects: &Objects,
        products: Vec<Arc<Product>>,
        probes: &BTreeSet<String>,
    ) -> (Catalog, Vec<Rejected>) {
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
            sites.insert(at, Site::new(spec));
        }
        let tiers =
            objects.tiers.iter().filter_map(|tier| accept_valid("Tier", tier, &mut rejected));
        let tiers =
            tiers.map(|tier| (reference_name(&tier.name), convert::tier(&tier.spec))).collect();
        let state = convert::state(objects, probes, &mut rejected);
        let products = products::one_per_kind(products, &mut rejected);
        let incomplete = incomplete(&products, &candidates, &sites);
        let scheduler = Scheduler::new(candidates, tiers, state);
        (Catalog { scheduler, sites, products, incomplete }, rejected)
    }

    /// Makes a catalog of `objects`, products compiled here and now, refusing it if anything is
    /// wrong: for laptops.
    ///
    /// # Errors
    /// Every object that is wrong.
    pub fn strict(objects: Objects) -> Result<Catalog, Vec<Rejected>> {
        let mut wrong = Vec::new();
        let mut products = Vec::new();
        for product in &objects.products {
            match compile(product) {
                Ok(product) => products.push(Arc::new(product)),
                Err(rejected) => wrong.push(rejected),
            }
        }
        let (catalog, rejected) = Catalog::new(&objects, products, &BTreeSet::new());
        wrong.extend(rejected);
        if wrong.is_empty() { Ok(catalog) } else { Err(wrong) }
    }

    /// Whether there is nothing to choose from.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scheduler.candidates().is_empty()
    }

    /// What decides.
    #[must_use]
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// The products, in order of name.
    #[must_use]
    pub fn products(&self) -> &[Arc<Product>] {
        &self.products
    }

    /// A product by name.
    #[must_use]
    pub fn product(&self, name: &str) -> Option<&Arc<Product>> {
        self.products.iter().find(|product| product.name == name)
    }

    /// The product that an API group and kind (claim, composite or namespaced composite) belongs
    /// to.
    #[must_use]
    pub fn product_of(&self, group: &str, kind: &str) -> Option<&Arc<Product>> {
        self.products.iter().find(|product| product.spec.api.has(group, kind))
    }

    /// Decides where a workload of `product` goes, leaving some providers, and not to some places
    /// (where it is, and where it has left something: there is never a second copy in one place).
    /// Only providers that the product is offered on are considered.
    ///
    /// # Errors
    /// When nothing can be selected.
    pub fn decide(
        &self,
        product: &Product,
        name: &str,
        request: &ClaimRequest,
        exclude_providers: &[String],
        exclude_places: &[PlaceRef<'_>],
    ) -> Result<Decision<'_>, ScheduleError> {
        let exclude = (exclude_providers, exclude_places);
        self.ask(product, name, request, exclude, Scheduler::decide)
    }

    /// Decides where a placed workload of `product` moves to: by the gates of the tier's failover
    /// targets where no place passes the tier's own.
    ///
    /// # Errors
    /// When nothing can be selected.
    pub fn relocate(
        &self,
        product: &Product,
        name: &str,
        request: &ClaimRequest,
        exclude_providers: &[String],
        exclude_places: &[PlaceRef<'_>],
    ) -> Result<Decision<'_>, ScheduleError> {
        let exclude = (exclude_providers, exclude_places);
        self.ask(product, name, request, exclude, Scheduler::relocate)
    }

    fn ask<'c>(
        &'c self,
        product: &Product,
        name: &str,
        request: &ClaimRequest,
        (exclude_providers, exclude_places): (&[String], &[PlaceRef<'_>]),
        select: impl FnOnce(&'c Scheduler, &PlacementQuery<'_>) -> Result<Decision<'c>, ScheduleError>,
    ) -> Result<Decision<'c>, ScheduleError> {
        let mut providers: Vec<String> = exclude_providers.to_vec();
        providers.extend(
            self.scheduler
                .providers()
                .iter()
                .filter(|provider| product.provider(provider).is_none())
                .cloned(),
        );
        let exclude = Exclusion { providers: &providers, places: exclude_places };
        let unfit = self.unfit(product, request);
        let (tier, ha) = (request.tier.as_str(), request.ha);
        let query = PlacementQuery { name, tier, ha, exclude, unfit: &unfit };
        select(&self.scheduler, &query)
    }

    /// The candidates that cannot serve `product` as `request` asks for it.
    fn unfit(&self, product: &Product, request: &ClaimRequest) -> Vec<Unfit> {
        let mut unfit = Vec::new();
        for (provider, plan) in product.providers().filter(|(_, plan)| !plan.lacks.is_empty()) {
            let gates = self.scheduler.gates(&request.tier, request.ha).unwrap_or_default();
            let lacks = || plan.lacks.iter().filter(|lack| gates.contains(lack)).cloned();
            if lacks().next().is_none() {
                continue;
            }
            let there = self.scheduler.candidates().iter().enumerate();
            unfit.extend(there.filter(|(_, c)| c.provider == provider).map(|(position, _)| {
                Unfit { position, lack: Lack::Capabilities(lacks().collect()) }
            }));
        }
        let incomplete = self.incomplete.get(&product.name).filter(|some| !some.is_empty());
        // Most catalogs say all there is to say, and a decision then costs nothing more.
        let (Some(incomplete), Some(tier)) = (incomplete, self.tier_facts(&request.tier)) else {
            return unfit;
        };
        for position in incomplete {
            let Some(candidate) = self.scheduler.candidates().get(*position) else { continue };
            let place = (candidate.provider.as_str(), candidate.region.as_str());
            let Some(site) = self.site(place) else { continue };
            let placement = site.placement(place, 1, String::new());
            let missing = product.lacks_for(&placement, request, &tier);
            if !missing.is_empty() {
                let lack = Lack::Settings { product: product.name.clone(), missing };
                unfit.push(Unfit { position: *position, lack });
            }
        }
        unfit
    }

    /// The places that cannot serve `product` as `request` asks for it, and what each lacks.
    #[must_use]
    pub fn lacking(&self, product: &Product, request: &ClaimRequest) -> Vec<(Place, Lack)> {
        let candidates = self.scheduler.candidates();
        let unfit = self.unfit(product, request).into_iter();
        unfit.filter_map(|u| Some((candidates.get(u.position)?.place(), u.lack))).collect()
    }

    /// What the place at `provider` and `region` lacks of what `request` needs for `product`, in
    /// words; none when nothing.
    #[must_use]
    pub fn unfitness(
        &self,
        product: &Product,
        request: &ClaimRequest,
        (provider, region): PlaceRef<'_>,
    ) -> Option<String> {
        let candidates = self.scheduler.candidates();
        let at = candidates.iter().position(|c| c.provider == provider && c.region == region)?;
        let unfit = self.unfit(product, request);
        let words: Vec<String> = unfit
            .iter()
            .filter(|u| u.position == at)
            .map(|u| Rejection::from(&u.lack).to_string())
            .collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// The gates that a placement of this tier must pass and that the place at `provider` and
    /// `region` does not; none when the place or the tier is unknown.
    #[must_use]
    pub fn missing_gates(
        &self,
        tier: &str,
        ha: bool,
        (provider, region): PlaceRef<'_>,
    ) -> Option<Vec<String>> {
        let gates = self.scheduler.gates(tier, ha)?;
        let candidate = self
            .scheduler
            .candidates()
            .iter()
            .find(|c| c.provider == provider && c.region == region)?;
        Some(crate::schedule::gates::missing(candidate, &gates).map(str::to_owned).collect())
    }

    /// Whether the place may be kept though it lacks `missing` of the gates that `request` asks
    /// for: `record` says that the workload goes without, and the place is a failover target.
    #[must_use]
    pub fn is_degraded(&self, request: &ClaimRequest, record: &Record, missing: &[String]) -> bool {
        let rule = self.scheduler.tier(&request.tier).and_then(|tier| tier.failover.as_ref());
        let candidate = self.scheduler.candidates().iter().find(|c| c.place() == record.place());
        let (Some(rule), Some(candidate)) = (rule, candidate) else { return false };
        let wanted = crate::schedule::gates::effective(&rule.gates, request.ha);
        record.tier == request.tier
            && missing.iter().all(|lacked| record.degraded.contains(lacked))
            && crate::schedule::gates::passes(candidate, &wanted)
    }

    /// What templates need to know of a place; none when no candidate describes it (any more).
    #[must_use]
    pub fn site(&self, (provider, region): PlaceRef<'_>) -> Option<&Site> {
        self.sites.get(&(provider.to_owned(), region.to_owned()))
    }

    /// What templates need to know of a tier.
    #[must_use]
    pub fn tier_facts(&self, tier: &str) -> Option<TierFacts> {
        let tier = self.scheduler.tier(tier)?;
        Some(TierFacts {
            rto_minutes: tier.rto_minutes,
            rpo_minutes: tier.rpo_minutes,
            capabilities: tier.gates.clone(),
        })
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

/// By product, the candidates that lack something which it may need there.
fn incomplete(
    products: &[Arc<Product>],
    candidates: &[Candidate],
    sites: &BTreeMap<(String, String), Site>,
) -> BTreeMap<String, Vec<usize>> {
    let lacks = |product: &Product, candidate: &Candidate| {
        let site = sites.get(&(candidate.provider.clone(), candidate.region.clone()));
        let plan = product.provider(&candidate.provider);
        site.zip(plan).is_some_and(|(site, plan)| plan.may_lack(&site.network, &site.settings))
    };
    let of = |product: &Arc<Product>| {
        let all = candidates.iter().enumerate();
        let positions = all.filter(|(_, c)| lacks(product, c)).map(|(position, _)| position);
        (product.name.clone(), positions.collect())
    };
    products.iter().map(of).collect()
}

/// `object`, if nothing is wrong with it.
fn accept_valid<'o, T: Validate>(
    kind: &'static str,
    object: &'o Named<T>,
    rejected: &mut Vec<Rejected>,
) -> Option<&'o Named<T>> {
    let errors: Vec<String> = object.spec.errors().iter().map(ToString::to_string).collect();
    if errors.is_empty() {
        return Some(object);
    }
    rejected.push(Rejected { kind, name: object.name.clone(), errors });
    None
}
