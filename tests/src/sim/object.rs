//! A composed object, as the API server keeps it, and its provider.

use serde_json::{Map, Value, json};

/// How a provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cloud {
    /// Makes what it is told to, in two steps.
    #[default]
    Works,
    /// Refuses every change.
    Fails,
    /// Does nothing.
    Stalls,
}

/// A composed object: what we apply, and what others add.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What was applied last. Fields that are not sent any more are gone with the next apply.
    pub ours: Value,
    uid: String,
    /// The second of its creation, in order of creation.
    created: u64,
    version: u64,
    external_name: Option<String>,
    status: Map<String, Value>,
    /// What the provider has taken.
    accepted: Option<Value>,
}

impl Object {
    /// Made by the first apply.
    pub fn new(ours: Value, count: u64) -> Self {
        let uid = format!("10000000-0000-4000-8000-{count:012}");
        Object {
            ours,
            uid,
            created: count,
            version: count,
            external_name: None,
            status: Map::new(),
            accepted: None,
        }
    }

    /// A further apply; none when the API server refuses it.
    #[must_use]
    pub fn applied(&self, ours: Value, count: u64) -> Option<Object> {
        let immutable = self.ours["immutable"] == true;
        if immutable && (self.ours["data"] != ours["data"] || ours["immutable"] != true) {
            return None;
        }
        assert_eq!(
            identity(&self.ours),
            identity(&ours),
            "a composition-resource-name that changes its object leaks the old one"
        );
        let version = if ours == self.ours { self.version } else { count };
        Some(Object { ours, version, ..self.clone() })
    }

    /// As it is read.
    pub fn observed(&self, key: &str) -> Value {
        let mut object = self.ours.clone();
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(self.uid);
        metadata["resourceVersion"] = json!(self.version.to_string());
        metadata["generation"] = json!(1);
        metadata["creationTimestamp"] = json!(format!(
            "2026-01-01T{:02}:{:02}:{:02}Z",
            self.created / 3600,
            self.created / 60 % 60,
            self.created % 60
        ));
        metadata["annotations"]["crossplane.io/composition-resource-name"] = json!(key);
        metadata["ownerReferences"] = json!([{"kind": "XR", "controller": true}]);
        metadata["managedFields"] = json!([{"manager": "apiextensions.crossplane.io/composed"}]);
        if let Some(name) = &self.external_name {
            metadata["annotations"]["crossplane.io/external-name"] = json!(name);
        }
        if !self.status.is_empty() {
            object["status"] = Value::Object(self.status.clone());
        }
        object
    }

    /// Which object it is, whatever becomes of its name.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// A label of ours.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.ours["metadata"]["labels"].get(name)?.as_str()
    }

    /// Which place it belongs to.
    pub fn place(&self) -> Option<String> {
        self.label("platform.example.org/sequence")?;
        let (provider, region) = (
            self.label("platform.example.org/provider")?,
            self.label("platform.example.org/region")?,
        );
        Some(format!("{provider}-{region}"))
    }

    /// Whether it says that it holds data.
    pub fn is_stateful(&self) -> bool {
        self.label("platform.example.org/stateful") == Some("true")
    }

    /// Whether its deletion would delete what it stands for.
    pub fn deletes(&self) -> bool {
        self.has_policy("Delete")
    }

    fn has_policy(&self, policy: &str) -> bool {
        let policies = self.ours["spec"]["managementPolicies"].as_array();
        self.is_managed()
            && policies.is_none_or(|policies| policies.iter().any(|p| p == policy || p == "*"))
    }

    fn is_managed(&self) -> bool {
        self.ours["spec"].get("forProvider").is_some()
    }

    /// The provider's turn.
    pub fn work(&mut self, cloud: Cloud, count: u64) {
        let spec = &self.ours["spec"]["forProvider"];
        if !self.has_policy("Update") || cloud == Cloud::Stalls {
            return;
        }
        let taken = self.accepted.as_ref() == Some(spec);
        let was_ready = self.condition("Ready") == Some("True");
        if cloud == Cloud::Fails {
            if !taken {
                self.set_conditions(("False", "ReconcileError"), was_ready);
            }
            return;
        }
        let name = self.ours["metadata"]["name"].as_str().unwrap().to_owned();
        let mut reported = json!({"id": format!("id-{name}")});
        if taken {
            reported["address"] = json!(format!("{name}.example.org"));
        }
        self.accepted = Some(spec.clone());
        self.external_name = Some(name);
        self.status.insert("atProvider".to_owned(), reported);
        self.set_conditions(("True", "ReconcileSuccess"), taken || was_ready);
        self.version = count;
    }

    fn condition(&self, kind: &str) -> Option<&str> {
        self.status.get("conditions")?.as_array()?.iter().find(|c| c["type"] == kind)?["status"]
            .as_str()
    }

    fn set_conditions(&mut self, (synced, reason): (&str, &str), ready: bool) {
        let conditions = json!([
            {"type": "Synced", "status": synced, "reason": reason, "message": "says the provider"},
            {"type": "Ready", "status": if ready { "True" } else { "False" }, "reason": "Available"},
        ]);
        self.status.insert("conditions".to_owned(), conditions);
    }
}

/// Which object it is.
fn identity(object: &Value) -> (&Value, &Value, &Value) {
    (&object["apiVersion"], &object["kind"], &object["metadata"]["name"])
}
