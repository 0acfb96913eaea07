//! What exists: the composite resource and its composed resources, read no further than needed.

use std::collections::BTreeMap;

use bytes::Bytes;
use idp_crds::names;
use idp_crds::record::Record;
use idp_crds::status::{Place, PlacementStatus, Retained, place_id};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::wire::v1;
use idp_core::compose::facts::{Identity, Scope};
use idp_core::compose::field_mask::FieldMask;
use idp_core::compose::object::place_prefix;
use idp_core::compose::rendering::Observed;
use idp_core::placement::ObservedPlace;
use idp_core::structs::{StructError, from_struct, from_struct_seed};

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
        let Metadata { name, namespace, labels, .. } = &self.metadata;
        let claim_namespace = labels.get(names::CLAIM_NAMESPACE).cloned();
        Identity {
            name: name.clone(),
            claim_name: labels.get(names::CLAIM_NAME).unwrap_or(name).clone(),
            // A cluster-scoped composite without a claim has no namespace of its own.
            namespace: namespace
                .clone()
                .or(claim_namespace)
                .unwrap_or_else(|| "default".to_owned()),
            scope: if namespace.is_some() { Scope::Namespaced } else { Scope::Cluster },
            uid: self.uid().map(str::to_owned),
        }
    }

    /// The uid that the API server gave it; none outside of a cluster. Tools that render on a laptop
    /// make one up, but no time of creation.
    fn uid(&self) -> Option<&str> {
        let Metadata { uid, creation_timestamp, .. } = &self.metadata;
        creation_timestamp.as_ref().and(uid.as_deref())
    }

    /// Whether something but Secrets was ever composed of it: Crossplane writes down what it is
    /// going to make before it makes it.
    fn has_composed(&self) -> bool {
        let of = |spec: &Map<String, Value>| spec.get("resourceRefs").cloned();
        let machinery = self.spec.get("crossplane").and_then(Value::as_object);
        let references = of(&self.spec).or_else(|| machinery.and_then(of));
        let references = references.as_ref().and_then(Value::as_array);
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
    pub(super) fn placement(&self, seen: &Resources<'_>) -> Option<PlacementStatus> {
        if self.uid().is_some() && seen.places().is_empty() && !self.has_composed() {
            return None;
        }
        let placement = serde_json::from_value(self.status.placement.clone()?).ok();
        placement.filter(|status: &PlacementStatus| status.sequence <= Record::MOST_SEQUENCE)
    }

    /// What the function has said of the workload, to be said again; with what is retained now,
    /// where that is news.
    pub(super) fn kept_status(&self, retained: Vec<Retained>) -> Map<String, Value> {
        let mut placement = self.status.placement.clone();
        if let (false, Some(Value::Object(fields))) = (retained.is_empty(), &mut placement) {
            fields
                .insert("retained".to_owned(), serde_json::to_value(retained).unwrap_or_default());
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

/// The composed resources.
pub(super) struct Resources<'r> {
    by_key: BTreeMap<&'r str, ObservedResource<'r>>,
    places: Vec<ObservedPlace>,
}

/// One composed resource: its bytes, and what was read of it.
pub(super) struct ObservedResource<'r> {
    bytes: &'r Bytes,
    fields: ObservedFields<'r>,
    /// What is surprising about it. One odd object must not silence the others; of what cannot be
    /// understood the worst is assumed: that it holds data.
    unreadable: Option<String>,
}

/// What every decision needs of a composed resource.
#[derive(Debug, Deserialize, Default)]
pub(super) struct ObservedFields<'r> {
    #[serde(default, borrow)]
    metadata: FieldsMetadata<'r>,
    #[serde(default, borrow)]
    spec: FieldsSpec<'r>,
    #[serde(default, borrow)]
    status: FieldsStatus<'r>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct FieldsMetadata<'r> {
    #[serde(default)]
    name: Option<&'r str>,
    #[serde(default, borrow)]
    labels: FieldsLabels<'r>,
    #[serde(default)]
    creation_timestamp: Option<&'r str>,
}

#[derive(Debug, Deserialize, Default)]
struct FieldsLabels<'r> {
    #[serde(default, borrow, rename = "platform.example.org/provider")]
    provider: Option<&'r str>,
    #[serde(default, borrow, rename = "platform.example.org/region")]
    region: Option<&'r str>,
    #[serde(default, borrow, rename = "platform.example.org/sequence")]
    sequence: Option<&'r str>,
    #[serde(default, borrow, rename = "platform.example.org/id")]
    id: Option<&'r str>,
    #[serde(default, borrow, rename = "platform.example.org/resource")]
    resource: Option<&'r str>,
    #[serde(default, borrow, rename = "platform.example.org/stateful")]
    stateful: Option<&'r str>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct FieldsSpec<'r> {
    #[serde(default, borrow)]
    management_policies: Option<Vec<&'r str>>,
    #[serde(default)]
    for_provider: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize, Default)]
struct FieldsStatus<'r> {
    #[serde(default, borrow)]
    conditions: Vec<FieldsCondition<'r>>,
}

#[derive(Debug, Deserialize, Default)]
struct FieldsCondition<'r> {
    #[serde(default, rename = "type")]
    kind: &'r str,
    #[serde(default)]
    status: &'r str,
    #[serde(default)]
    reason: &'r str,
    #[serde(default)]
    message: &'r str,
}

impl<'r> Resources<'r> {
    /// Reads what every decision needs of each.
    pub(super) fn read(resources: &'r BTreeMap<String, v1::Resource>) -> Result<Self, StructError> {
        let mut by_key = BTreeMap::new();
        for (key, resource) in resources {
            if let Some(bytes) = &resource.resource {
                by_key.insert(key.as_str(), ObservedResource::read(bytes)?);
            }
        }
        let places = places(&by_key);
        Ok(Resources { by_key, places })
    }

