//! serde over the wire bytes of `google.protobuf.Struct`.
//!
//! ```text
//! Struct      1 fields: repeated { 1 key: string, 2 value: Value }
//! Value       1 null | 2 number: double | 3 string | 4 bool | 5 struct: Struct | 6 list: ListValue
//! ListValue   1 values: repeated Value
//! ```

mod error;
mod fields;
mod out;
mod read;
mod rewrite;
mod write;

pub use error::StructError;
pub use read::{from_struct, from_struct_seed};
pub use rewrite::{FieldPath, rewrite};
pub use write::to_struct;

/// How deep objects and lists may nest; the top-level object is the first level.
pub const MAX_DEPTH: usize = 128;

/// Doubles hold every integer up to this magnitude (2^53).
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_992.0;
