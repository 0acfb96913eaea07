//! Any [`Serialize`] type to Struct bytes.

use bytes::Bytes;
use serde::ser::{self, Serialize, Serializer};

use super::fields::{Fields, Payload};
use super::{MAX_DEPTH, StructError};

/// Writes `value` as the wire bytes of a `google.protobuf.Struct`.
///
/// Keys keep the order in which `value` gives them. Numbers become doubles, as
/// the format knows no other: integers beyond 2^53 are rounded.
///
/// # Errors
///
/// `value` is no object, holds a NaN, an infinity or a map whose keys are no
/// strings, or nests deeper than [`MAX_DEPTH`].
pub fn to_struct<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, StructError> {
    let mut out = Out::default();
    value.serialize(&mut out)?;
    // What stands there now is a Value; the Struct is its one field.
    match Fields::new(&out.bytes).next()? {
        Some((5, Payload::Bytes(object))) => {
            let header = out.bytes.len() - object.len();
            Ok(Bytes::from(out.bytes).slice(header..))
        }
        _ => Err(StructError::new("expected an object at the top level")),
    }
}

/// The first byte of each field: its number and wire type.
mod tag {
    pub(super) const NULL: u8 = 1 << 3;
    pub(super) const NUMBER: u8 = 2 << 3 | 1;
    pub(super) const STRING: u8 = 3 << 3 | 2;
    pub(super) const BOOL: u8 = 4 << 3;
    pub(super) const STRUCT: u8 = 5 << 3 | 2;
    pub(super) const LIST: u8 = 6 << 3 | 2;

    pub(super) const STRUCT_ENTRY: u8 = 1 << 3 | 2;
    pub(super) const ENTRY_KEY: u8 = 1 << 3 | 2;
    pub(super) const ENTRY_VALUE: u8 = 2 << 3 | 2;
    pub(super) const LIST_ITEM: u8 = 1 << 3 | 2;
}

#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    /// Where the contents of the messages begin that are being written.
    open: Vec<usize>,
    /// How many objects and lists are open.
    depth: usize,
}

impl Out {
    /// Begins a nested message. Its length is known when it ends; one byte is
    /// kept free for it.
    fn open(&mut self, tag: u8) {
        self.bytes.extend([tag, 0]);
        self.open.push(self.bytes.len());
    }

    /// Ends the innermost message. A length that needs more than the one byte
    /// moves the contents up: they are hot in the cache, and a second pass to
    /// know all lengths beforehand costs more.
    fn close(&mut self) {
        let Some(start) = self.open.pop() else {
            return;
        };
        let length = self.bytes.len() - start;
        if let (Ok(short @ 0..0x80), Some(byte)) = (u8::try_from(length), self.bytes.get_mut(start - 1)) {
            *byte = short;
            return;
        }
        let mut varint = [0; 10];
        let size = prost::length_delimiter_len(length);
        // Ten bytes hold any length, so this cannot fail.
        let _ = prost::encode_length_delimiter(length, &mut varint.as_mut_slice());
        self.bytes.splice(start - 1..start, varint.into_iter().take(size));
    }

    fn string(&mut self, tag: u8, value: &str) {
        self.bytes.push(tag);
        let _ = prost::encode_length_delimiter(value.len(), &mut self.bytes);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    fn number(&mut self, value: f64) -> Result<(), StructError> {
        if !value.is_finite() {
            return Err(StructError::new(format_args!("{value} is not a number that JSON knows")));
        }
        self.bytes.push(tag::NUMBER);
        self.bytes.extend(value.to_le_bytes());
        Ok(())
    }

    fn container(&mut self, tag: u8) -> Result<Container<'_>, StructError> {
        let (height, depth) = (self.open.len(), self.depth);
        self.enter(tag)?;
        Ok(Container { out: self, height, depth, entry: 0 })
    }

    /// `{"variant": <container>}`
    fn variant(&mut self, variant: &str, tag: u8) -> Result<Container<'_>, StructError> {
        let (height, depth) = (self.open.len(), self.depth);
        self.enter(tag::STRUCT)?;
        self.open(tag::STRUCT_ENTRY);
        self.string(tag::ENTRY_KEY, variant);
        self.open(tag::ENTRY_VALUE);
        self.enter(tag)?;
        Ok(Container { out: self, height, depth, entry: 0 })
    }

    fn enter(&mut self, tag: u8) -> Result<(), StructError> {
        if self.depth == MAX_DEPTH {
            return Err(StructError::too_deep());
        }
        self.depth += 1;
        self.open(tag);
        Ok(())
    }
}

