//! Struct bytes to any [`Deserialize`] type.

use std::str;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IntoDeserializer as _, MapAccess,
    SeqAccess, Visitor, value::MapAccessDeserializer,
};
use serde::forward_to_deserialize_any;

use super::fields::{Fields, Payload};
use super::out::tag;
use super::{MAX_DEPTH, MAX_SAFE_INTEGER, StructError};

/// Reads `T` from the wire bytes of a `google.protobuf.Struct`.
///
/// Only what `T` asks for is looked at; strings can be borrowed. Integral
/// numbers up to 2^53 arrive as integers, all others as doubles; NaN and the
/// infinities are refused, as JSON has no such numbers. Of equal keys a map
/// keeps the last, a struct refuses the second. Null reads as an empty text, list or object where
/// `T` wants one.
///
/// # Errors
///
/// Malformed bytes, invalid UTF-8, nesting deeper than [`MAX_DEPTH`], or a
/// value that `T` does not take.
pub fn from_struct<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, StructError> {
    T::deserialize(Node { source: Source::Struct(bytes), depth: 1 })
}

/// Reads from the wire bytes of a `google.protobuf.Struct` what `seed` makes of them.
///
/// # Errors
///
/// As [`from_struct`].
pub fn from_struct_seed<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: S,
) -> Result<S::Value, StructError> {
    seed.deserialize(Node { source: Source::Struct(bytes), depth: 1 })
}

/// One JSON value, still its bytes: most are never asked for.
struct Node<'de> {
    source: Source<'de>,
    /// The level of this value's own keys or items.
    depth: usize,
}

