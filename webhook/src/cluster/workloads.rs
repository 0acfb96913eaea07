//! Claims and composite resources, each kind watched once: the index of what runs where is kept
//! current, and whoever asked is told what happens.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use idp_core::insight::comparison::given;
use idp_crds::names::{CELL, ENVIRONMENT, PLACEMENT_REASON, TIER};
use idp_crds::product::ProductApi;
use idp_crds::record::Record;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::core::Status;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::catalog::Verdicts;
use crate::placements::{GroupKind, Placed, Placements};
use crate::snapshot::{SharedSnapshot, Snapshot};

/// Events that wait for a subscriber; a reconnect may list thousands at once. A slow one delays the
/// index, so that subscribers should only take note.
const EVENTS: usize = 1024;

/// How often a kind is asked for that is not served, or that we may not read.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What happens to workloads.
#[derive(Debug, Clone)]
pub enum Event {
    /// One is there, new or changed.
    Seen(Arc<Watched>, Arc<DynamicObject>),
    /// The one with this uid is gone.
    Gone(Arc<Watched>, String),
    /// These uids, and no others, are there.
    Listed(Arc<Watched>, HashSet<String>),
    /// Nothing of this kind is looked at any more.
    Unwatched(Arc<Watched>),
}

/// A kind that a Product brings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watched {
    /// The Product's name.
    pub product: String,
    /// The kind.
    pub kind: GroupKind,
    /// The version it is watched at.
    pub version: String,
    /// How it asks for the Product.
    pub role: Role,
}

/// What a kind is to its Product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its claims.
    Claim,
    /// The cluster-scoped composite resources, most of them behind a claim.
    Composite,
    /// The namespaced composite resources.
    Namespaced,
}

/// Watches all workloads.
pub struct Workloads {
    placements: Arc<Placements>,
    subscribers: Vec<mpsc::Sender<Event>>,
}

impl Workloads {
    /// To keep `placements` current.
    #[must_use]
    pub fn new(placements: Arc<Placements>) -> Self {
        Workloads { placements, subscribers: Vec::new() }
    }

    /// Everything that is going to happen.
    pub fn subscribe(&mut self) -> mpsc::Receiver<Event> {
        let (sender, receiver) = mpsc::channel(EVENTS);
        self.subscribers.push(sender);
        receiver
    }

    /// Watches for ever, whatever kinds the Products of the moment bring.
    pub async fn run(
        self,
        client: Client,
        snapshot: SharedSnapshot,
        mut catalog: watch::Receiver<Verdicts>,
    ) {
        let this = Arc::new(self);
        let mut running: HashMap<Arc<Watched>, AbortOnDropHandle<()>> = HashMap::new();
        while catalog.changed().await.is_ok() {
            let wanted = snapshot.get().map(|snapshot| kinds(&snapshot));
            let wanted: HashSet<Watched> = wanted.into_iter().flatten().collect();
            let ending = running.extract_if(|watched, _| !wanted.contains(&**watched));
            for (watched, task) in ending.collect::<Vec<_>>() {
                task.abort();
                // It must not write any more.
                let _ = task.await;
                this.placements.forget(&watched.kind);
                this.tell(Event::Unwatched(watched)).await;
            }
            for watched in wanted {
                let Entry::Vacant(place) = running.entry(Arc::new(watched)) else {
                    continue;
                };
                let watched = Arc::clone(place.key());
                info!(kind = %watched.kind, "watching");
                let watch = Watch { watched, workloads: Arc::clone(&this) };
                place.insert(AbortOnDropHandle::new(tokio::spawn(watch.run(client.clone()))));
            }
        }
    }

    async fn tell(&self, event: Event) {
        for subscriber in &self.subscribers {
            // An error means that it has ended, with the process.
            let _ = subscriber.send(event.clone()).await;
        }
    }
}

/// The kinds that Products bring, also those that are not accepted: what was made of one stays.
/// A kind that two name is the accepted one's, or the older one's.
#[must_use]
pub fn kinds(snapshot: &Snapshot) -> Vec<Watched> {
    let mut products: Vec<_> = snapshot.objects.products.iter().collect();
    products.sort_by_key(|product| {
        let is_accepted = snapshot.catalog.product(&product.name).is_some();
        (!is_accepted, &product.created, &product.name)
    });
    let mut owned = HashSet::new();
    let mut all = Vec::new();
    for product in products {
        let api = &product.spec.api;
        for (kind, role) in [
            (&api.claim_kind, Role::Claim),
            (&api.composite_kind, Role::Composite),
            (&api.namespaced_kind, Role::Namespaced),
        ] {
            let kind = GroupKind::new(&api.group, kind);
            if owned.insert(kind.clone()) {
                let (product, version) = (product.name.clone(), api.version.clone());
                all.push(Watched { product, kind, version, role });
            }
        }
    }
    all
}

