//! The JSON patch of an answer: only operations that change something.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use idp_core::schedule::DecisionText;
use idp_crds::json::to_vec;
use json_patch::jsonptr::PointerBuf;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::object::Metadata;

/// Changes to an object, in order.
#[derive(Debug, Default, Clone)]
pub struct Patch(Vec<Operation>);

/// One change, as RFC 6902 has it.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Sets a field.
    Add {
        /// Where.
        path: PointerBuf,
        /// To what.
        value: Content,
    },
    /// Takes a field away.
    Remove {
        /// Where.
        path: PointerBuf,
    },
}

/// A value to set.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// Any value.
    Value(Value),
    /// A decision, which is most of a patch and the same in many: its text with its escapes,
    /// written once.
    Decision(#[serde(serialize_with = "as_written")] Arc<DecisionText>),
}

fn as_written<S: Serializer>(stamp: &DecisionText, serializer: S) -> Result<S::Ok, S::Error> {
    stamp.json().serialize(serializer)
}

impl Operation {
    /// Where it changes something.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Operation::Add { path, .. } | Operation::Remove { path } => path.as_str(),
        }
    }
}

impl Patch {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operations.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// Sets a field; `path` is its names from the top.
    pub fn set<'t>(&mut self, path: impl IntoIterator<Item = &'t str>, value: impl Into<Value>) {
        self.0.push(Operation::Add {
            path: PointerBuf::from_tokens(path),
            value: Content::Value(value.into()),
        });
    }

    /// Takes a field away.
    pub fn remove<'t>(&mut self, path: impl IntoIterator<Item = &'t str>) {
        self.0.push(Operation::Remove { path: PointerBuf::from_tokens(path) });
    }

    /// Sets the annotation `name` to a decision, if it differs.
    pub fn decision(&mut self, metadata: &Metadata<'_>, name: &str, stamp: &Arc<DecisionText>) {
        let text = stamp.text();
        if metadata.annotations.is_none() {
            self.annotations(metadata, &[(name, text)]);
        } else if metadata.annotation(name) != Some(text) {
            let path = PointerBuf::from_tokens(["metadata", "annotations", name]);
            self.0.push(Operation::Add { path, value: Content::Decision(Arc::clone(stamp)) });
        }
    }

    /// Sets annotations that differ from what `metadata` has.
    pub fn annotations(&mut self, metadata: &Metadata<'_>, wanted: &[(&str, &str)]) {
        self.map(
            "annotations",
            metadata.annotations.is_some(),
            |name| metadata.annotation(name),
            wanted,
        );
    }

    /// Sets labels that differ from what `metadata` has.
    pub fn labels(&mut self, metadata: &Metadata<'_>, wanted: &[(&str, &str)]) {
        self.map("labels", metadata.labels.is_some(), |name| metadata.label(name), wanted);
    }

    fn map<'m>(
        &mut self,
        field: &str,
        exists: bool,
        now: impl Fn(&str) -> Option<&'m str>,
        wanted: &[(&str, &str)],
    ) {
        if exists {
            for (name, value) in wanted.iter().filter(|(name, value)| now(name) != Some(value)) {
                self.set(["metadata", field, name], *value);
            }
        } else if !wanted.is_empty() {
            // A patch cannot add to a map that is not there.
            let all: Map<String, Value> =
                wanted.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            self.set(["metadata", field], all);
        }
    }

    /// As an AdmissionResponse carries it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(to_vec(&self.0))
    }
}
