//! What went wrong, and where in the object.

use std::fmt;

/// A `google.protobuf.Struct` that cannot be read or written.
///
/// Displayed as the place in the object followed by the reason:
/// `status.conditions[2].status: invalid type: integer 3, expected a string`.
#[derive(Debug)]
pub struct StructError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    reason: String,
    /// Innermost first, as it grows while the error travels outwards.
    path: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Key(String),
    Index(usize),
}

impl StructError {
    pub(super) fn new(reason: impl fmt::Display) -> Self {
        Self(Box::new(Inner { reason: reason.to_string(), path: Vec::new() }))
    }

    pub(super) fn too_deep() -> Self {
        Self::new(format_args!("nested deeper than {} levels", super::MAX_DEPTH))
    }

    pub(super) fn at_key(mut self, key: &[u8]) -> Self {
        let key = String::from_utf8_lossy(key).into_owned();
        self.0.path.push(Segment::Key(key));
        self
    }

    pub(super) fn at_index(mut self, index: usize) -> Self {
        self.0.path.push(Segment::Index(index));
        self
    }
}

impl fmt::Display for StructError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { reason, path } = &*self.0;
        for (depth, segment) in path.iter().rev().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                // Kubernetes writes keys that are no plain names in brackets.
                Segment::Key(key) if !is_plain(key) => write!(f, "[{key}]")?,
                Segment::Key(key) if depth == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        if !path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(reason)
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

impl std::error::Error for StructError {}

impl serde::de::Error for StructError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason)
    }
}

impl serde::ser::Error for StructError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason)
    }
}
