//! Any [`Serialize`] type to Struct bytes.

use bytes::Bytes;
use serde::ser::{self, Serialize, Serializer};

use super::StructError;
use super::fields::{Fields, Payload};
use super::out::{Container, Out, tag};

/// What most objects fit into, bytes.
const TYPICAL: usize = 2048;

/// Writes `value` as the wire bytes of a `google.protobuf.Struct`.
///
/// Keys keep the order in which `value` gives them. Numbers become doubles, as
/// the format knows no other: integers beyond 2^53 are rounded.
///
/// # Errors
///
/// `value` is no object, holds a NaN, an infinity or a map whose keys are no
/// strings, or nests deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
pub fn to_struct<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, StructError> {
    let mut out = Out::with_capacity(TYPICAL);
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
        self.bytes.extend_from_slice(&[tag::BOOL, u8::from(value)]);
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
        self.bytes.extend_from_slice(&[tag::NULL, 0]);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), StructError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), StructError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), StructError> {
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

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Container<'a>, StructError> {
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

    fn serialize_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Container<'a>, StructError> {
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
