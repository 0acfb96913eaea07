//! The bytes of a Struct in the making.

use bytes::Bytes;
use serde::Serialize;

use super::fields::{Fields, Payload};
use super::{MAX_DEPTH, StructError};

/// The first byte of each field: its number and wire type.
pub(super) mod tag {
    pub(in crate::structs) const NULL: u8 = 1 << 3;
    pub(in crate::structs) const NUMBER: u8 = 2 << 3 | 1;
    pub(in crate::structs) const STRING: u8 = 3 << 3 | 2;
    pub(in crate::structs) const BOOL: u8 = 4 << 3;
    pub(in crate::structs) const STRUCT: u8 = 5 << 3 | 2;
    pub(in crate::structs) const LIST: u8 = 6 << 3 | 2;

    pub(in crate::structs) const STRUCT_ENTRY: u8 = 1 << 3 | 2;
    pub(in crate::structs) const ENTRY_KEY: u8 = 1 << 3 | 2;
    pub(in crate::structs) const ENTRY_VALUE: u8 = 2 << 3 | 2;
    pub(in crate::structs) const LIST_ITEM: u8 = 1 << 3 | 2;
}

#[derive(Default)]
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    /// Where the contents of the messages begin that are being written.
    open: Vec<usize>,
    /// How many objects and lists are open.
    depth: usize,
}

impl Out {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Out { bytes: Vec::with_capacity(bytes), ..Out::default() }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from(self.bytes)
    }

    /// Begins a nested message. Its length is known when it ends; one byte is
    /// kept free for it.
    pub(super) fn open(&mut self, tag: u8) {
        self.bytes.extend_from_slice(&[tag, 0]);
        self.open.push(self.bytes.len());
    }

    /// Ends the innermost message. A length that needs more than the one byte
    /// moves the contents up: they are hot in the cache, and a second pass to
    /// know all lengths beforehand costs more.
    pub(super) fn close(&mut self) {
        let Some(start) = self.open.pop() else {
            return;
        };
        let length = self.bytes.len() - start;
        if let (Ok(short @ 0..0x80), Some(byte)) =
            (u8::try_from(length), self.bytes.get_mut(start - 1))
        {
            *byte = short;
            return;
        }
        // The length takes the place of the one byte and so many more.
        let more = prost::length_delimiter_len(length) - 1;
        let end = self.bytes.len();
        self.bytes.resize(end + more, 0);
        self.bytes.copy_within(start..end, start + more);
        if let Some(mut place) = self.bytes.get_mut(start - 1..start + more) {
            // It is exactly as long as the length.
            let _ = prost::encode_length_delimiter(length, &mut place);
        }
    }

    pub(super) fn string(&mut self, tag: u8, value: &str) {
        self.bytes(tag, value.as_bytes());
    }

    /// A string, or a message that is encoded already.
    pub(super) fn bytes(&mut self, tag: u8, value: &[u8]) {
        self.bytes.reserve(value.len() + 11);
        match u8::try_from(value.len()) {
            Ok(short @ 0..0x80) => self.bytes.extend_from_slice(&[tag, short]),
            _ => {
                self.bytes.push(tag);
                let _ = prost::encode_length_delimiter(value.len(), &mut self.bytes);
            }
        }
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn number(&mut self, value: f64) -> Result<(), StructError> {
        if !value.is_finite() {
            return Err(StructError::new(format_args!("{value} is not a number that JSON knows")));
        }
        self.bytes.push(tag::NUMBER);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    pub(super) fn container(&mut self, tag: u8) -> Result<Container<'_>, StructError> {
        let (height, depth) = (self.open.len(), self.depth);
        self.enter(tag)?;
        Ok(Container { out: self, height, depth, entry: 0 })
    }

    /// `{"variant": <container>}`
    pub(super) fn variant(&mut self, variant: &str, tag: u8) -> Result<Container<'_>, StructError> {
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
pub(super) struct Container<'a> {
    out: &'a mut Out,
    /// What `open` and `depth` go back to when it ends.
    height: usize,
    depth: usize,
    /// Where the contents of the present map entry begin.
    entry: usize,
}

impl Container<'_> {
    pub(super) fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StructError> {
        self.out.open(tag::LIST_ITEM);
        value.serialize(&mut *self.out)?;
        self.out.close();
        Ok(())
    }

    pub(super) fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), StructError> {
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

    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StructError> {
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

    pub(super) fn close(self) {
        while self.out.open.len() > self.height {
            self.out.close();
        }
        self.out.depth = self.depth;
    }
}
