//! A claim or composite resource, as far as admission reads it.

use std::collections::BTreeMap;

use idp_crds::status::PlacementStatus;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
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
    #[serde(default, deserialize_with = "bounded_spec")]
    pub spec: Map<String, Value>,
    /// What the platform says, unread: most reviews do not need it.
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

/// The largest `spec` that is read, bytes: a claim has hundreds, and a value in memory takes up to
/// fifty times its text.
const LARGEST_SPEC: usize = 256 << 10;

fn bounded_spec<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    let text = <&RawValue>::deserialize(from)?.get();
    if text.len() > LARGEST_SPEC {
        let length = text.len();
        let message = format!("spec has {length} bytes, and at most {LARGEST_SPEC} are read");
        return Err(D::Error::custom(message));
    }
    serde_json::from_str(text).map_err(|error| D::Error::custom(format!("spec: {error}")))
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

    /// `status.placement` as it is written, whatever it is. The API server writes equal values
    /// equally.
    #[must_use]
    pub fn placement_text(&self) -> Option<&'a str> {
        #[derive(Deserialize)]
        struct Status<'a> {
            #[serde(borrow)]
            placement: Option<&'a RawValue>,
        }
        let status: Status<'a> = serde_json::from_str(self.status?.get()).ok()?;
        status.placement.map(RawValue::get)
    }

    /// Whether a claim stands behind this composite resource.
    #[must_use]
    pub fn has_claim(&self) -> bool {
        self.metadata.label(idp_crds::names::CLAIM_NAME).is_some()
            || self.spec.get("claimRef").is_some_and(|r| !r.is_null())
    }
}