/// An object or a list that is being written.
struct Container<'a> {
    out: &'a mut Out,
    /// What `open` and `depth` go back to when it ends.
    height: usize,
    depth: usize,
    /// Where the contents of the present map entry begin.
    entry: usize,
}

impl Container<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StructError> {
        self.out.open(tag::LIST_ITEM);
        value.serialize(&mut *self.out)?;
        self.out.close();
        Ok(())
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), StructError> {
        self.out.open(tag::STRUCT_ENTRY);
        self.entry = self.out.bytes.len();
        key.serialize(&mut *self.out)?;
        // A string as Value and as key differ in the tag alone.
        match self.out.bytes.get_mut(self.entry) {
            Some(tag) if *tag == tag::STRING => *tag = tag::ENTRY_KEY,
            _ => return Err(StructError::new("the key of a map must be a string")),
        }
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StructError> {
        self.out.open(tag::ENTRY_VALUE);
        value.serialize(&mut *self.out).map_err(|error| self.at_entry(error))?;
        self.out.close();
        self.out.close();
        Ok(())
    }

    #[cold]
    fn at_entry(&self, error: StructError) -> StructError {
        let entry = self.out.bytes.get(self.entry..).unwrap_or_default();
        match Fields::new(entry).next() {
            Ok(Some((_, Payload::Bytes(key)))) => error.at_key(key),
            _ => error,
        }
    }

    fn close(self) {
        while self.out.open.len() > self.height {
            self.out.close();
        }
        self.out.depth = self.depth;
    }
}

impl<'a> Serializer for &'a mut Out {
    type Ok = ();
    type Error = StructError;
    type SerializeSeq = Container<'a>;
    type SerializeTuple = Container<'a>;
    type SerializeTupleStruct = Container<'a>;
    type SerializeTupleVariant = Container<'a>;
    type SerializeMap = Container<'a>;
    type SerializeStruct = Container<'a>;
    type SerializeStructVariant = Container<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), StructError> {
        self.bytes.extend([tag::BOOL, u8::from(value)]);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), StructError> {
        self.number(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), StructError> {
        self.number(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), StructError> {
        self.number(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), StructError> {
        self.number(value as f64)
    }

    fn serialize_u8(self, value: u8) -> Result<(), StructError> {
        self.number(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), StructError> {
        self.number(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), StructError> {
        self.number(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), StructError> {
        self.number(value as f64)
    }

    fn serialize_f32(self, value: f32) -> Result<(), StructError> {
        self.number(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), StructError> {
        self.number(value)
    }

    fn serialize_char(self, value: char) -> Result<(), StructError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), StructError> {
        self.string(tag::STRING, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), StructError> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), StructError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), StructError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), StructError> {
        self.bytes.extend([tag::NULL, 0]);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), StructError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), StructError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), StructError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), StructError> {
        let mut object = self.container(tag::STRUCT)?;
        object.key(variant)?;
        object.value(value)?;
        object.close();
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Container<'a>, StructError> {
        self.container(tag::LIST)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Container<'a>, StructError> {
        self.container(tag::LIST)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Container<'a>, StructError> {
        self.container(tag::LIST)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Container<'a>, StructError> {
        self.variant(variant, tag::LIST)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Container<'a>, StructError> {
        self.container(tag::STRUCT)
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Container<'a>, StructError> {
        self.container(tag::STRUCT)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Container<'a>, StructError> {
        self.variant(variant, tag::STRUCT)
    }
}

/// The serde traits for lists, which differ only in the method's name.
macro_rules! list {
    ($($trait:ident::$method:ident)*) => {$(
        impl ser::$trait for Container<'_> {
            type Ok = ();
            type Error = StructError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StructError> {
                self.item(value)
            }

            fn end(self) -> Result<(), StructError> {
                self.close();
                Ok(())
            }
        }
    )*};
}

list! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

/// The serde traits for objects with known fields.
macro_rules! object {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Container<'_> {
            type Ok = ();
            type Error = StructError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), StructError> {
                self.key(key)?;
                self.value(value)
            }

            fn end(self) -> Result<(), StructError> {
                self.close();
                Ok(())
            }
        }
    )*};
}

object! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Container<'_> {
    type Ok = ();
    type Error = StructError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), StructError> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StructError> {
        self.value(value)
    }

    fn end(self) -> Result<(), StructError> {
        self.close();
        Ok(())
    }
}