/// The watch of one kind.
struct Watch {
    watched: Arc<Watched>,
    workloads: Arc<Workloads>,
}

impl Watch {
    async fn run(self, client: Client) {
        let GroupKind { group, kind } = &self.watched.kind;
        let gvk = GroupVersionKind::gvk(group, &self.watched.version, kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &ProductApi::plural(kind));
        let api: Api<DynamicObject> = Api::all_with(client, &resource);
        loop {
            self.follow(api.clone()).await;
            // From the list on: only that tells what has happened meanwhile.
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Until it takes a new list to know what there is.
    async fn follow(&self, api: Api<DynamicObject>) {
        let placements = &self.workloads.placements;
        let kind = &self.watched.kind;
        let mut events = pin!(watcher(api, watcher::Config::default()).default_backoff());
        let mut is_listed = false;
        let mut listed = Vec::new();
        let mut uids = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => {
                    listed.clear();
                    uids.clear();
                }
                Ok(watcher::Event::InitApply(object)) => {
                    listed.extend(placed(&self.watched, &object));
                    uids.extend(object.uid());
                    self.seen(object).await;
                }
                Ok(watcher::Event::InitDone) => {
                    is_listed = true;
                    placements.replace(kind, std::mem::take(&mut listed));
                    self.listed(std::mem::take(&mut uids)).await;
                }
                Ok(watcher::Event::Apply(object)) => {
                    if let Some(placed) = placed(&self.watched, &object) {
                        placements.put(placed);
                    }
                    self.seen(object).await;
                }
                Ok(watcher::Event::Delete(object)) => {
                    let namespace = object.namespace().unwrap_or_default();
                    placements.remove(kind, &namespace, &object.name_any());
                    if let Some(uid) = object.uid() {
                        let gone = Event::Gone(Arc::clone(&self.watched), uid);
                        self.workloads.tell(gone).await;
                    }
                }
                Err(error) => match Trouble::of(&error) {
                    Trouble::NotServed => {
                        // A Product may be there before its API is, and an API of one flavour only.
                        debug!(%kind, "is not served: there is nothing of it");
                        placements.replace(kind, []);
                        self.listed(HashSet::new()).await;
                        return;
                    }
                    Trouble::Forbidden => {
                        warn!(%kind, %error, "may not be watched; trying again");
                        let why = "may not be watched by the webhook, which needs list and watch on it (products.apiGroups of the chart)";
                        placements.lost(kind, format!("{why}: {}", reason(&error)));
                        return;
                    }
                    // What was listed holds, and the watch goes on from there.
                    Trouble::Passing if is_listed => {
                        debug!(%kind, %error, "the watch broke off; trying again");
                    }
                    Trouble::Passing => {
                        warn!(%kind, %error, "cannot be listed; trying again");
                        placements.lost(kind, format!("is not listed yet: {}", reason(&error)));
                    }
                },
            }
        }
    }

    async fn seen(&self, object: DynamicObject) {
        self.workloads.tell(Event::Seen(Arc::clone(&self.watched), Arc::new(object))).await;
    }

    async fn listed(&self, uids: HashSet<String>) {
        self.workloads.tell(Event::Listed(Arc::clone(&self.watched), uids)).await;
    }
}

/// Why there are no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The API server does not know the kind.
    NotServed,
    /// We may not read it.
    Forbidden,
    /// It will pass.
    Passing,
}

impl Trouble {
    fn of(error: &watcher::Error) -> Self {
        match answered(error).map(|status| status.code) {
            Some(404) => Trouble::NotServed,
            Some(401 | 403) => Trouble::Forbidden,
            _ => Trouble::Passing,
        }
    }
}

/// In the API server's words where it has said something.
fn reason(error: &watcher::Error) -> String {
    answered(error).map_or_else(|| error.to_string(), |status| status.message.clone())
}

