//! A test's own namespace.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::json;

use super::Cluster;

/// A namespace whose developers may use claims (`crossplane-edit`), and an admin's client.
pub struct Team {
    /// The name of the namespace.
    pub namespace: String,
    /// May do everything.
    pub client: Client,
}

impl Cluster {
    /// Makes a namespace for one test.
    pub async fn team(&self, name: &str) -> Team {
        let client = self.control_plane.admin.client().await;
        let namespace = json!({"metadata": {"name": name}});
        let namespaces: Api<Namespace> = Api::all(client.clone());
        create(&namespaces, namespace).await;
        let binding = json!({
            "metadata": {"name": "developers"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "crossplane-edit"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
                "name": "developers"}],
        });
        let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), name);
        create(&bindings, binding).await;
        Team { namespace: name.to_owned(), client }
    }
}

async fn create<K>(api: &Api<K>, object: serde_json::Value)
where
    K: kube::Resource + serde::de::DeserializeOwned + serde::Serialize + Clone + std::fmt::Debug,
{
    let object: K = serde_json::from_value(object).expect("an object of its kind");
    let created = api.create(&PostParams::default(), &object).await;
    created.unwrap_or_else(|error| panic!("cannot create: {error}"));
}
