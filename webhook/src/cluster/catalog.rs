//! The catalog, watched: whenever a configuration object changes, a new snapshot is made and swapped in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use idp_crds::names::{GROUP, VERSION};
use idp_function::catalog::{Named, Objects, Rejected, compile};
use idp_function::compose::product::Product;
use idp_function::server::ops::Readiness;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::metrics::Metrics;
use crate::snapshot::{SharedSnapshot, Snapshot};

/// The configuration kinds.
const KINDS: [&str; 6] = ["Candidate", "CloudProvider", "Experiment", "FeatureFlag", "Product", "Tier"];

/// Changes come in bursts, as when a folder is applied: one snapshot for all of them.
const BURST: Duration = Duration::from_millis(20);

/// Keeps `snapshot` current for ever; `changed` counts the snapshots.
pub(super) async fn keep(
    client: Client,
    snapshot: SharedSnapshot,
    metrics: Metrics,
    readiness: Readiness,
    changed: watch::Sender<u64>,
) {
    let touched = Arc::new(Notify::new());
    let mut watches = JoinSet::new();
    let mut stores: Vec<Store<DynamicObject>> = Vec::new();
    for kind in KINDS {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, kind));
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let writer = Writer::new(resource);
        stores.push(writer.as_reader());
        watches.spawn(follow(kind, api, writer, Arc::clone(&touched)));
    }
    for store in &stores {
        // An error means that its watch has ended, which it never does.
        let _ = store.wait_until_ready().await;
    }
    let mut compiled = Compiled::default();
    loop {
        let next = compiled.snapshot(&stores);
        for rejected in next.rejected.iter().filter(|rejected| !snapshot.load().rejected.contains(rejected)) {
            warn!(object = %rejected, "left out of the catalog");
        }
        for provider in &next.objects.providers {
            let state = next.objects.statuses.get(&provider.name).map(|status| status.state).unwrap_or_default();
            metrics.circuit(&provider.name, state);
        }
        let (candidates, products) = (next.objects.candidates.len(), next.catalog.products().len());
        info!(candidates, products, digest = next.catalog.scheduler().digest(), "the catalog is current");
        snapshot.store(Arc::new(next));
        readiness.set(true);
        changed.send_modify(|count| *count += 1);
        touched.notified().await;
        tokio::time::sleep(BURST).await;
    }
}

async fn follow(kind: &'static str, api: Api<DynamicObject>, writer: Writer<DynamicObject>, touched: Arc<Notify>) {
    let events = watcher(api, watcher::Config::default()).default_backoff().modify(|object| object.managed_fields_mut().clear());
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
    fn snapshot(&mut self, stores: &[Store<DynamicObject>]) -> Snapshot {
        let mut objects = Objects::default();
        let mut rejected = Vec::new();
        let mut generations = BTreeMap::new();
        let mut all: Vec<Arc<DynamicObject>> = stores.iter().flat_map(Store::state).collect();
        all.sort_by_key(|object| object.name_any());
        for object in all {
            let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
            if kind == "Product" {
                let key = (object.uid().unwrap_or_default(), object.metadata.generation.unwrap_or_default());
                generations.insert(object.name_any(), key);
            }
            let value = serde_json::to_value(&*object).unwrap_or_default();
            if let Err(error) = objects.add("the cluster", value) {
                let kind = KINDS.into_iter().find(|known| *known == kind).unwrap_or("object");
                rejected.push(Rejected { kind, name: object.name_any(), errors: vec![error.to_string()] });
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
