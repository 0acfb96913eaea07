//! Decisions that people can question. Pure, as the decision is: everything here is found by
//! deciding again.
//!
//! - [`mod@explain`]: why here, and for every other place what is missing;
//! - [`mod@counterfactual`]: the smallest single change that lets a place win, and what unseats the
//!   winner;
//! - [`mod@impact`]: who is hit when places are lost, and where each would go;
//! - [`mod@check`]: whether a catalog recovers from any single loss, and what in it decides nothing;
//! - [`mod@simulate`]: what an edit of the catalog would do to a fleet;
//! - [`mod@mutation`]: catalogs that are wrong in one thing, for tests to notice;
//! - [`mod@replay`]: whether a record is what this catalog gives;
//! - [`mod@running`]: what a workload says of itself.

pub mod change;
pub mod check;
pub mod comparison;
pub mod counterfactual;
pub mod edit;
pub mod explain;
pub mod fleet;
pub mod impact;
pub mod loss;
pub mod mutation;
pub mod picture;
pub mod question;
pub mod replay;
pub mod running;
pub mod simulate;

pub use change::Change;
pub use explain::{Explanation, explain};
pub use fleet::Workload;
pub use loss::{Loss, Recovery};
pub use question::{Inputs, Question};
pub use running::Running;

use std::fmt::Display;

use serde::Serializer;

/// Places and the like are written as they are shown: `aws/us-east-1`.
pub(crate) fn as_text<T: Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// The same where there may be none.
pub(crate) fn as_optional_text<T: Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
