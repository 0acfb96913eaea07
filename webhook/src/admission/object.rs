//! A claim or composite resource, as far as admission reads it.

use std::collections::BTreeMap;

use idp_crds::record::Record;
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
}

impl Metadata<'_> {
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

/// `status.placement`, which the function writes.
#[derive(Deserialize, Debug, Default)]
pub struct PlacementStatus {
    /// The decision record in force, as JSON text.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether it stays or moves.
    #[serde(default)]
    pub phase: String,
    /// Places that still hold data of this workload.
    #[serde(default)]
    pub retained: Vec<Retained>,
}

/// A place that still holds data of a workload that has moved on.
#[derive(Deserialize, Debug)]
pub struct Retained {
    /// Its provider.
    pub provider: String,
    /// Its region.
    pub region: String,
}

impl PlacementStatus {
    /// Whether the workload is on its way from one place to another, and so is in both.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.phase == "Moving"
    }
}

impl Retained {
    /// How a release names it: `<provider>-<region>`.
    #[must_use]
    pub fn release_name(&self) -> String {
        format!("{}-{}", self.provider, self.region)
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

    /// `status.placement`; empty where there is none, or it is not readable.
    #[must_use]
    pub fn placement(&self) -> PlacementStatus {
        #[derive(Deserialize, Default)]
        struct Status {
            #[serde(default)]
            placement: Option<PlacementStatus>,
        }
        let status: Option<Status> = self.status.and_then(|raw| serde_json::from_str(raw.get()).ok());
        status.and_then(|status| status.placement).unwrap_or_default()
    }

    /// Whether a claim stands behind this composite resource.
    #[must_use]
    pub fn has_claim(&self) -> bool {
        self.metadata.label(idp_crds::names::CLAIM_NAME).is_some() || self.spec.get("claimRef").is_some_and(|r| !r.is_null())
    }
}

/// A decision as it is written down somewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The record's text.
    pub text: String,
    /// What it says.
    pub record: Record,
}

impl Evidence {
    /// Reads a record's text.
    #[must_use]
    pub fn read(text: &str) -> Option<Evidence> {
        Some(Evidence { text: text.to_owned(), record: Record::parse(text).ok()? })
    }

    /// Where the workload is, or is going: provider and region.
    #[must_use]
    pub fn place(&self) -> (&str, &str) {
        (&self.record.selected.provider, &self.record.selected.region)
    }
}
