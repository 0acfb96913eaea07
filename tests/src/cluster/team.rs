//! A test's own namespace, and what its developers do there.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, discovery};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Cluster, User};

/// Tests that change what all others rely on (the catalog, a provider's mood, a process) have
/// the cluster to themselves.
static WORLD: RwLock<()> = RwLock::const_new(());

enum Share {
    Together { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// A namespace whose developers may use claims (`crossplane-edit`).
pub struct Team {
    /// The name of the namespace.
    pub namespace: String,
    /// May do everything.
    pub client: Client,
    developer: User,
    _share: Share,
}

impl Cluster {
    /// Makes a namespace for one test, which runs beside others.
    pub async fn team(&self, name: &str) -> Team {
        let share = Share::Together { _guard: WORLD.read().await };
        self.make_team(name, share).await
    }

    /// Makes a namespace for one test, which runs while no other does.
    pub async fn team_alone(&self, name: &str) -> Team {
        let share = Share::Alone { _guard: WORLD.write().await };
        self.make_team(name, share).await
    }

    async fn make_team(&self, name: &str, share: Share) -> Team {
        // A test that took the webhook away may have failed before it brought it back.
        if let Some(webhook) = self.webhook.get() {
            webhook.start().await;
        }
        let client = self.control_plane.admin.client().await;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        create(&namespaces, json!({"metadata": {"name": name}})).await;
        let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), name);
        let group = "rbac.authorization.k8s.io";
        let binding = json!({
            "metadata": {"name": "developers"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "crossplane-edit"},
            "subjects": [{"apiGroup": group, "kind": "Group", "name": "developers"}],
        });
        create(&bindings, binding).await;
        let developer = self.control_plane.developer.clone();
        Team { namespace: name.to_owned(), client, developer, _share: share }
    }
}

impl Team {
    /// Runs kubectl in this namespace as a developer; an error is what it printed.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut all = vec!["--namespace", &self.namespace];
        all.extend(arguments);
        self.developer.kubectl(&all, input)
    }

    /// Applies a manifest as a developer.
    pub fn apply(&self, manifest: &Value) -> Result<String, String> {
        self.kubectl(&["apply", "-f", "-"], &manifest.to_string())
    }

    /// The objects of a kind, those of this namespace if it is a namespaced kind.
    pub async fn objects(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (resource, namespaced) = self.resource(api_version, kind).await;
        if namespaced {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        }
    }

    /// A kind as the API server knows it, and whether it is namespaced.
    pub(super) async fn resource(&self, api_version: &str, kind: &str) -> (ApiResource, bool) {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let (resource, capabilities) =
            super::eventually(&format!("the kind {api_version} {kind}"), async || {
                discovery::pinned_kind(&self.client, &gvk).await.map_err(|error| error.to_string())
            })
            .await;
        (resource, capabilities.scope == discovery::Scope::Namespaced)
    }
}

async fn create<K>(api: &Api<K>, object: Value)
where
    K: kube::Resource + serde::de::DeserializeOwned + serde::Serialize + Clone + std::fmt::Debug,
{
    let object: K = serde_json::from_value(object).expect("an object of its kind");
    let created = api.create(&PostParams::default(), &object).await;
    created.unwrap_or_else(|error| panic!("cannot create: {error}"));
}
