//! A rendered object in the making: what is literal in its template is borrowed from there.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A JSON value, as far as possible borrowed.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree<'a> {
    /// A part of a template, as it is.
    Literal(&'a Value),
    /// A text that exists elsewhere.
    Text(&'a str),
    /// A text made here.
    Owned(String),
    /// What an expression has yielded.
    Value(Arc<Value>),
    /// A list with something computed in it.
    List(Vec<Tree<'a>>),
    /// An object with something computed in it.
    Object(Fields<'a>),
}

/// The fields of an object, in order. They are few: looking one up is a walk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, Tree<'a>)>);

impl<'a> Tree<'a> {
    /// As an object whose fields can be changed, if it is an object.
    pub(super) fn into_fields(self) -> Option<Fields<'a>> {
        match self {
            Tree::Object(fields) => Some(fields),
            Tree::Literal(Value::Object(fields)) => Some(Fields(
                fields
                    .iter()
                    .map(|(name, value)| (Cow::Borrowed(name.as_str()), Tree::Literal(value)))
                    .collect(),
            )),
            Tree::Value(value) => match Arc::unwrap_or_clone(value) {
                Value::Object(fields) => Some(Fields(
                    fields
                        .into_iter()
                        .map(|(name, value)| (Cow::Owned(name), Tree::Value(Arc::new(value))))
                        .collect(),
                )),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<'a> Fields<'a> {
    pub(super) fn with_capacity(fields: usize) -> Self {
        Fields(Vec::with_capacity(fields))
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
    pub(super) fn push(&mut self, field: impl Into<Cow<'a, str>>, value: Tree<'a>) {
        self.0.push((field.into(), value));
    }

    /// Sets a field: in its place if it is there, as the last otherwise.
    pub(super) fn insert(&mut self, field: &'a str, value: Tree<'a>) {
        match self.0.iter_mut().find(|(name, _)| name == field) {
            Some((_, present)) => *present = value,
            None => self.push(field, value),
        }
    }

    /// Sets a field that is not there.
    pub(super) fn insert_default(&mut self, field: &'a str, value: impl FnOnce() -> Tree<'a>) {
        if self.position(field).is_none() {
            self.push(field, value());
        }
    }

    pub(super) fn remove(&mut self, field: &str) -> Option<Tree<'a>> {
        self.position(field).map(|at| self.0.remove(at).1)
    }

    /// Changes the object under `field`, made if it is not there (or is no object).
    pub(super) fn child(&mut self, field: &'a str, change: impl FnOnce(&mut Fields<'a>)) {
        let at = self.position(field).unwrap_or_else(|| {
            self.push(field, Tree::Object(Fields::default()));
            self.0.len() - 1
        });
        if let Some((_, value)) = self.0.get_mut(at) {
            let mut fields =
                std::mem::replace(value, Tree::Text("")).into_fields().unwrap_or_default();
            change(&mut fields);
            *value = Tree::Object(fields);
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tree<'a>)> {
        self.0.iter_mut().map(|(name, value)| {
            let name: &str = name;
            (name, value)
        })
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (Cow<'a, str>, Tree<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> Extend<(Cow<'a, str>, Tree<'a>)> for Fields<'a> {
    fn extend<I: IntoIterator<Item = (Cow<'a, str>, Tree<'a>)>>(&mut self, fields: I) {
        self.0.extend(fields);
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Literal(value) => value.serialize(serializer),
            Tree::Text(text) => serializer.serialize_str(text),
            Tree::Owned(text) => serializer.serialize_str(text),
            Tree::Value(value) => value.serialize(serializer),
            Tree::List(items) => serializer.collect_seq(items),
            Tree::Object(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl From<Tree<'_>> for Value {
    fn from(tree: Tree<'_>) -> Value {
        match tree {
            Tree::Literal(value) => value.clone(),
            Tree::Text(text) => Value::String(text.to_owned()),
            Tree::Owned(text) => Value::String(text),
            Tree::Value(value) => Arc::unwrap_or_clone(value),
            Tree::List(items) => Value::Array(items.into_iter().map(Value::from).collect()),
            Tree::Object(fields) => fields.into(),
        }
    }
}

impl From<Fields<'_>> for Value {
    fn from(fields: Fields<'_>) -> Value {
        Value::Object(
            fields.into_iter().map(|(name, value)| (name.into_owned(), value.into())).collect(),
        )
    }
}