    /// The places that resources of ours are labelled with, in order of their ids.
    pub(super) fn places(&self) -> &[ObservedPlace] {
        &self.places
    }

    /// Those that cannot be understood, and why.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = (&'r str, &str)> {
        self.by_key.iter().filter_map(|(key, resource)| Some((*key, resource.unreadable()?)))
    }

    /// The resources of one place, in order of key.
    pub(super) fn at<'s>(
        &'s self,
        place: &str,
    ) -> impl Iterator<Item = (&'r str, &'s ObservedResource<'r>)> + use<'s, 'r> {
        let prefix = place_prefix(place);
        self.by_key
            .iter()
            .filter(move |(key, _)| key.starts_with(&prefix))
            .map(|(key, item)| (*key, item))
    }

    pub(super) fn get(&self, key: &str) -> Option<&ObservedResource<'r>> {
        self.by_key.get(key)
    }
}

/// The places that resources are labelled with. What belongs to the workload rather than to a
/// placement has no sequence, and other steps' resources have no labels of ours.
fn places(by_key: &BTreeMap<&str, ObservedResource<'_>>) -> Vec<ObservedPlace> {
    let mut places: BTreeMap<String, ObservedPlace> = BTreeMap::new();
    for (key, resource) in by_key {
        let labels = &resource.fields.metadata.labels;
        let (Some(provider), Some(region), Some(sequence)) =
            (labels.provider, labels.region, labels.sequence)
        else {
            continue;
        };
        let id = place_id(provider, region);
        if !key.starts_with(&place_prefix(&id)) {
            continue;
        }
        let sequence = sequence.parse().unwrap_or(1);
        let created = resource.fields.metadata.creation_timestamp.unwrap_or_default();
        let seen = places.entry(id).or_insert_with(|| ObservedPlace {
            place: Place::new(provider, region),
            sequence,
            provider_id: labels.id.map(str::to_owned),
            created: created.to_owned(),
        });
        if sequence > seen.sequence || seen.provider_id.is_none() {
            seen.provider_id = labels.id.map(str::to_owned).or(seen.provider_id.take());
        }
        seen.sequence = seen.sequence.max(sequence);
        if created < seen.created.as_str() {
            created.clone_into(&mut seen.created);
        }
    }
    places.into_values().collect()
}

impl<'r> ObservedResource<'r> {
    fn read(bytes: &'r Bytes) -> Result<Self, StructError> {
        match from_struct(bytes) {
            Ok(fields) => Ok(ObservedResource { bytes, fields, unreadable: None }),
            Err(surprise) => {
                // An object it must be, or it cannot be given back.
                from_struct::<Value>(bytes)?;
                let (fields, unreadable) = (ObservedFields::default(), Some(surprise.to_string()));
                Ok(ObservedResource { bytes, fields, unreadable })
            }
        }
    }
}

impl ObservedResource<'_> {
    /// What keeps it from being understood.
    pub(super) fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// The object, as it came.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The object, whole; none if its bytes are no Struct after all.
    pub(super) fn object(&self) -> Option<Value> {
        from_struct(self.bytes).ok()
    }

    /// Its name.
    pub(super) fn name(&self) -> Option<&str> {
        self.fields.metadata.name
    }

    /// The resource it was composed from, as its label says.
    pub(super) fn resource(&self) -> Option<&str> {
        self.fields.metadata.labels.resource
    }

    /// Whether it holds data; assumed of what has lost the labels that would say.
    pub(super) fn is_stateful(&self) -> bool {
        let labels = &self.fields.metadata.labels;
        self.unreadable.is_some() || labels.resource.is_none() || labels.stateful == Some("true")
    }

    pub(super) fn is_managed(&self) -> bool {
        self.unreadable.is_some() || self.fields.spec.for_provider.is_some()
    }

    /// Whether deleting it would delete what it stands for.
    pub(super) fn deletion_reaches_provider(&self) -> bool {
        match &self.fields.spec.management_policies {
            Some(policies) if self.is_managed() => {
                policies.iter().any(|policy| *policy == "*" || *policy == "Delete")
            }
            _ => self.is_managed(),
        }
    }

    fn condition(&self, kind: &str) -> Option<&FieldsCondition<'_>> {
        self.fields.status.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// A managed resource is ready when its provider says so and has taken its present spec;
    /// anything else when it is there.
    pub(super) fn is_ready(&self) -> bool {
        if !self.is_managed() {
            return true;
        }
        let ready = self.condition("Ready").is_some_and(|condition| condition.status == "True");
        // An update that the provider refuses leaves Ready true and Synced false.
        ready && self.condition("Synced").is_none_or(|condition| condition.status != "False")
    }

    /// What the provider says against it: the message of a failed reconcile.
    pub(super) fn sync_error(&self) -> Option<&str> {
        let synced = self.condition("Synced")?;
        (synced.status == "False" && synced.reason == "ReconcileError").then_some(synced.message)
    }

    pub(super) fn is_synced(&self) -> bool {
        self.condition("Synced").is_some_and(|condition| condition.status == "True")
    }
}

impl Observed for Resources<'_> {
    fn object(&self, key: &str, parts: &FieldMask) -> Option<Value> {
        from_struct_seed(self.get(key)?.bytes, parts).ok()
    }

    fn name(&self, key: &str) -> Option<&str> {
        self.get(key)?.name()
    }

    fn ready(&self, key: &str) -> bool {
        self.get(key).is_some_and(ObservedResource::is_ready)
    }
}
