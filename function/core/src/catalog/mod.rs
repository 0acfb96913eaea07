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
use std::sync::{Arc, OnceLock};

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
pub use yaml::objects as read_objects;

/// Everything the platform is configured with, ready to be asked.
#[derive(Debug)]
pub struct Catalog {
    places: Arc<Places>,
    products: Vec<Arc<Product>>,
    /// By product, the candidates (by position) that lack something which it may need there; worked
    /// out when it is asked for, since only decisions do.
    incomplete: BTreeMap<String, OnceLock<Vec<usize>>>,
}

/// All but the products: the places, and what chooses among them. Catalogs of different products
/// share them.
#[derive(Debug)]
pub struct Places {
    scheduler: Scheduler,
    sites: BTreeMap<(String, String), Described>,
}

/// A place, and the name of the Candidate that describes it.
#[derive(Debug)]
struct Described {
    candidate: String,
    site: Site,
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
        let (places, mut rejected) = Places::new(objects, probes);
        let (catalog, more) = Catalog::of(Arc::new(places), products);
        rejected.extend(more);
        (catalog, rejected)
    }

    /// Makes a catalog of `products` at `places`. Products that are wrong are left out and returned
    /// beside it.
    #[must_use]
    pub fn of(places: Arc<Places>, products: Vec<Arc<Product>>) -> (Catalog, Vec<Rejected>) {
        let mut rejected = Vec::new();
        let products = products::one_per_kind(products, &mut rejected);
        let incomplete =
            products.iter().map(|product| (product.name.clone(), OnceLock::new())).collect();
        (Catalog { places, products, incomplete }, rejected)
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
        self.places.scheduler.candidates().is_empty()
    }

    /// What decides.
    #[must_use]
    pub fn scheduler(&self) -> &Scheduler {
        &self.places.scheduler
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
            self.places
                .scheduler
                .providers()
                .iter()
                .filter(|provider| product.provider(provider).is_none())
                .cloned(),
        );
        let exclude = Exclusion { providers: &providers, places: exclude_places };
        let unfit = self.unfit(product, request);
        let (tier, ha) = (request.tier.as_str(), request.ha);
        let query = PlacementQuery { name, tier, ha, exclude, unfit: &unfit };
        select(&self.places.scheduler, &query)
    }

    /// The candidates that cannot serve `product` as `request` asks for it.
    fn unfit(&self, product: &Product, request: &ClaimRequest) -> Vec<Unfit> {
        let mut unfit = Vec::new();
        for (provider, plan) in product.providers().filter(|(_, plan)| !plan.lacks.is_empty()) {
            let gates = self.places.scheduler.gates(&request.tier, request.ha).unwrap_or_default();
            let lacks = || plan.lacks.iter().filter(|lack| gates.contains(lack)).cloned();
            if lacks().next().is_none() {
                continue;
            }
            let there = self.places.scheduler.candidates().iter().enumerate();
            unfit.extend(there.filter(|(_, c)| c.provider == provider).map(|(position, _)| {
                Unfit { position, lack: Lack::Capabilities(lacks().collect()) }
            }));
        }
        let of = |own: &Arc<Product>| self.places.incomplete(own);
        let work_out = || self.product(&product.name).map(of).unwrap_or_default();
        let incomplete =
            self.incomplete.get(&product.name).map(|known| known.get_or_init(work_out));
        let incomplete = incomplete.filter(|some| !some.is_empty());
        // Most catalogs say all there is to say, and a decision then costs nothing more.
        let (Some(incomplete), Some(tier)) = (incomplete, self.tier_facts(&request.tier)) else {
            return unfit;
        };
        for position in incomplete {
            let Some(candidate) = self.places.scheduler.candidates().get(*position) else {
                continue;
            };
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
        let candidates = self.places.scheduler.candidates();
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
        let candidates = self.places.scheduler.candidates();
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
        let gates = self.places.scheduler.gates(tier, ha)?;
        let candidate = self
            .places
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
        let rule =
            self.places.scheduler.tier(&request.tier).and_then(|tier| tier.failover.as_ref());
        let candidate =
            self.places.scheduler.candidates().iter().find(|c| c.place() == record.place());
        let (Some(rule), Some(candidate)) = (rule, candidate) else { return false };
        let wanted = crate::schedule::gates::effective(&rule.gates, request.ha);
        record.tier == request.tier
            && missing.iter().all(|lacked| record.degraded.contains(lacked))
            && crate::schedule::gates::passes(candidate, &wanted)
    }

    /// What templates need to know of a place; none when no candidate describes it (any more).
    #[must_use]
    pub fn site(&self, (provider, region): PlaceRef<'_>) -> Option<&Site> {
        Some(&self.described((provider, region))?.site)
    }

    /// The name of the Candidate that describes a place.
    #[must_use]
    pub fn candidate_name(&self, place: PlaceRef<'_>) -> Option<&str> {
        Some(self.described(place)?.candidate.as_str())
    }

    fn described(&self, (provider, region): PlaceRef<'_>) -> Option<&Described> {
        self.places.sites.get(&(provider.to_owned(), region.to_owned()))
    }

    /// What templates need to know of a tier.
    #[must_use]
    pub fn tier_facts(&self, tier: &str) -> Option<TierFacts> {
        let tier = self.places.scheduler.tier(tier)?;
        Some(TierFacts {
            rto_minutes: tier.rto_minutes,
            rpo_minutes: tier.rpo_minutes,
            capabilities: tier.gates.clone(),
        })
    }
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
    fn incomplete(&self, product: &Product) -> Vec<usize> {
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
