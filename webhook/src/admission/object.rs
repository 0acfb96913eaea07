//! A claim or composite resource, as far as admission reads it.

use std::collections::BTreeMap;

use idp_crds::status::PlacementStatus;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::review::Text;

/// A claim or composite resource.
#[derive(Deserialize, Debug, Default)]
pub struct Object<'a> {
    /// Name, labels, annotations.
    #[serde(borrow, default)]
    pub metadata: Metadata<'a>,
    /// What is asked for.
    #[serde(default)]
    pub spec: Map<String, Value>,
    /// What the platform says, unread: most reviews do not need it.
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

/// The metadata that admission reads.
#[derive(Deserialize, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// The name; empty where the API server is to make one.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// When its deletion began.
    #[serde(borrow, default)]
    pub deletion_timestamp: Option<Text<'a>>,
    /// The labels; none is not the same as empty for a patch.
    #[serde(borrow, default)]
    pub labels: Option<BTreeMap<Text<'a>, Text<'a>>>,
    /// The annotations.
    #[serde(borrow, default)]
    pub annotations: Option<BTreeMap<Text<'a>, Text<'a>>>,
    /// Who set which field, unread.
    #[serde(borrow, default)]
    pub managed_fields: Option<&'a RawValue>,
}

impl Metadata<'_> {
    /// The labels.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().flatten().map(|(name, value)| (&**name, &**value))
    }

    /// The annotations.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.annotations.iter().flatten().map(|(name, value)| (&**name, &**value))
    }

    /// An annotation's value.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(|value| &**value)
    }

    /// A label's value.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(|value| &**value)
    }
}

impl<'a> Object<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// When it does not have the shape of one, or is nested too deeply.
    pub fn read(raw: &'a RawValue) -> Result<Object<'a>, serde_json::Error> {
        serde_json::from_str(raw.get())
    }

    /// `status.placement`; none where there is none, or it is not readable.
    #[must_use]
    pub fn placement(&self) -> Option<PlacementStatus> {
        #[derive(Deserialize)]
        struct Status {
            placement: Option<PlacementStatus>,
        }
        serde_json::from_str::<Status>(self.status?.get()).ok()?.placement
    }

    /// `status.placement`, whatever it is.
    #[must_use]
    pub fn placement_value(&self) -> Option<Value> {
        #[derive(Deserialize)]
        struct Status {
            placement: Option<Value>,
        }
        serde_json::from_str::<Status>(self.status?.get()).ok()?.placement
    }

    /// Whether a claim stands behind this composite resource.
    #[must_use]
    pub fn has_claim(&self) -> bool {
        self.metadata.label(idp_crds::names::CLAIM_NAME).is_some()
            || self.spec.get("claimRef").is_some_and(|r| !r.is_null())
    }
}
