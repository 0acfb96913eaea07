//! The composed resources that exist, read no further than needed.

use std::collections::BTreeMap;

use bytes::Bytes;
use idp_core::compose::field_mask::FieldMask;
use idp_core::compose::object::place_prefix;
use idp_core::compose::rendering::Observed;
use idp_core::placement::ObservedPlace;
use idp_core::structs::{StructError, from_struct, from_struct_seed};
use idp_crds::status::{Place, place_id};
use serde::Deserialize;
use serde_json::Value;

use crate::wire::v1;

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
    #[serde(default, borrow, rename = "platform.example.org/deletion")]
    deletion: Option<&'r str>,
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

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &ObservedResource<'r>> {
        self.by_key.values()
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

    /// These parts of the object; none if its bytes are no Struct after all.
    pub(super) fn parts(&self, parts: &FieldMask) -> Option<Value> {
        from_struct_seed(self.bytes, parts).ok()
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

    /// What deleting it means, as its label says.
    pub(super) fn deletion(&self) -> Option<&str> {
        self.fields.metadata.labels.deletion
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
        self.get(key)?.parts(parts)
    }

    fn name(&self, key: &str) -> Option<&str> {
        self.get(key)?.name()
    }

    fn ready(&self, key: &str) -> bool {
        self.get(key).is_some_and(ObservedResource::is_ready)
    }
}
