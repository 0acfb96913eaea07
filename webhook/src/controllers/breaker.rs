//! The circuit breakers: what composite resources say of their providers, counted into
//! `CloudProvider.status`.
//!
//! Only the leader writes, and by compare-and-swap, as admission takes probes from the same status:
//! what was observed waits until it is written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream;
use idp_crds::CloudProvider;
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, ResourceExt as _};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::circuit::{apply_observation, expire};
use super::observations::{LastSeen, Observation, Transition};
use super::{Context, triggers};
use crate::cluster::resource;
use crate::cluster::workloads::{Event, Role};

/// How often cooldowns are looked at.
const TICK: Duration = Duration::from_secs(5);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// How long the watch may take to bring what somebody else wrote.
const CONFLICT: Duration = Duration::from_millis(250);
/// More observations of a provider than this do not wait: the oldest has the least to say.
const MOST_PENDING: usize = 1024;

/// Counts observations for ever.
pub async fn run(context: Arc<Context>, events: mpsc::Receiver<Event>) {
    context.catalog.is_read().await;
    let mut stores = context.catalog.stores.iter();
    let Some((kind, store)) = stores.find(|(kind, _)| kind.name == "CloudProvider") else {
        return;
    };
    let (store, resource) = (store.clone(), resource(kind));
    let (wake, woken) = unbounded();
    // A probe that was taken, a provider that was added, a new leader.
    let all = triggers::any([
        triggers::changes(context.catalog.verdicts.clone()),
        triggers::changes(context.leads.clone()),
    ]);
    let breaker = Arc::new(Breaker {
        context: Arc::clone(&context),
        providers: store.clone(),
        pending: Mutex::default(),
    });
    // The watch is the catalog's.
    let counting = Controller::for_stream_with(stream::pending(), store, resource.clone())
        .reconcile_all_on(all)
        .reconcile_on(woken)
        .run(reconcile, error_policy, Arc::clone(&breaker))
        .for_each(|_| std::future::ready(()));
    tokio::join!(counting, breaker.listen(events, wake, resource));
}

/// What was observed of a provider and is not written yet, oldest first.
type Pending = VecDeque<(Observation, Transition)>;

struct Breaker {
    context: Arc<Context>,
    providers: Store<DynamicObject>,
    /// By provider.
    pending: Mutex<BTreeMap<String, Pending>>,
}

impl Breaker {
    fn pending(&self) -> MutexGuard<'_, BTreeMap<String, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what composite resources say. Every replica does: whoever becomes the leader
    /// knows what was said before.
    async fn listen(
        &self,
        mut events: mpsc::Receiver<Event>,
        wake: UnboundedSender<ObjectRef<DynamicObject>>,
        resource: ApiResource,
    ) {
        let mut last_seen = LastSeen::default();
        while let Some(event) = events.recv().await {
            match event {
                // A claim says the same again as its composite resource.
                Event::Seen(watched, object) if watched.role != Role::Claim => {
                    let Some(observation) = Observation::of(&object) else { continue };
                    let transition = last_seen.record(&watched.kind, &observation);
                    let provider = ObjectRef::new_with(&observation.provider, resource.clone());
                    if transition != Transition::None
                        && self.context.leads()
                        && self.providers.get(&provider).is_some()
                    {
                        self.wait(observation, transition);
                        // An error means that the controller has ended, with the process.
                        let _ = wake.unbounded_send(provider);
                    }
                }
                Event::Seen(..) => {}
                Event::Gone(watched, uid) => last_seen.forget(&watched.kind, &uid),
                Event::Listed(watched, uids) => last_seen.listed(&watched.kind, &uids),
                Event::Unwatched(watched) => last_seen.forget_kind(&watched.kind),
            }
        }
    }

    fn wait(&self, observation: Observation, transition: Transition) {
        let mut all = self.pending();
        let pending = all.entry(observation.provider.clone()).or_default();
        if pending.len() >= MOST_PENDING {
            pending.pop_front();
        }
        pending.push_back((observation, transition));
    }

    /// Takes away what has been written.
    fn written(&self, provider: &str, last: Option<&(Observation, Transition)>) {
        let mut all = self.pending();
        if let (Some(pending), Some(last)) = (all.get_mut(provider), last)
            && let Some(at) = pending.iter().position(|waiting| waiting == last)
        {
            pending.drain(..=at);
        }
        all.retain(|_, pending| !pending.is_empty());
    }
}

async fn reconcile(
    object: Arc<DynamicObject>,
    breaker: Arc<Breaker>,
) -> Result<Action, kube::Error> {
    let name = object.name_any();
    if !breaker.context.leads() {
        // What is not written by now is the next leader's to observe.
        breaker.pending().remove(&name);
        return Ok(Action::await_change());
    }
    // One that cannot be read has a condition that says so.
    let Ok(mut provider) = DynamicObject::clone(&object).try_parse::<CloudProvider>() else {
        return Ok(Action::await_change());
    };
    let before = provider.status.clone().unwrap_or_default().state;
    let pending = breaker.pending().get(&name).cloned().unwrap_or_default();
    let now = Timestamp::now();
    let mut changed = false;
    for (observation, transition) in &pending {
        changed |= apply_observation(&mut provider, observation, *transition, now);
    }
    changed |= expire(&mut provider, now);
    if changed {
        let api: Api<CloudProvider> = Api::all(breaker.context.client.clone());
        // With the version that the watch has: somebody faster wins.
        let written = api.replace_status(&name, &PostParams::default(), &provider).await?;
        let after = written.status.unwrap_or_default().state;
        if before != after {
            info!(provider = name, ?before, ?after, "circuit breaker");
        }
    }
    breaker.written(&name, pending.back());
    Ok(Action::requeue(TICK))
}

fn error_policy(object: Arc<DynamicObject>, error: &kube::Error, _: Arc<Breaker>) -> Action {
    match error {
        kube::Error::Api(status) if status.is_conflict() => Action::requeue(CONFLICT),
        _ => {
            warn!(provider = object.name_any(), %error, "cannot write the circuit breaker");
            Action::requeue(RETRY)
        }
    }
}
