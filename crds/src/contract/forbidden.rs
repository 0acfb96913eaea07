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

/// What a definition sets by default is as good as not given: Crossplane writes this default into
/// the definition of every cluster-scoped composite resource, and the API server fills defaults in
/// before anybody reviews the object.
const DEFAULT: (&str, &str) = ("compositionUpdatePolicy", "Automatic");

/// Errors for every machinery field of `spec` that is new or differs from `old`. (Crossplane sets
/// them itself later, so a developer's update that carries them unchanged is fine.)
#[must_use]
pub fn machinery(spec: &Map<String, Value>, old: Option<&Map<String, Value>>) -> Vec<FieldError> {
    CROSSPLANE_FIELDS
        .iter()
        .filter(|field| {
            let before = old.and_then(|old| old.get(**field));
            spec.get(**field).is_some_and(|now| match before {
                Some(before) => now != before,
                None => (**field, now.as_str()) != (DEFAULT.0, Some(DEFAULT.1)),
            })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(now: Value, before: Option<Value>) -> Vec<String> {
        let before = before.as_ref().map(|before| before.as_object().unwrap());
        machinery(now.as_object().unwrap(), before).into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn what_a_definition_sets_by_default_is_not_given_by_the_user() {
        let (default, other) = (
            json!({"compositionUpdatePolicy": "Automatic"}),
            json!({"compositionUpdatePolicy": "Manual"}),
        );
        let nothing: [&str; 0] = [];
        assert_eq!(refused(default.clone(), None), nothing);
        assert_eq!(refused(default.clone(), Some(json!({}))), nothing);
        let field = ["spec.compositionUpdatePolicy"];
        assert_eq!(refused(other.clone(), None), field);
        assert_eq!(refused(other.clone(), Some(default.clone())), field);
        assert_eq!(refused(default, Some(other)), field, "somebody else has chosen");
    }

    #[test]
    fn machinery_is_neither_set_nor_changed() {
        let of = |name: &str| json!({"resourceRef": {"name": name}});
        assert_eq!(refused(of("a"), None), ["spec.resourceRef"]);
        assert_eq!(refused(of("a"), Some(of("b"))), ["spec.resourceRef"]);
        assert!(refused(of("a"), Some(of("a"))).is_empty());
    }
}
