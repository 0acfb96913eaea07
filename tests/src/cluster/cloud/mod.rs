//! A stand-in for the three clouds and their Crossplane providers.
//!
//! It does to managed resources what the providers do: external names, conditions,
//! `status.atProvider`, connection Secrets, finalizers, `managementPolicies`. A provider can
//! be told to fail or to stall. What exists "in the cloud" is kept in a ledger that outlives
//! the Kubernetes objects, so that a test can ask what was made, orphaned or destroyed.

mod computed;
mod ledger;
mod managed;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, future};
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use serde_json::Value;

pub use ledger::{External, Ledger};

/// How a provider behaves.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Mood {
    /// Does what it is asked.
    #[default]
    Healthy,
    /// Every call to the cloud ends in an error: `Synced=False`.
    Failing,
    /// Nothing happens at all.
    Stalled,
}

/// A kind of managed resource.
#[derive(Clone)]
pub(super) struct ManagedKind {
    pub resource: ApiResource,
    /// The schema of `status.atProvider`; null when the CRD does not say.
    pub at_provider: Value,
}

/// The clouds, shared by all tests.
#[derive(Clone, Default)]
pub struct Cloud {
    moods: Arc<Mutex<BTreeMap<String, Mood>>>,
    ledger: Arc<Mutex<Ledger>>,
}

/// How often a resource is looked at again, which is how a change of mood is noticed.
const POLL: Duration = Duration::from_millis(500);

impl Cloud {
    /// From now on this provider (`aws`, `gcp`, `oci`) behaves like this.
    pub fn set_mood(&self, provider: &str, mood: Mood) {
        let mut moods = self.moods.lock().expect("the moods");
        moods.insert(provider.to_owned(), mood);
    }

    /// What exists in the clouds now, and what was destroyed.
    pub fn ledger(&self) -> Ledger {
        self.ledger.lock().expect("the ledger").clone()
    }

    fn mood(&self, group: &str) -> Mood {
        let moods = self.moods.lock().expect("the moods");
        let of_group = |provider: &&str| group.split('.').any(|part| part == *provider);
        let provider = moods.keys().map(String::as_str).find(of_group);
        provider.map_or_else(Mood::default, |provider| moods[provider])
    }

    /// Runs the providers of these kinds until the test program ends.
    pub(super) async fn run(self, client: Client, kinds: Vec<ManagedKind>) {
        let controllers = kinds.into_iter().map(|kind| {
            let api = Api::<DynamicObject>::all_with(client.clone(), &kind.resource);
            let context =
                Arc::new(managed::Provider { cloud: self.clone(), client: client.clone(), kind });
            let resource = context.kind.resource.clone();
            Controller::new_with(api, watcher::Config::default(), resource)
                .run(
                    async |object, provider: Arc<managed::Provider>| {
                        provider.reconcile(&object).await?;
                        Ok(Action::requeue(POLL))
                    },
                    // A conflict, or an API server that a test has just killed.
                    |_, _: &kube::Error, _| Action::requeue(POLL),
                    context,
                )
                .for_each(|_| future::ready(()))
        });
        future::join_all(controllers).await;
    }
}
