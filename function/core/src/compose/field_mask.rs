//! Which parts of an observed object expressions read, and reading no more than those.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

/// FieldMask of an object, by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldMask {
    whole: bool,
    fields: BTreeMap<String, FieldMask>,
}

impl FieldMask {
    /// All of it.
    #[must_use]
    pub fn whole() -> Self {
        FieldMask { whole: true, fields: BTreeMap::new() }
    }

    /// What is at these paths, and everything in it.
    pub(super) fn of(paths: &[Vec<String>]) -> Self {
        let mut mask = FieldMask::default();
        paths.iter().for_each(|path| mask.add(path));
        mask
    }

    /// What is at `path`, and everything in it, too.
    pub(super) fn add(&mut self, path: &[String]) {
        match path.split_first() {
            None => *self = FieldMask::whole(),
            Some(_) if self.whole => {}
            Some((field, rest)) => self.fields.entry(field.clone()).or_default().add(rest),
        }
    }
}

/// Reads the parts, of whatever they are parts of. What is no object is read whole: what
/// expressions make of it they say.
impl<'de> DeserializeSeed<'de> for &FieldMask {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.whole {
            Value::deserialize(deserializer)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for &FieldMask {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = map.next_key::<&str>()? {
            match self.fields.get(name) {
                Some(parts) => drop(read.insert(name.to_owned(), map.next_value_seed(parts)?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Object(read))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::structs::{from_struct_seed, to_struct};
    use serde_json::json;

    #[test]
    fn only_what_is_read_is_there() {
        let mut parts = FieldMask::default();
        for path in [
            "status.atProvider.address",
            "status.atProvider.ports",
            "metadata.name",
            "metadata",
            "spec.a.b",
            "kind",
        ] {
            parts.add(&path.split('.').map(str::to_owned).collect::<Vec<_>>());
        }
        let object = json!({
            "apiVersion": "v1", "kind": "Kind", "metadata": {"name": "n", "labels": {"a": "b"}}, "spec": {"a": [1, {"b": 2.5}], "c": 1},
            "status": {"atProvider": {"address": "x", "ports": [1, -2], "more": {"z": 1}}, "conditions": []},
        });
        let read = from_struct_seed(&to_struct(&object).unwrap(), &parts).unwrap();
        assert_eq!(
            read,
            json!({
                "kind": "Kind", "metadata": {"name": "n", "labels": {"a": "b"}}, "spec": {"a": [1, {"b": 2.5}]},
                "status": {"atProvider": {"address": "x", "ports": [1, -2]}},
            })
        );
        assert_eq!(
            from_struct_seed(&to_struct(&object).unwrap(), &FieldMask::whole()).unwrap(),
            object
        );
    }
}
