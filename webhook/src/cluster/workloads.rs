//! Claims and composite resources, each kind watched once: the index of what runs where is kept
//! current, and whoever asked is told what happens.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use idp_crds::product::ProductApi;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::core::Status;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::catalog::Verdicts;
use crate::placements::{GroupKind, Placements};
use crate::snapshot::SharedSnapshot;

pub use idp_console::workloads::{Role, Watched, kinds, placed};

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
    /// Nothing more of this kind is to be seen for now: it may not be watched.
    Lost(Arc<Watched>),
    /// Nothing of this kind is looked at any more.
    Unwatched(Arc<Watched>),
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

    /// The index that it keeps current.
    #[must_use]
    pub fn placements(&self) -> Arc<Placements> {
        Arc::clone(&self.placements)
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
                        self.workloads.tell(Event::Lost(Arc::clone(&self.watched))).await;
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

#[cfg(test)]
mod tests {
    use super::*;

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
