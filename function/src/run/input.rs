//! The function's input: the `input` block of its step in a Composition. Optional.

use idp_crds::names::API_VERSION;
use serde::Deserialize;

use super::Failure;
use idp_core::structs::from_struct;

/// What a Composition may tell the function.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    /// `platform.example.org/v1alpha1`.
    #[serde(default)]
    pub api_version: String,
    /// `Input`.
    #[serde(default)]
    pub kind: String,
    /// Crossplane keeps metadata on inputs; nothing in it matters.
    #[serde(default)]
    #[allow(dead_code)]
    metadata: Option<serde::de::IgnoredAny>,
    /// The product; by default the one whose API the composite resource belongs to.
    #[serde(default)]
    pub product: Option<String>,
    /// Where the configuration comes from.
    #[serde(default)]
    pub catalog: CatalogSource,
    /// Whether something keeps users from writing the platform's annotations.
    #[serde(default)]
    pub annotations: Annotations,
}

/// What the platform's annotations on a composite resource are worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Annotations {
    /// Anybody may have written them: in a cluster none is gone by.
    #[default]
    Ignored,
    /// The chart's admission policy, or the webhook, lets only those write them who may.
    Trusted,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CatalogSource {
    /// The cluster's configuration objects.
    #[default]
    Cluster,
    /// The default catalog that is built into the function: for trying things out.
    Embedded,
}

impl Input {
    pub(super) fn read(input: Option<&bytes::Bytes>) -> Result<Input, Failure> {
        let Some(bytes) = input else { return Ok(Input::default()) };
        let input: Input = from_struct(bytes).map_err(|error| {
            Failure::invalid(format!(
                "the function's input is wrong: {error}; it takes `product` (a name), `catalog` (cluster or embedded) and `annotations` (trusted or ignored)"
            ))
        })?;
        let kind_is_right =
            input.kind.is_empty() || (input.kind == "Input" && input.api_version == API_VERSION);
        if !kind_is_right {
            let (version, kind) = (&input.api_version, &input.kind);
            return Err(Failure::invalid(format!(
                "the function's input must be an Input of {API_VERSION}, not a {kind} of {version}"
            )));
        }
        Ok(input)
    }
}
