//! The fields of one protobuf message, as they lie in its bytes.

use super::StructError;

/// One field's value, not yet interpreted.
#[derive(Clone, Copy)]
pub(super) enum Payload<'de> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32,
    Bytes(&'de [u8]),
}

/// Walks over the fields of a message. Whatever is not asked for is stepped
/// over: the length of a nested message says where the next field begins.
#[derive(Clone)]
pub(super) struct Fields<'de> {
    rest: &'de [u8],
}

impl<'de> Fields<'de> {
    pub(super) fn new(message: &'de [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value.
    // Inlined, most of what it returns is never written anywhere; reading is a quarter of what a
    // request costs.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Payload<'de>)>, StructError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(StructError::new("malformed protobuf: field number 0"));
        }
        let payload = match tag & 0b111 {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(self.array()?),
            2 => {
                let length = self.varint()?;
                Payload::Bytes(self.take(length)?)
            }
            5 => {
                let [_, _, _, _] = self.array()?;
                Payload::Fixed32
            }
            other => {
                return Err(StructError::new(format_args!(
                    "malformed protobuf: unknown wire type {other}"
                )));
            }
        };
        Ok(Some((number, payload)))
    }

    /// What is left, if that is a length and so many bytes.
    pub(super) fn rest_as_bytes(mut self) -> Option<&'de [u8]> {
        let length = self.varint().ok()?;
        usize::try_from(length).is_ok_and(|length| length == self.rest.len()).then_some(self.rest)
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, StructError> {
        // Nearly all are one byte: tags, and the lengths of names.
        if let Some((byte @ ..0x80, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, StructError> {
        let mut value = 0;
        // Seven bits a byte, the lowest first: 64 bits take ten bytes at most.
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(StructError::new("malformed protobuf: varint over 64 bits"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StructError> {
        let (bytes, rest) =
            self.rest.split_first_chunk().ok_or_else(|| truncated(N as u64, self.rest))?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline(always)]
    fn take(&mut self, length: u64) -> Result<&'de [u8], StructError> {
        let (bytes, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
            .ok_or_else(|| truncated(length, self.rest))?;
        self.rest = rest;
        Ok(bytes)
    }
}

#[cold]
fn truncated(wanted: u64, rest: &[u8]) -> StructError {
    StructError::new(format_args!(
        "malformed protobuf: truncated, {wanted} bytes expected, {} left",
        rest.len()
    ))
}
