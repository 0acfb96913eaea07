//! Fields that are not a developer's to set.

use serde_json::{Map, Value};

use super::{FieldError, Problem};

/// Fields that the platform decides. They are declared in every XRD so that they can be refused by
/// name.
pub const DECIDED_BY_PLATFORM: [&str; 5] =
    ["provider", "region", "runtimeCluster", "runtime_cluster", "network"];

/// Crossplane's machinery in a claim's or composite's `spec`, which would let a developer choose
/// what is composed, and how.
pub const CROSSPLANE_FIELDS: [&str; 9] = [
    "claimRef",
    "compositionRef",
    "compositionRevisionRef",
    "compositionRevisionSelector",
    "compositionSelector",
    "compositionUpdatePolicy",
    "crossplane",
    "resourceRef",
    "resourceRefs",
];

/// Errors for every field of `spec` and `spec.parameters` that the platform decides.
#[must_use]
pub fn decided_by_platform(spec: &Map<String, Value>) -> Vec<FieldError> {
    let in_spec = DECIDED_BY_PLATFORM
        .iter()
        .filter(|field| spec.contains_key(**field))
        .map(|field| format!("spec.{field}"));
    let parameters = spec.get("parameters").and_then(Value::as_object);
    let in_parameters = DECIDED_BY_PLATFORM
        .iter()
        .filter(|field| parameters.is_some_and(|p| p.contains_key(**field)))
        .map(|field| format!("spec.parameters.{field}"));
    in_spec
        .chain(in_parameters)
        .map(|path| {
            FieldError::new(
                path,
                Problem::Forbidden,
                "is decided by the platform and must not be given: remove it; the tier, ha and the platform's catalog decide where a workload runs",
            )
        })
        .collect()
}

/// Errors for every machinery field of `spec` that is new or differs from `old`. (Crossplane sets
/// them itself later, so a developer's update that carries them unchanged is fine.)
#[must_use]
pub fn machinery(spec: &Map<String, Value>, old: Option<&Map<String, Value>>) -> Vec<FieldError> {
    CROSSPLANE_FIELDS
        .iter()
        .filter(|field| {
            let now = spec.get(**field);
            now.is_some() && now != old.and_then(|old| old.get(**field))
        })
        .map(|field| {
            FieldError::new(
                format!("spec.{field}"),
                Problem::Forbidden,
                "is set by Crossplane and must not be given: remove it; the platform chooses the composition",
            )
        })
        .collect()
}
