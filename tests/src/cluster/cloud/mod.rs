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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, future};
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Client, ResourceExt as _};
use serde_json::Value;

pub use ledger::{External, Ledger};

/// How a provider behaves.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mood {
    /// Does what it is asked.
    #[default]
    Healthy,
    /// The cloud refuses what it is asked, as it does a wrong input: `Synced=False`.
    Refusing,
    /// Every call to the cloud ends in an error of the cloud's, in other words each time:
    /// `Synced=False`, too.
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
    requests: Arc<AtomicU64>,
    ledger: Arc<Mutex<Ledger>>,
}

/// How often a resource is looked at again, which is how a change of mood is noticed.
const POLL: Duration = Duration::from_millis(500);

impl Cloud {
    /// From now on this provider (`aws`, `gcp`, `oci`) behaves like this; or only one of its
    /// regions, by the name of its ProviderConfig (`aws-us-east-1`); or only towards one claim.
    pub fn set_mood(&self, of: &str, mood: Mood) {
        let mut moods = self.moods.lock().expect("the moods");
        moods.insert(of.to_owned(), mood);
    }

    /// What exists in the clouds now, and what was destroyed.
    pub fn ledger(&self) -> Ledger {
        self.ledger.lock().expect("the ledger").clone()
    }

    /// The worst of what was said of it.
    fn mood(&self, group: &str, object: &DynamicObject) -> Mood {
        let moods = self.moods.lock().expect("the moods");
        let config = object.data.pointer("/spec/providerConfigRef/name").and_then(Value::as_str);
        let claim = object.labels().get("crossplane.io/claim-name").map(String::as_str);
        let is_meant = |of: &str| {
            group.split('.').any(|part| part == of) || config == Some(of) || claim == Some(of)
        };
        let meant = moods.iter().filter(|(of, _)| is_meant(of)).map(|(_, mood)| *mood);
        meant.max().unwrap_or_default()
    }

    /// Another one each time.
    fn request_id(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
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
