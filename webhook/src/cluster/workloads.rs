//! Claims and composite resources, watched: what runs where, and how their providers do.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use idp_crds::names::{CELL, CLAIM_NAME, ENVIRONMENT, PLACEMENT_REASON, TIER};
use idp_crds::product::ProductApi;
use idp_crds::record::Record;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tracing::{debug, info};

use super::observations::{Kind, Observation, Report};
use crate::placements::{Placed, Placements};
use crate::snapshot::SharedSnapshot;

/// One kind that a Product brings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Watched {
    product: String,
    resource: GroupVersionKind,
    /// Whether it is a composite resource: the breaker looks at those, a claim says the same again.
    composite: bool,
}

impl Watched {
    fn kind(&self) -> Kind {
        (self.resource.group.clone(), self.resource.kind.clone())
    }
}

/// Keeps `placements` current for ever, for the Products of this moment's catalog.
pub(super) async fn keep(
    client: Client,
    snapshot: SharedSnapshot,
    placements: Arc<Placements>,
    observe: mpsc::Sender<Report>,
    mut catalog: watch::Receiver<u64>,
) {
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Watched, AbortHandle> = HashMap::new();
    while catalog.changed().await.is_ok() {
        let wanted = wanted(&snapshot);
        for (watched, task) in running.extract_if(|watched, _| !wanted.contains(watched)) {
            task.abort();
            placements.forget(&watched.resource.kind);
            // An error means that the breaker has ended, with the process.
            let _ = observe.send(Report::Unwatched(watched.kind())).await;
        }
        for watched in wanted {
            let Entry::Vacant(place) = running.entry(watched) else {
                continue;
            };
            let watched = place.key().clone();
            info!(kind = watched.resource.kind, group = watched.resource.group, "watching");
            let follower =
                Follower { watched, placements: Arc::clone(&placements), observe: observe.clone() };
            place.insert(tasks.spawn(follower.follow(client.clone())));
        }
    }
}

fn wanted(snapshot: &SharedSnapshot) -> Vec<Watched> {
    let Some(snapshot) = snapshot.get() else {
        return Vec::new();
    };
    let kinds = snapshot.catalog.products().iter().flat_map(|product| {
        let api = &product.spec.api;
        [(&api.claim_kind, false), (&api.composite_kind, true), (&api.namespaced_kind, true)].map(
            |(kind, composite)| Watched {
                product: product.name.clone(),
                resource: GroupVersionKind::gvk(&api.group, &api.version, kind),
                composite,
            },
        )
    });
    kinds.collect()
}

struct Follower {
    watched: Watched,
    placements: Arc<Placements>,
    observe: mpsc::Sender<Report>,
}

impl Follower {
    async fn follow(self, client: Client) {
        let gvk = &self.watched.resource;
        let resource = ApiResource::from_gvk_with_plural(gvk, &ProductApi::plural(&gvk.kind));
        let api: Api<DynamicObject> = Api::all_with(client, &resource);
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
        let mut listed = Vec::new();
        let mut uids = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => {
                    listed.clear();
                    uids.clear();
                }
                Ok(watcher::Event::InitApply(object)) => {
                    self.observe(&object).await;
                    listed.extend(self.placed(&object));
                    uids.extend(object.uid());
                }
                Ok(watcher::Event::InitDone) => {
                    self.placements.replace(&gvk.kind, std::mem::take(&mut listed));
                    self.tell(Report::Listed(self.watched.kind(), std::mem::take(&mut uids))).await;
                }
                Ok(watcher::Event::Apply(object)) => {
                    self.observe(&object).await;
                    if let Some(placed) = self.placed(&object) {
                        self.placements.put(&gvk.kind, placed);
                    }
                }
                Ok(watcher::Event::Delete(object)) => {
                    self.placements.remove(
                        &gvk.kind,
                        &object.namespace().unwrap_or_default(),
                        &object.name_any(),
                    );
                    if let Some(uid) = object.uid() {
                        self.tell(Report::Gone(self.watched.kind(), uid)).await;
                    }
                }
                // A Product may be there before its API is, and an API of one flavour only.
                Err(error) => debug!(kind = gvk.kind, %error, "cannot watch; trying again"),
            }
        }
    }

    async fn observe(&self, object: &DynamicObject) {
        if let Some(observation) = Observation::of(object) {
            self.tell(Report::Says(self.watched.kind(), observation)).await;
        }
    }

    async fn tell(&self, report: Report) {
        if self.watched.composite {
            // An error means that the breaker has ended, with the process.
            let _ = self.observe.send(report).await;
        }
    }

    /// None for a composite resource that a claim stands for.
    fn placed(&self, object: &DynamicObject) -> Option<Placed> {
        let labels = object.labels();
        if labels.contains_key(CLAIM_NAME) {
            return None;
        }
        let parameter = |label: &str, field: &str| {
            let given = || {
                object.data.pointer(&format!("/spec/parameters/{field}")).and_then(Value::as_str)
            };
            labels.get(label).map(String::as_str).or_else(given).unwrap_or_default().to_owned()
        };
        let status = object.data.pointer("/status/placement");
        let field = |name: &str| {
            status.and_then(|s| s.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let retained = status
            .and_then(|status| status.get("retained"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let retained = retained.filter_map(|r| {
            Some(format!("{}/{}", r.get("provider")?.as_str()?, r.get("region")?.as_str()?))
        });
        let mut placed = Placed {
            product: self.watched.product.clone(),
            kind: self.watched.resource.kind.clone(),
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
}
