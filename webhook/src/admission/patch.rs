//! The JSON patch of an answer: only operations that change something.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation};
use serde_json::{Map, Value};

use super::object::Metadata;

/// Changes to an object, in order.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Patch(Vec<PatchOperation>);

impl Patch {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operations.
    #[must_use]
    pub fn operations(&self) -> &[PatchOperation] {
        &self.0
    }

    /// Sets a field; `path` is its names from the top.
    pub fn set<'t>(&mut self, path: impl IntoIterator<Item = &'t str>, value: impl Into<Value>) {
        self.0.push(PatchOperation::Add(AddOperation { path: PointerBuf::from_tokens(path), value: value.into() }));
    }

    /// Takes a field away.
    pub fn remove<'t>(&mut self, path: impl IntoIterator<Item = &'t str>) {
        self.0.push(PatchOperation::Remove(RemoveOperation { path: PointerBuf::from_tokens(path) }));
    }

    /// Sets annotations that differ from what `metadata` has.
    pub fn annotations(&mut self, metadata: &Metadata<'_>, wanted: &[(&str, &str)]) {
        self.map("annotations", metadata.annotations.is_some(), |name| metadata.annotation(name), wanted);
    }

    /// Sets labels that differ from what `metadata` has.
    pub fn labels(&mut self, metadata: &Metadata<'_>, wanted: &[(&str, &str)]) {
        self.map("labels", metadata.labels.is_some(), |name| metadata.label(name), wanted);
    }

    fn map<'m>(&mut self, field: &str, exists: bool, now: impl Fn(&str) -> Option<&'m str>, wanted: &[(&str, &str)]) {
        if exists {
            for (name, value) in wanted.iter().filter(|(name, value)| now(name) != Some(value)) {
                self.set(["metadata", field, name], *value);
            }
        } else if !wanted.is_empty() {
            // A patch cannot add to a map that is not there.
            let all: Map<String, Value> = wanted.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            self.set(["metadata", field], all);
        }
    }

    /// Appends it to `text`, as an AdmissionResponse carries it.
    ///
    /// # Errors
    /// Never for what this module puts in; the type cannot say so.
    pub fn push_base64(&self, text: &mut String) -> Result<(), serde_json::Error> {
        STANDARD.encode_string(serde_json::to_vec(&self.0)?, text);
        Ok(())
    }
}
