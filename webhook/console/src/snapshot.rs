//! The catalog of this moment: what admission decides by. Made anew whenever an object changes,
//! swapped in as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use idp_core::catalog::{Catalog, Objects, Rejected};
use idp_core::compose::product::Product;
use idp_crds::CloudProviderStatus;
use idp_crds::cloud_provider::CircuitState;

/// The catalog of this moment, shared by everything that reads it; none before it has been read,
/// which is not an empty one.
#[derive(Debug, Clone, Default)]
pub struct SharedSnapshot(Arc<ArcSwapOption<Snapshot>>);

impl SharedSnapshot {
    /// What is known now.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Snapshot>> {
        self.0.load_full()
    }

    /// Replaces it for everyone who asks from now on.
    pub fn set(&self, snapshot: Snapshot) {
        self.0.store(Some(Arc::new(snapshot)));
    }
}

/// The catalog of a moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The configuration objects.
    pub objects: Objects,
    /// What is decided by.
    pub catalog: Catalog,
    /// What is decided by for the one workload that may try a cloud whose circuit is half-open.
    pub probing: Option<Probing>,
    /// Objects that are left out because something is wrong with them.
    pub rejected: Vec<Rejected>,
}

/// The catalog as it is for a probe.
#[derive(Debug)]
pub struct Probing {
    /// With the half-open circuits of these providers let through.
    pub catalog: Catalog,
    /// The providers whose probe nobody holds.
    pub providers: BTreeSet<String>,
}

impl Snapshot {
    /// Of `objects`, whose Products are compiled already; `rejected` are those that could not be.
    #[must_use]
    pub fn new(objects: Objects, products: Vec<Arc<Product>>, mut rejected: Vec<Rejected>) -> Self {
        let providers = free_probes(&objects);
        let probing = (!providers.is_empty()).then(|| {
            let (catalog, _) = Catalog::new(&objects, products.clone(), &providers);
            Probing { catalog, providers }
        });
        let (catalog, wrong) = Catalog::new(&objects, products, &BTreeSet::new());
        rejected.extend(wrong);
        Snapshot { objects, catalog, probing, rejected }
    }

    /// Whether a placement there takes a probe that nobody holds.
    #[must_use]
    pub fn may_probe(&self, provider: &str, region: &str) -> bool {
        let is_free = self.probing.as_ref().is_some_and(|p| p.providers.contains(provider));
        let status = self.objects.statuses.get(provider);
        let is_half_open =
            |status: &CloudProviderStatus| status.state_at(region) == CircuitState::HalfOpen;
        is_free && status.is_some_and(is_half_open)
    }

    /// Of `objects` that must all be good: for laptops.
    ///
    /// # Errors
    /// Every object that is wrong.
    pub fn strict(objects: Objects) -> Result<Self, Vec<Rejected>> {
        let catalog = Catalog::strict(objects.clone())?;
        Ok(Snapshot { objects, catalog, probing: None, rejected: Vec::new() })
    }

    /// To be shared.
    #[must_use]
    pub fn shared(self) -> SharedSnapshot {
        let shared = SharedSnapshot::default();
        shared.set(self);
        shared
    }
}

/// The providers that have a half-open circuit, and whose probe nobody holds.
fn free_probes(objects: &Objects) -> BTreeSet<String> {
    let half_open = objects.statuses.iter().filter(|(_, status)| status.is_half_open());
    half_open
        .filter(|(_, status)| status.probe.is_none())
        .map(|(provider, _)| provider.clone())
        .collect()
}
