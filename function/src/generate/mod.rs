//! What a cluster or a laptop needs, generated from products: XRDs, Compositions, the Function, the
//! configuration CRDs, and what a developer portal needs.

mod backstage;
mod composition;
mod function;
mod schema;
mod xrd;

use std::fmt::Write as _;

use serde_json::Value;

pub use backstage::{File, Site, backstage};
pub use composition::composition;
pub use function::{Runtime, function};
pub use xrd::xrd;

/// The Function's name: what Compositions refer to.
pub const FUNCTION_NAME: &str = "function-idp-multicloud";

/// Which of Crossplane's two kinds of composite resource something is generated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// Claims with cluster-scoped composites (Crossplane 1.20, and 2.x's LegacyCluster scope).
    Claim,
    /// Namespaced composites, without claims (Crossplane 2.x).
    Namespaced,
}

/// Documents as one YAML text.
///
/// # Errors
/// Never for JSON values; the serialiser's type cannot say so.
pub fn to_yaml(documents: &[Value]) -> Result<String, serde_saphyr::ser::Error> {
    let mut text = String::new();
    for document in documents {
        // Writing to a String cannot fail.
        let _ = write!(text, "---\n{}", serde_saphyr::to_string(document)?);
    }
    Ok(text)
}
