//! The circuit breakers: what composite resources say of their providers, as circuits in
//! `CloudProvider.status`.
//!
//! Every few seconds the circuits are worked out anew from what is known then
//! ([`idp_core::circuit`]). Only the leader writes, and by compare-and-swap, as admission lets
//! probes through by the same status.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use idp_core::circuit;
use idp_crds::CloudProvider;
use idp_crds::cloud_provider::Probe;
use idp_crds::product::ProductApi;
use idp_crds::provider_error::ProviderErrors;
use jiff::Timestamp;
use kube::api::{DynamicObject, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::{Api, ResourceExt as _};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::evidence::{Evidence, Observation};
use super::{Context, triggers};
use crate::cluster::resource;
use crate::cluster::workloads::{Event, Role, kinds};
use crate::placements::Placements;
use crate::snapshot::Snapshot;

/// How often the circuits are worked out.
const TICK: Duration = Duration::from_secs(5);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// How long the watch may take to bring what somebody else wrote.
const CONFLICT: Duration = Duration::from_millis(250);

/// Keeps the circuits for ever.
pub async fn run(
    context: Arc<Context>,
    placements: Arc<Placements>,
    events: mpsc::Receiver<Event>,
) {
    context.catalog.is_read().await;
    let mut stores = context.catalog.stores.iter();
    let Some((kind, store)) = stores.find(|(kind, _)| kind.name == "CloudProvider") else {
        return;
    };
    let (store, resource) = (store.clone(), resource(kind));
    // A probe that was let through, a provider that was added, a new leader.
    let all = triggers::any([
        triggers::changes(context.catalog.verdicts.clone()),
        triggers::changes(context.leads.clone()),
    ]);
    let breaker = Arc::new(Breaker { context, placements, evidence: Mutex::default() });
    // The watch is the catalog's.
    let keeping = Controller::for_stream_with(stream::pending(), store, resource)
        .reconcile_all_on(all)
        .run(reconcile, error_policy, Arc::clone(&breaker))
        .for_each(|_| std::future::ready(()));
    tokio::join!(keeping, breaker.listen(events));
}

struct Breaker {
    context: Arc<Context>,
    placements: Arc<Placements>,
    evidence: Mutex<Evidence>,
}

impl Breaker {
    fn evidence(&self) -> MutexGuard<'_, Evidence> {
        self.evidence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what composite resources say. Every replica does: whoever becomes the leader
    /// knows what is to be known.
    async fn listen(&self, mut events: mpsc::Receiver<Event>) {
        while let Some(event) = events.recv().await {
            let mut evidence = self.evidence();
            match event {
                // A claim says the same again as its composite resource.
                Event::Seen(watched, object) if watched.role != Role::Claim => {
                    let kind = &watched.kind;
                    match Observation::of(&object) {
                        Some(said) => evidence.record(kind, said, Timestamp::now()),
                        // Nothing is known of the place where it is now.
                        None => evidence.forget(kind, &object.uid().unwrap_or_default()),
                    }
                }
                Event::Seen(..) => {}
                Event::Gone(watched, uid) => evidence.forget(&watched.kind, &uid),
                Event::Listed(watched, uids) => evidence.listed(&watched.kind, &uids),
                Event::Lost(watched) => evidence.lost(&watched.kind),
                Event::Unwatched(watched) => evidence.forget_kind(&watched.kind),
            }
        }
    }

    /// Whether the workload that holds `probe` is to be seen at the place where it goes.
    fn arrived(&self, provider: &str, probe: &Probe) -> bool {
        let there = self.placements.list(|placed| {
            let plural = ProductApi::plural(&placed.kind);
            placed.provider == provider
                && placed.region == probe.region
                && probe.holder
                    == format!("{plural}.{}/{}/{}", placed.group, placed.namespace, placed.name)
        });
        !there.is_empty()
    }
}

async fn reconcile(
    object: Arc<DynamicObject>,
    breaker: Arc<Breaker>,
) -> Result<Action, kube::Error> {
    let name = object.name_any();
    if !breaker.context.leads() {
        return Ok(Action::await_change());
    }
    // One that cannot be read has a condition that says so.
    let Ok(mut provider) = DynamicObject::clone(&object).try_parse::<CloudProvider>() else {
        return Ok(Action::await_change());
    };
    let settings = provider.spec.circuit_breaker.clone();
    let Some(snapshot) = breaker.context.catalog.snapshot.get() else {
        return Ok(Action::requeue(TICK));
    };
    let reports = {
        let evidence = breaker.evidence();
        let composites = kinds(&snapshot).into_iter().filter(|watched| watched.role != Role::Claim);
        if !evidence.is_complete(composites.map(|watched| watched.kind)) {
            return Ok(Action::requeue(TICK));
        }
        // Mostly nobody fails, and then the patterns need not be compiled. Those that cannot be have a
        // condition that says so.
        let errors = LazyCell::new(|| ProviderErrors::new(settings.errors.as_deref()).ok());
        let is_its = |message: &str| errors.as_ref().is_some_and(|errors| errors.is_in(message));
        evidence.reports(&name, is_its)
    };
    let before = provider.status.clone().unwrap_or_default();
    let probe_arrived = before.probe.as_ref().is_some_and(|probe| breaker.arrived(&name, probe));
    let regions = regions(&snapshot, &name);
    let evidence = circuit::Evidence { regions: &regions, reports: &reports, probe_arrived };
    let after = circuit::next(&settings, &before, &evidence, Timestamp::now());
    if after != before {
        provider.status = Some(after.clone());
        let api: Api<CloudProvider> = Api::all(breaker.context.client.clone());
        // With the version that the watch has: somebody faster wins.
        api.replace_status(&name, &PostParams::default(), &provider).await?;
        let state_of = |status: &idp_crds::CloudProviderStatus| {
            let places = status.places.iter();
            let places = places.map(|place| (place.region.clone(), place.circuit.state));
            (status.circuit.state, places.collect::<Vec<_>>())
        };
        if state_of(&before) != state_of(&after) {
            let (state, places) = state_of(&after);
            let failing = after.circuit.failing;
            info!(provider = name, ?state, ?places, failing, "circuit breaker");
        }
    }
    Ok(Action::requeue(TICK))
}

/// The regions of `provider` that the catalog has.
fn regions(snapshot: &Snapshot, provider: &str) -> BTreeSet<String> {
    let candidates = snapshot.catalog.scheduler().candidates().iter();
    candidates
        .filter(|candidate| candidate.provider == provider)
        .map(|candidate| candidate.region.clone())
        .collect()
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
