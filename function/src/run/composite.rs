//! The composite resource, read no further than needed.

use std::collections::BTreeMap;

use idp_core::compose::facts::{Identity, Scope};
use idp_core::placement::ObservedPlace;
use idp_crds::json::to_value;
use idp_crds::names;
use idp_crds::record::Record;
use idp_crds::status::{PlacementStatus, Retained};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The composite resource, as far as the function reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Composite {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) spec: Map<String, Value>,
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: Option<String>,
    #[serde(default)]
    uid: Option<String>,
    #[serde(default)]
    creation_timestamp: Option<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

/// What others may have written is read as far as it can be.
fn tolerant<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

#[derive(Debug, Deserialize, Default)]
pub(super) struct Status {
    /// Not typed at once: a status that somebody broke must not stop the function.
    #[serde(default)]
    placement: Option<Value>,
    #[serde(default)]
    effective: Option<Value>,
    #[serde(default, deserialize_with = "each_tolerant")]
    pub(super) conditions: Vec<Condition>,
}

fn each_tolerant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let items = match Value::deserialize(deserializer)? {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    Ok(items.into_iter().map(|item| serde_json::from_value(item).unwrap_or_default()).collect())
}

/// A status condition of any object.
#[derive(Debug, Deserialize, Default, Clone)]
pub(super) struct Condition {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) message: String,
}

impl Composite {
    /// Who the workload is.
    pub(super) fn identity(&self) -> Identity {
        let Metadata { name, namespace, .. } = &self.metadata;
        let uid = self.uid().map(str::to_owned);
        let (claim_name, namespace, scope) = match namespace {
            // No claim stands behind it, whatever labels a user gave it.
            Some(namespace) => (name, namespace.clone(), Scope::Namespaced),
            None => {
                let label = |label| self.metadata.labels.get(label);
                // One without a claim has no namespace of its own.
                let namespace = label(names::CLAIM_NAMESPACE).cloned();
                let namespace = namespace.unwrap_or_else(|| "default".to_owned());
                (label(names::CLAIM_NAME).unwrap_or(name), namespace, Scope::Cluster)
            }
        };
        Identity { name: name.clone(), claim_name: claim_name.clone(), namespace, scope, uid }
    }

    /// The uid that the API server gave it; none outside of a cluster. Tools that render on a laptop
    /// make one up, but no time of creation.
    fn uid(&self) -> Option<&str> {
        let Metadata { uid, creation_timestamp, .. } = &self.metadata;
        creation_timestamp.as_ref().and(uid.as_deref())
    }

    /// Whether an API server keeps it.
    pub(super) fn is_in_cluster(&self) -> bool {
        self.uid().is_some()
    }

    /// Whether something but Secrets was ever composed of it: Crossplane writes down what it is
    /// going to make before it makes it.
    fn has_composed(&self) -> bool {
        let machinery = self.spec.get("crossplane");
        let references = self.spec.get("resourceRefs");
        let references = references.or_else(|| machinery?.get("resourceRefs"));
        let references = references.and_then(Value::as_array);
        let is_secret = |reference: &Value| {
            reference.get("kind").and_then(Value::as_str) == Some("Secret")
                && reference.get("apiVersion").and_then(Value::as_str) == Some("v1")
        };
        references.is_some_and(|all| !all.iter().all(is_secret))
    }

    /// The API group.
    pub(super) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// `status.placement`, if it is one, and something bears it out: what exists of it, or that
    /// something was made of it. A status alone anybody may have written.
    pub(super) fn placement(&self, seen: &[ObservedPlace]) -> Option<PlacementStatus> {
        if self.uid().is_some() && seen.is_empty() && !self.has_composed() {
            return None;
        }
        let placement = PlacementStatus::deserialize(self.status.placement.as_ref()?).ok();
        placement.filter(|status| status.sequence <= Record::MOST_SEQUENCE)
    }

    /// What the function has said of the workload, to be said again; with what is retained now,
    /// where that is news.
    pub(super) fn kept_status(&self, retained: Vec<Retained>) -> Map<String, Value> {
        let mut placement = self.status.placement.clone();
        if let (false, Some(Value::Object(fields))) = (retained.is_empty(), &mut placement) {
            fields.insert("retained".to_owned(), to_value(&retained));
        }
        let fields = [("placement", placement), ("effective", self.status.effective.clone())];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// An annotation's value.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.get(name).map(String::as_str)
    }

    /// Whether a condition says this already.
    pub(super) fn already_says(&self, kind: &str, message: &str) -> bool {
        let mut conditions = self.status.conditions.iter();
        conditions.any(|condition| condition.kind == kind && condition.message == message)
    }
}
