//! One look at one managed resource, as crossplane-runtime's reconciler takes it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::computed::at_provider;
use super::ledger::External;
use super::{Cloud, ManagedKind, Mood};

const FINALIZER: &str = "finalizer.managedresource.crossplane.io";
const EXTERNAL_NAME: &str = "crossplane.io/external-name";

/// The provider of one kind.
pub(super) struct Provider {
    pub cloud: Cloud,
    pub client: Client,
    pub kind: ManagedKind,
}

impl Provider {
    pub(super) async fn reconcile(&self, object: &DynamicObject) -> kube::Result<()> {
        if object.annotations().get("crossplane.io/paused").is_some_and(|value| value == "true") {
            return Ok(());
        }
        match self.cloud.mood(&self.kind.resource.group, object) {
            Mood::Stalled => Ok(()),
            Mood::Refusing => {
                let message = format!(
                    "create failed: https response error StatusCode: 400, RequestID: {}, InvalidParameterValue: the stand-in is told to refuse",
                    self.cloud.request_id()
                );
                self.unsynced(object, &message).await
            }
            Mood::Failing => {
                let message = format!(
                    "observe failed: https response error StatusCode: 503, RequestID: {}, ServiceUnavailable: the stand-in is told to fail",
                    self.cloud.request_id()
                );
                self.unsynced(object, &message).await
            }
            Mood::Healthy if object.metadata.deletion_timestamp.is_some() => {
                self.delete(object).await
            }
            Mood::Healthy => self.observe_or_create(object).await,
        }
    }

    async fn unsynced(&self, object: &DynamicObject, message: &str) -> kube::Result<()> {
        self.report(object, &[condition("Synced", "False", "ReconcileError", message)], None).await
    }

    async fn observe_or_create(&self, object: &DynamicObject) -> kube::Result<()> {
        let external = self.external(object);
        if !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
            || !object.annotations().contains_key(EXTERNAL_NAME)
        {
            return self.adopt(object, &external.name).await;
        }
        let for_provider = &object.data["spec"]["forProvider"];
        if !self.cloud.bring_about(object, &external, for_provider) {
            let message = "cannot observe external resource: it does not exist";
            let unsynced = condition("Synced", "False", "ReconcileError", message);
            return self.report(object, &[unsynced], None).await;
        }
        self.write_connection_secret(object, &external.name).await?;
        let conditions = [
            condition("Synced", "True", "ReconcileSuccess", ""),
            condition("Ready", "True", "Available", ""),
        ];
        let values = at_provider(&self.kind.at_provider, &external.name, for_provider);
        self.report(object, &conditions, Some(values)).await
    }

