//! A rendered object in the making: what is literal in its template is borrowed from there.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A JSON value, as far as possible borrowed.
#[derive(Debug, Clone, PartialEq)]
pub enum RenderedValue<'a> {
    /// A part of a template, as it is.
    Literal(&'a Value),
    /// A text that exists elsewhere.
    Text(&'a str),
    /// A text made here.
    Owned(String),
    /// What an expression has yielded.
    Value(Arc<Value>),
    /// A list with something computed in it.
    List(Vec<RenderedValue<'a>>),
    /// An object with something computed in it.
    Object(RenderedObject<'a>),
}

/// The fields of an object, in order. They are few: looking one up is a walk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RenderedObject<'a>(Vec<(Cow<'a, str>, RenderedValue<'a>)>);

impl<'a> RenderedValue<'a> {
    /// As an object whose fields can be changed, if it is an object.
    pub(super) fn into_fields(self) -> Option<RenderedObject<'a>> {
        match self {
            RenderedValue::Object(fields) => Some(fields),
            RenderedValue::Literal(Value::Object(fields)) => Some(RenderedObject(
                fields
                    .iter()
                    .map(|(name, value)| {
                        (Cow::Borrowed(name.as_str()), RenderedValue::Literal(value))
                    })
                    .collect(),
            )),
            RenderedValue::Value(value) => match Arc::unwrap_or_clone(value) {
                Value::Object(fields) => Some(RenderedObject(
                    fields
                        .into_iter()
                        .map(|(name, value)| {
                            (Cow::Owned(name), RenderedValue::Value(Arc::new(value)))
                        })
                        .collect(),
                )),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<'a> RenderedObject<'a> {
    pub(super) fn with_capacity(fields: usize) -> Self {
        RenderedObject(Vec::with_capacity(fields))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn reserve(&mut self, fields: usize) {
        self.0.reserve(fields);
    }

    fn position(&self, field: &str) -> Option<usize> {
        self.0.iter().position(|(name, _)| name == field)
    }

    /// Appends a field that is not there yet.
    pub(super) fn push(&mut self, field: impl Into<Cow<'a, str>>, value: RenderedValue<'a>) {
        self.0.push((field.into(), value));
    }

    /// Sets a field: in its place if it is there, as the last otherwise.
    pub(super) fn insert(&mut self, field: &'a str, value: RenderedValue<'a>) {
        match self.0.iter_mut().find(|(name, _)| name == field) {
            Some((_, present)) => *present = value,
            None => self.push(field, value),
        }
    }

    /// Sets a field that is not there.
    pub(super) fn insert_default(
        &mut self,
        field: &'a str,
        value: impl FnOnce() -> RenderedValue<'a>,
    ) {
        if self.position(field).is_none() {
            self.push(field, value());
        }
    }

    pub(super) fn remove(&mut self, field: &str) -> Option<RenderedValue<'a>> {
        self.position(field).map(|at| self.0.remove(at).1)
    }

    /// Changes the object under `field`, made if it is not there (or is no object).
    pub(super) fn child(&mut self, field: &'a str, change: impl FnOnce(&mut RenderedObject<'a>)) {
        let at = self.position(field).unwrap_or_else(|| {
            self.push(field, RenderedValue::Object(RenderedObject::default()));
            self.0.len() - 1
        });
        if let Some((_, value)) = self.0.get_mut(at) {
            let mut fields =
                std::mem::replace(value, RenderedValue::Text("")).into_fields().unwrap_or_default();
            change(&mut fields);
            *value = RenderedValue::Object(fields);
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut RenderedValue<'a>)> {
        self.0.iter_mut().map(|(name, value)| {
            let name: &str = name;
            (name, value)
        })
    }
}

impl<'a> IntoIterator for RenderedObject<'a> {
    type Item = (Cow<'a, str>, RenderedValue<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> Extend<(Cow<'a, str>, RenderedValue<'a>)> for RenderedObject<'a> {
    fn extend<I: IntoIterator<Item = (Cow<'a, str>, RenderedValue<'a>)>>(&mut self, fields: I) {
        self.0.extend(fields);
    }
}

impl Serialize for RenderedValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            RenderedValue::Literal(value) => value.serialize(serializer),
            RenderedValue::Text(text) => serializer.serialize_str(text),
            RenderedValue::Owned(text) => serializer.serialize_str(text),
            RenderedValue::Value(value) => value.serialize(serializer),
            RenderedValue::List(items) => serializer.collect_seq(items),
            RenderedValue::Object(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for RenderedObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl From<RenderedValue<'_>> for Value {
    fn from(tree: RenderedValue<'_>) -> Value {
        match tree {
            RenderedValue::Literal(value) => value.clone(),
            RenderedValue::Text(text) => Value::String(text.to_owned()),
            RenderedValue::Owned(text) => Value::String(text),
            RenderedValue::Value(value) => Arc::unwrap_or_clone(value),
            RenderedValue::List(items) => {
                Value::Array(items.into_iter().map(Value::from).collect())
            }
            RenderedValue::Object(fields) => fields.into(),
        }
    }
}

impl From<RenderedObject<'_>> for Value {
    fn from(fields: RenderedObject<'_>) -> Value {
        Value::Object(
            fields.into_iter().map(|(name, value)| (name.into_owned(), value.into())).collect(),
        )
    }
}