fn answered(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

/// What the index has of a workload; nothing of a composite resource that a claim stands for.
#[must_use]
pub fn placed(watched: &Watched, object: &DynamicObject) -> Option<Placed> {
    // Crossplane's own field, which users may not set, unlike its labels.
    if watched.role == Role::Composite && object.data.pointer("/spec/claimRef/name").is_some() {
        return None;
    }
    let labels = object.labels();
    let parameter = |label: &str, field: &str| {
        let given =
            || object.data.pointer(&format!("/spec/parameters/{field}")).and_then(Value::as_str);
        labels.get(label).map(String::as_str).or_else(given).unwrap_or_default().to_owned()
    };
    let status = object.data.pointer("/status/placement");
    let field = |name: &str| {
        status.and_then(|s| s.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let retained =
        status.and_then(|status| status.get("retained")).and_then(Value::as_array).into_iter();
    let retained = retained.flatten().filter_map(|r| {
        Some(format!("{}/{}", r.get("provider")?.as_str()?, r.get("region")?.as_str()?))
    });
    let GroupKind { group, kind } = watched.kind.clone();
    let mut placed = Placed {
        product: watched.product.clone(),
        group,
        kind,
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        tier: parameter(TIER, "tier"),
        cell: parameter(CELL, "cell"),
        environment: parameter(ENVIRONMENT, "environment"),
        provider: field("provider"),
        region: field("region"),
        sequence: status
            .and_then(|status| status.get("sequence"))
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        phase: field("phase"),
        retained: retained.collect(),
        ha: object.data.pointer("/spec/parameters/ha").and_then(Value::as_bool).unwrap_or(false),
        given: given(object.data.pointer("/spec/parameters").unwrap_or(&Value::Null)),
    };
    if placed.provider.is_empty()
        && let Some(record) =
            object.annotations().get(PLACEMENT_REASON).and_then(|text| Record::parse(text).ok())
    {
        // Decided; the function has not acted on it yet.
        placed.provider = record.selected.provider;
        placed.region = record.selected.region;
        placed.sequence = record.sequence;
    }
    Some(placed)
}

#[cfg(test)]
mod tests {
    use idp_core::catalog::{compile, embedded};
    use serde_json::json;

    use super::*;

    fn watched(role: Role) -> Watched {
        Watched {
            product: "mysql".to_owned(),
            kind: GroupKind::new("db.example.org", "Database"),
            version: "v1".to_owned(),
            role,
        }
    }

    fn object(spec: &Value) -> DynamicObject {
        let object = json!({
            "apiVersion": "db.example.org/v1", "kind": "Database",
            "metadata": {
                "name": "orders", "namespace": "team",
                "labels": {"crossplane.io/claim-name": "a", "crossplane.io/claim-namespace": "b"},
            },
            "spec": spec,
            "status": {"placement": {"provider": "aws", "region": "us-east-1", "sequence": 1}},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn only_a_composite_behind_a_claim_is_not_a_workload_of_its_own() {
        let direct = object(&json!({}));
        let behind = object(&json!({"claimRef": {"name": "a", "namespace": "b"}}));
        assert_eq!(placed(&watched(Role::Composite), &behind), None);
        // A label that anybody can set hides nothing.
        for role in [Role::Claim, Role::Composite, Role::Namespaced] {
            assert!(placed(&watched(role), &direct).is_some(), "{role:?}");
        }
        assert!(placed(&watched(Role::Namespaced), &behind).is_some());
    }

    #[test]
    fn every_readable_product_is_watched_and_every_kind_once() {
        let mut objects = embedded().unwrap();
        let mut twin = objects.products.iter().find(|p| p.name == "mysql").unwrap().clone();
        twin.name = "twin".to_owned();
        twin.created = "2026-01-01T00:00:00Z".to_owned();
        twin.spec.api.namespaced_kind = "Other".to_owned();
        objects.products.push(twin);
        let compiled = || {
            let good = objects.products.iter().filter(|product| product.name != "webapp");
            good.map(|product| Arc::new(compile(product).unwrap())).collect()
        };
        // What does not compile any more is still there.
        let snapshot = Snapshot::new(objects.clone(), compiled(), Vec::new());

        let all = kinds(&snapshot);
        let unique: HashSet<&GroupKind> = all.iter().map(|watched| &watched.kind).collect();
        assert_eq!((all.len(), unique.len()), (10, 10));
        let of = |product: &str| all.iter().filter(|watched| watched.product == product).count();
        assert_eq!((of("mysql"), of("twin"), of("webapp")), (3, 1, 3));
    }

    #[test]
    fn what_is_not_served_is_told_from_what_is_forbidden_and_from_what_passes() {
        let failed = |code: u16| {
            let status = Status { code, ..Status::default() };
            watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
        };
        for (error, expected) in [
            (failed(404), Trouble::NotServed),
            (failed(403), Trouble::Forbidden),
            (failed(401), Trouble::Forbidden),
            (failed(500), Trouble::Passing),
            (failed(410), Trouble::Passing),
            (watcher::Error::NoResourceVersion, Trouble::Passing),
        ] {
            assert_eq!(Trouble::of(&error), expected, "{error}");
        }
    }
}