enum Source<'de> {
    /// The object at the top.
    Struct(&'de [u8]),
    /// A `Value` message.
    Value(&'de [u8]),
    /// The key of a map entry.
    Key(&'de [u8]),
    /// What a value has turned out to be: it is parsed once.
    Known(Kind<'de>),
}

impl<'de> Node<'de> {
    fn kind(&self) -> Result<Kind<'de>, StructError> {
        match self.source {
            Source::Struct(bytes) => Ok(Kind::Struct(bytes)),
            Source::Value(bytes) => Kind::parse(bytes),
            Source::Key(bytes) => Ok(Kind::String(bytes)),
            Source::Known(kind) => Ok(kind),
        }
    }

    /// What this value is, or `instead` where it is null.
    fn kind_or(&self, instead: Kind<'de>) -> Result<Kind<'de>, StructError> {
        Ok(match self.kind()? {
            Kind::Null => instead,
            kind => kind,
        })
    }
}

#[derive(Clone, Copy)]
pub(super) enum Kind<'de> {
    Null,
    Bool(bool),
    Number(f64),
    String(&'de [u8]),
    List(&'de [u8]),
    Struct(&'de [u8]),
}

impl<'de> Kind<'de> {
    /// Reads a `Value` message. None of the kinds set is null, as in Go; of
    /// several the last counts.
    pub(super) fn parse(value: &'de [u8]) -> Result<Self, StructError> {
        let mut kind = Kind::Null;
        let mut fields = Fields::new(value);
        while let Some(field) = fields.next()? {
            kind = match field {
                (1, Payload::Varint(_)) => Kind::Null,
                (2, Payload::Fixed64(bytes)) => Kind::Number(f64::from_le_bytes(bytes)),
                (3, Payload::Bytes(bytes)) => Kind::String(bytes),
                (4, Payload::Varint(bit)) => Kind::Bool(bit != 0),
                (5, Payload::Bytes(bytes)) => Kind::Struct(bytes),
                (6, Payload::Bytes(bytes)) => Kind::List(bytes),
                (1..=6, _) => return Err(wrong_wire_type("Value")),
                _ => continue,
            };
        }
        Ok(kind)
    }

    fn visit<V: Visitor<'de>>(self, depth: usize, visitor: V) -> Result<V::Value, StructError> {
        match self {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(value),
            Kind::Number(value) => visit_number(value, visitor),
            Kind::String(bytes) => visitor.visit_borrowed_str(utf8(bytes)?),
            Kind::List(bytes) => visit_list(bytes, depth, visitor),
            Kind::Struct(bytes) => visitor.visit_map(Entries::new(bytes, depth)?),
        }
    }
}

#[cold]
fn wrong_wire_type(message: &str) -> StructError {
    StructError::new(format_args!(
        "malformed protobuf: a field of google.protobuf.{message} has the wrong wire type"
    ))
}

fn utf8(bytes: &[u8]) -> Result<&str, StructError> {
    str::from_utf8(bytes).map_err(|error| StructError::new(format_args!("not UTF-8: {error}")))
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = StructError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StructError> {
        self.kind()?.visit(self.depth, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StructError> {
        match self.kind()? {
            Kind::Null => visitor.visit_none(),
            kind => visitor.visit_some(Node { source: Source::Known(kind), depth: self.depth }),
        }
    }

    /// A field that is null is as good as one that is not there: Kubernetes drops it, and what
    /// others write has it all the same.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, StructError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StructError> {
        self.kind_or(Kind::Struct(&[]))?.visit(self.depth, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StructError> {
        self.kind_or(Kind::List(&[]))?.visit(self.depth, visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StructError> {
        self.kind_or(Kind::String(&[]))?.visit(self.depth, visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StructError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, StructError> {
        visitor.visit_newtype_struct(self)
    }

    /// As in JSON: the variant's name, or an object whose one key it is.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, StructError> {
        match self.kind()? {
            Kind::String(bytes) => visitor.visit_enum(utf8(bytes)?.into_deserializer()),
            Kind::Struct(bytes) => {
                let entries = Entries::new(bytes, self.depth)?;
                let mut rest = entries.fields.clone();
                if rest.next()?.is_none() || rest.next()?.is_some() {
                    return Err(StructError::new("expected an object with exactly one key"));
                }
                visitor.visit_enum(MapAccessDeserializer::new(entries))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StructError> {
        visitor.visit_unit()
    }

    /// The name of a field is compared, not kept: it need not be text.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StructError> {
        match self.source {
            Source::Key(bytes) => visitor.visit_borrowed_bytes(bytes),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char
        bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

fn visit_number<'de, V: Visitor<'de>>(value: f64, visitor: V) -> Result<V::Value, StructError> {
    if !value.is_finite() {
        return Err(StructError::new(format_args!("{value} is not a number that JSON knows")));
    }
    if value.fract() != 0.0 || value.abs() > MAX_SAFE_INTEGER {
        visitor.visit_f64(value)
    } else if value < 0.0 {
        visitor.visit_i64(value as i64)
    } else {
        visitor.visit_u64(value as u64)
    }
}

fn visit_list<'de, V: Visitor<'de>>(
    bytes: &'de [u8],
    depth: usize,
    visitor: V,
) -> Result<V::Value, StructError> {
    let mut items = Items::new(bytes, depth)?;
    let value = visitor.visit_seq(&mut items)?;
    let taken = items.index;
    match items.next_value()? {
        None => Ok(value),
        Some(_) => Err(StructError::invalid_length(taken + 1, &"a shorter list")),
    }
}

/// The items of a `ListValue`.
struct Items<'de> {
    fields: Fields<'de>,
    index: usize,
    depth: usize,
}

impl<'de> Items<'de> {
    fn new(list: &'de [u8], depth: usize) -> Result<Self, StructError> {
        if depth > MAX_DEPTH {
            return Err(StructError::too_deep());
        }
        Ok(Self { fields: Fields::new(list), index: 0, depth })
    }

    fn next_value(&mut self) -> Result<Option<&'de [u8]>, StructError> {
        while let Some(field) = self.fields.next()? {
            match field {
                (1, Payload::Bytes(value)) => return Ok(Some(value)),
                (1, _) => return Err(wrong_wire_type("ListValue")),
                _ => {}
            }
        }
        Ok(None)
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = StructError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, StructError> {
        let Some(value) = self.next_value()? else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        read_value(value, self.depth, seed).map(Some).map_err(|error| error.at_index(index))
    }
}

/// The entries of a `Struct`.
pub(super) struct Entries<'de> {
    fields: Fields<'de>,
    /// Key and value between `next_key` and `next_value`.
    entry: (&'de [u8], &'de [u8]),
    depth: usize,
}

impl<'de> Entries<'de> {
    pub(super) fn new(object: &'de [u8], depth: usize) -> Result<Self, StructError> {
        if depth > MAX_DEPTH {
            return Err(StructError::too_deep());
        }
        Ok(Self { fields: Fields::new(object), entry: Default::default(), depth })
    }

    /// The next entry, with its key and value still encoded.
    pub(super) fn next_entry(&mut self) -> Result<Option<&'de [u8]>, StructError> {
        while let Some(field) = self.fields.next()? {
            match field {
                (1, Payload::Bytes(entry)) => return Ok(Some(entry)),
                (1, _) => return Err(wrong_wire_type("Struct")),
                _ => {}
            }
        }
        Ok(None)
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = StructError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, StructError> {
        let Some(entry) = self.next_entry()? else {
            return Ok(None);
        };
        self.entry = parse_entry(entry)?;
        let (key, _) = self.entry;
        let key = Node { source: Source::Key(key), depth: self.depth };
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, StructError> {
        let (key, value) = self.entry;
        read_value(value, self.depth, seed).map_err(|error| error.at_key(key))
    }
}

fn read_value<'de, S: DeserializeSeed<'de>>(
    value: &'de [u8],
    depth: usize,
    seed: S,
) -> Result<S::Value, StructError> {
    seed.deserialize(Node { source: Source::Value(value), depth: depth + 1 })
}

/// Key and value of a map entry; either may be left out when it is empty.
pub(super) fn parse_entry(entry: &[u8]) -> Result<(&[u8], &[u8]), StructError> {
    if let Some(usual) = parse_usual_entry(entry) {
        return Ok(usual);
    }
    let (mut key, mut value): (&[u8], &[u8]) = Default::default();
    let mut fields = Fields::new(entry);
    while let Some(field) = fields.next()? {
        match field {
            (1, Payload::Bytes(bytes)) => key = bytes,
            (2, Payload::Bytes(bytes)) => value = bytes,
            (1..=2, _) => return Err(wrong_wire_type("Struct")),
            _ => {}
        }
    }
    Ok((key, value))
}

/// An entry as every encoder writes it: a short key, then the value, and nothing else.
fn parse_usual_entry(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([tag::ENTRY_KEY, length @ ..0x80], rest) = entry.split_first_chunk()? else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*length))?;
    let (&tag::ENTRY_VALUE, rest) = rest.split_first()? else { return None };
    let value = Fields::new(rest).rest_as_bytes()?;
    Some((key, value))
}
