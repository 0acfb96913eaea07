//! A claim or composite resource, as far as admission reads it.

use std::collections::BTreeMap;

use idp_crds::record::{Previous, Record};
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

    /// Whether a claim stands behind this composite resource.
    #[must_use]
    pub fn has_claim(&self) -> bool {
        self.metadata.label(idp_crds::names::CLAIM_NAME).is_some()
            || self.spec.get("claimRef").is_some_and(|r| !r.is_null())
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

/// A decision in force: where a workload is, or is going.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The decision's number.
    pub sequence: u64,
    /// Where the workload was before.
    pub previous: Option<Previous>,
    /// The record's text; none when it was lost.
    pub text: Option<String>,
}

impl Standing {
    /// Provider and region.
    #[must_use]
    pub fn place(&self) -> (&str, &str) {
        (&self.provider, &self.region)
    }
}

/// By the record in the status; where that was lost, by what the function knows from what exists.
impl From<&PlacementStatus> for Standing {
    fn from(status: &PlacementStatus) -> Self {
        Evidence::read(&status.reason).map_or_else(
            || Standing {
                provider: status.provider.clone(),
                region: status.region.clone(),
                sequence: status.sequence,
                previous: status.previous.clone(),
                text: None,
            },
            Standing::from,
        )
    }
}

impl From<Evidence> for Standing {
    fn from(Evidence { text, record }: Evidence) -> Self {
        let Record { selected, sequence, previous, .. } = record;
        Standing {
            provider: selected.provider,
            region: selected.region,
            sequence,
            previous,
            text: Some(text),
        }
    }
}
