//! Configuration objects, made into something that can be asked: where may workloads run, what are
//! products made of.
//!
//! One bad object never takes the others down: [`Catalog::new`] leaves it out and says so. Who
//! reads a catalog decides what that means: the command line refuses it, a cluster goes on without
//! the bad object.

mod convert;
mod embedded;
mod fitness;
mod objects;
mod places;
mod products;
mod recovery;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use idp_crds::contract::ClaimRequest;

use crate::compose::facts::TierFacts;
use crate::compose::product::Product;
use crate::schedule::{Decision, Exclusion, PlacementQuery, ScheduleError, Scheduler};

pub use embedded::{embedded, embedded_files};
pub use objects::{Named, Objects, ReadError};
use places::Described;
pub use places::{Places, Site};
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