    /// Adds the finalizer and the external name, which calls for another look.
    async fn adopt(&self, object: &DynamicObject, external_name: &str) -> kube::Result<()> {
        let mut finalizers = object.finalizers().to_vec();
        if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
        }
        self.patch_metadata(
            object,
            json!({"finalizers": finalizers, "annotations": {EXTERNAL_NAME: external_name}}),
        )
        .await
    }

    async fn delete(&self, object: &DynamicObject) -> kube::Result<()> {
        // A finalizer of somebody else, such as foreground deletion, is theirs to remove.
        if !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
            return Ok(());
        }
        if allows(object, "Delete") && object.data["spec"]["deletionPolicy"] != "Orphan" {
            let external = self.external(object);
            let destroyed = self.cloud.ledger.lock().expect("the ledger").destroy(&external);
            if let Err(refusal) = destroyed {
                return self.unsynced(object, &format!("delete failed: {refusal}")).await;
            }
        }
        let others: Vec<_> = object.finalizers().iter().filter(|name| *name != FINALIZER).collect();
        self.patch_metadata(object, json!({"finalizers": others})).await
    }

    fn external(&self, object: &DynamicObject) -> External {
        let ApiResource { plural, group, .. } = &self.kind.resource;
        External {
            kind: format!("{plural}.{}", group.replace(".m.", ".")),
            name: object
                .annotations()
                .get(EXTERNAL_NAME)
                .cloned()
                .unwrap_or_else(|| object.name_any()),
        }
    }

    /// Writes the status, unless it says so already.
    async fn report(
        &self,
        object: &DynamicObject,
        news: &[Value],
        at_provider: Option<Value>,
    ) -> kube::Result<()> {
        let old = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let of_type = |conditions: &[Value], kind: &Value| {
            conditions.iter().find(|condition| condition["type"] == *kind).cloned()
        };
        let same = |a: &Value, b: &Value| {
            ["type", "status", "reason", "message"].iter().all(|field| a[field] == b[field])
        };
        let reported =
            news.iter().all(|new| of_type(&old, &new["type"]).is_some_and(|old| same(&old, new)));
        let values_known = at_provider
            .as_ref()
            .is_none_or(|values| object.data["status"]["atProvider"] == *values);
        if reported && values_known {
            return Ok(());
        }
        let mut conditions = news.to_vec();
        conditions.extend(
            old.into_iter().filter(|condition| of_type(news, &condition["type"]).is_none()),
        );
        let mut status = json!({"conditions": conditions});
        if let Some(values) = at_provider {
            status["atProvider"] = values;
        }
        self.api(object)
            .patch_status(
                &object.name_any(),
                &PatchParams::default(),
                &Patch::Merge(json!({"status": status})),
            )
            .await
            .map(|_| ())
    }

    async fn write_connection_secret(
        &self,
        object: &DynamicObject,
        name: &str,
    ) -> kube::Result<()> {
        let reference = &object.data["spec"]["writeConnectionSecretToRef"];
        let Some(secret_name) = reference["name"].as_str() else {
            return Ok(());
        };
        let namespace = object.namespace();
        let namespace = reference["namespace"].as_str().or(namespace.as_deref());
        let values: BTreeMap<_, _> = [
            ("endpoint", format!("{name}.cloud.example")),
            ("port", "3306".to_owned()),
            ("username", "admin".to_owned()),
            ("password", format!("{name}-password")),
        ]
        .into();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": secret_name},
            "type": "connection.crossplane.io/v1alpha1",
            "stringData": values,
        });
        Api::<Secret>::namespaced(self.client.clone(), namespace.unwrap_or("default"))
            .patch(
                secret_name,
                &PatchParams::apply("stand-in-cloud").force(),
                &Patch::Apply(secret),
            )
            .await
            .map(|_| ())
    }

    async fn patch_metadata(
        &self,
        object: &DynamicObject,
        mut metadata: Value,
    ) -> kube::Result<()> {
        // Lists are replaced as a whole: only if nobody has changed them meanwhile.
        metadata["resourceVersion"] = json!(object.resource_version());
        self.api(object)
            .patch(
                &object.name_any(),
                &PatchParams::default(),
                &Patch::Merge(json!({"metadata": metadata})),
            )
            .await
            .map(|_| ())
    }

    fn api(&self, object: &DynamicObject) -> Api<DynamicObject> {
        match object.namespace() {
            Some(namespace) => {
                Api::namespaced_with(self.client.clone(), &namespace, &self.kind.resource)
            }
            None => Api::all_with(self.client.clone(), &self.kind.resource),
        }
    }
}

impl Cloud {
    /// Creates or updates what the policies allow; whether the thing exists now.
    fn bring_about(&self, object: &DynamicObject, external: &External, values: &Value) -> bool {
        let mut ledger = self.ledger.lock().expect("the ledger");
        let exists = ledger.existing.contains_key(external);
        let allowed = allows(object, if exists { "Update" } else { "Create" });
        if allowed {
            ledger.create(external.clone(), values.clone());
        }
        exists || allowed
    }
}

/// Whether `managementPolicies` let the provider do this; none means all.
fn allows(object: &DynamicObject, action: &str) -> bool {
    match object.data["spec"]["managementPolicies"].as_array() {
        None => true,
        Some(policies) => policies.iter().any(|policy| policy == "*" || policy == action),
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": Timestamp::now().to_string(),
    })
}
