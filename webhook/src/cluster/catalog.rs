//! The catalog, watched: whenever a configuration object changes, a new snapshot is made and
//! swapped in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use idp_core::catalog::{Named, Objects, ReadError, Rejected, compile};
use idp_core::compose::product::Product;
use idp_crds::cloud_provider::CircuitState;
use idp_crds::json::to_value;
use idp_crds::kinds::{self, KINDS, Kind};
use idp_crds::names::{self, CATALOG, CATALOG_VALUE};
use idp_serving::ops::Readiness;
use kube::api::DynamicObject;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::resource;
use crate::metrics::Metrics;
use crate::snapshot::{SharedSnapshot, Snapshot};

/// Changes come in bursts, as when a folder is applied: one snapshot for all of them.
const BURST: Duration = Duration::from_millis(20);

/// A configuration object, and what was found wrong with it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The object.
    pub object: Arc<DynamicObject>,
    /// Everything that is wrong with it.
    pub errors: Vec<String>,
}

/// What a snapshot says of every object, by kind and name.
pub type Verdicts = BTreeMap<(&'static str, String), Verdict>;

/// What the one watch of the configuration has seen, for everything that works with it.
#[derive(Clone)]
pub struct WatchedCatalog {
    /// What is decided by.
    pub snapshot: SharedSnapshot,
    /// What the present snapshot says of every object; changed with every snapshot.
    pub verdicts: watch::Receiver<Verdicts>,
    /// The objects of every kind.
    pub stores: Vec<(&'static Kind, Store<DynamicObject>)>,
}

impl WatchedCatalog {
    /// Until there is a snapshot. To be awaited before a store is waited for, as controllers do: of
    /// several who wait for one that is not filled yet, kube wakes the last alone.
    pub async fn is_read(&self) {
        // An error means that the watch has ended, with the process.
        let _ = self.verdicts.clone().changed().await;
    }
}

/// Watches the configuration, and keeps the snapshot current.
pub struct CatalogController {
    snapshot: SharedSnapshot,
    metrics: Metrics,
    readiness: Readiness,
    verdicts: watch::Sender<Verdicts>,
    writers: Vec<(&'static Kind, Writer<DynamicObject>)>,
}

impl CatalogController {
    /// With nothing seen yet.
    #[must_use]
    pub fn new(metrics: Metrics, readiness: Readiness) -> (Self, WatchedCatalog) {
        let writers: Vec<_> =
            KINDS.iter().map(|kind| (kind, Writer::new(resource(kind)))).collect();
        let stores = writers.iter().map(|(kind, writer)| (*kind, writer.as_reader())).collect();
        let (verdicts, watched) = watch::channel(Verdicts::new());
        let snapshot = SharedSnapshot::default();
        let catalog = WatchedCatalog { snapshot: snapshot.clone(), verdicts: watched, stores };
        (CatalogController { snapshot, metrics, readiness, verdicts, writers }, catalog)
    }

    /// Keeps the snapshot current for ever.
    pub async fn run(mut self, client: Client) {
        let touched = Arc::new(Notify::new());
        let mut watches = JoinSet::new();
        let mut stores: Vec<Store<DynamicObject>> = Vec::new();
        for (kind, writer) in std::mem::take(&mut self.writers) {
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(kind));
            stores.push(writer.as_reader());
            watches.spawn(follow(kind.name, api, writer, Arc::clone(&touched)));
        }
        for store in &stores {
            // An error means that its watch has ended, which it never does.
            let _ = store.wait_until_ready().await;
        }
        let mut compiled = Compiled::default();
        loop {
            let mut objects: Vec<Arc<DynamicObject>> =
                stores.iter().flat_map(Store::state).collect();
            objects.sort_by_key(|object| object.name_any());
            let next = compiled.snapshot(&objects);
            let verdicts = verdicts(objects, &next.rejected);
            self.publish(next);
            self.verdicts.send_replace(verdicts);
            touched.notified().await;
            tokio::time::sleep(BURST).await;
        }
    }

    fn publish(&self, next: Snapshot) {
        let before = self.snapshot.get();
        let known = |rejected: &Rejected| {
            before.as_ref().is_some_and(|before| before.rejected.contains(rejected))
        };
        for rejected in next.rejected.iter().filter(|rejected| !known(rejected)) {
            warn!(object = %rejected, "left out of the catalog");
        }
        self.tell_circuits(before.as_deref(), &next);
        let digest = next.catalog.scheduler().digest();
        let products_of = |snapshot: &Snapshot| -> Vec<_> {
            snapshot.catalog.products().iter().map(Arc::as_ptr).collect()
        };
        let decides_alike = |before: &Arc<Snapshot>| {
            before.catalog.scheduler().digest() == digest
                && products_of(before) == products_of(&next)
        };
        // Much of what is written is a status that decides nothing.
        if !before.as_ref().is_some_and(decides_alike) {
            let (candidates, products) =
                (next.objects.candidates.len(), next.catalog.products().len());
            info!(candidates, products, digest, "the catalog is current");
        }
        self.snapshot.set(next);
        self.readiness.started();
    }

    /// Metrics of the circuits; of what is gone nothing stays, or an alert would.
    fn tell_circuits(&self, before: Option<&Snapshot>, next: &Snapshot) {
        let now = circuits(next);
        let gone = before.map(circuits).unwrap_or_default().into_keys();
        for (provider, region) in gone.filter(|circuit| !now.contains_key(circuit)) {
            self.metrics.circuit(provider, region, None);
        }
        for ((provider, region), state) in now {
            self.metrics.circuit(provider, region, Some(state));
        }
    }
}

/// Every circuit: of a provider, and of each of its places.
fn circuits(snapshot: &Snapshot) -> BTreeMap<(&str, Option<&str>), CircuitState> {
    let statuses = &snapshot.objects.statuses;
    let providers = snapshot.objects.providers.iter().map(|provider| {
        let state = statuses.get(&provider.name).map(|status| status.circuit.state);
        ((provider.name.as_str(), None), state.unwrap_or_default())
    });
    let places = snapshot.catalog.scheduler().candidates().iter().map(|candidate| {
        let mut places =
            statuses.get(&candidate.provider).into_iter().flat_map(|status| &status.places);
        let place = places.find(|place| place.region == candidate.region);
        let state = place.map(|place| place.circuit.state).unwrap_or_default();
        ((candidate.provider.as_str(), Some(candidate.region.as_str())), state)
    });
    providers.chain(places).collect()
}

fn verdicts(objects: Vec<Arc<DynamicObject>>, rejected: &[Rejected]) -> Verdicts {
    let judged = objects.into_iter().map(|object| {
        let (kind, name) = (kind(&object), object.name_any());
        let wrong =
            rejected.iter().filter(|rejected| rejected.kind == kind && rejected.name == name);
        let errors = wrong.flat_map(|rejected| rejected.errors.iter().cloned()).collect();
        ((kind, name), Verdict { object, errors })
    });
    judged.collect()
}

/// One of the configuration kinds.
fn kind(object: &DynamicObject) -> &'static str {
    let types = object.types.as_ref();
    types.and_then(|types| kinds::kind(&types.kind)).map_or("object", |kind| kind.name)
}

async fn follow(
    kind: &'static str,
    api: Api<DynamicObject>,
    writer: Writer<DynamicObject>,
    touched: Arc<Notify>,
) {
    let events = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear());
    let mut events = std::pin::pin!(reflector(writer, events));
    while let Some(event) = events.next().await {
        match event {
            // Listed one by one: not before the end is there anything to see.
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Ok(_) => touched.notify_one(),
            Err(error) => warn!(kind, %error, "cannot watch the catalog; trying again"),
        }
    }
}

/// Products, compiled once per generation.
#[derive(Default)]
struct Compiled(BTreeMap<(String, i64), Result<Arc<Product>, Rejected>>);

impl Compiled {
    fn snapshot(&mut self, all: &[Arc<DynamicObject>]) -> Snapshot {
        let mut objects = Objects::default();
        let mut rejected = Vec::new();
        let mut generations = BTreeMap::new();
        for object in all {
            let kind = kind(object);
            if kind == "Product" {
                let key = (
                    object.uid().unwrap_or_default(),
                    object.metadata.generation.unwrap_or_default(),
                );
                generations.insert(object.name_any(), key);
            }
            if object.labels().get(CATALOG).map(String::as_str) != Some(CATALOG_VALUE) {
                let errors = vec![names::unlabelled()];
                rejected.push(Rejected { kind, name: object.name_any(), errors });
                continue;
            }
            let value = to_value(&**object);
            if let Err(error) = objects.add("the cluster", value) {
                let error = match error {
                    ReadError::Object { message, .. } => message,
                    other => other.to_string(),
                };
                rejected.push(Rejected { kind, name: object.name_any(), errors: vec![error] });
            }
        }
        let products = self.products(&objects.products, &generations, &mut rejected);
        Snapshot::new(objects, products, rejected)
    }

    fn products(
        &mut self,
        products: &[Named<idp_crds::ProductSpec>],
        generations: &BTreeMap<String, (String, i64)>,
        rejected: &mut Vec<Rejected>,
    ) -> Vec<Arc<Product>> {
        let mut current = BTreeMap::new();
        let mut good = Vec::new();
        for product in products {
            let key = generations.get(&product.name).cloned().unwrap_or_default();
            let compiled = self.0.remove(&key).unwrap_or_else(|| compile(product).map(Arc::new));
            match &compiled {
                Ok(product) => good.push(Arc::clone(product)),
                Err(wrong) => rejected.push(wrong.clone()),
            }
            current.insert(key, compiled);
        }
        self.0 = current;
        good
    }
}
