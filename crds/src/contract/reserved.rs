//! Labels and annotations that are not a user's to set: Crossplane and the platform trust them.

use super::{FieldError, Problem, did_you_mean};
use crate::names::{
    ADOPT_CANDIDATE, CELL, CLAIM_NAME, CLAIM_NAMESPACE, COMPOSITE, COMPOSITION_RESOURCE_NAME,
    ENVIRONMENT, EXTERNAL_NAME, FAILOVER, GROUP, HISTORY, PLACEMENT_REASON, PRODUCT, RELEASE, TIER,
};

/// What Crossplane sets on claims and composite resources, and goes by.
pub const CROSSPLANE: [&str; 5] =
    [CLAIM_NAME, CLAIM_NAMESPACE, COMPOSITE, COMPOSITION_RESOURCE_NAME, EXTERNAL_NAME];

/// The platform's labels on users' objects: they say what the parameters say, whoever set them.
pub const STAMPED_LABELS: [&str; 4] = [CELL, ENVIRONMENT, PRODUCT, TIER];

/// The platform's annotations on users' objects, each with rules of its own.
pub const ANNOTATIONS: [&str; 5] = [PLACEMENT_REASON, FAILOVER, RELEASE, ADOPT_CANDIDATE, HISTORY];

/// Errors for every reserved label that a user adds or changes.
#[must_use]
pub fn labels<'m>(
    given: impl IntoIterator<Item = (&'m str, &'m str)>,
    before: impl Fn(&str) -> Option<&'m str>,
) -> Vec<FieldError> {
    errors("labels", &STAMPED_LABELS, given, before)
}

/// Errors for every reserved annotation that a user adds or changes.
#[must_use]
pub fn annotations<'m>(
    given: impl IntoIterator<Item = (&'m str, &'m str)>,
    before: impl Fn(&str) -> Option<&'m str>,
) -> Vec<FieldError> {
    errors("annotations", &ANNOTATIONS, given, before)
}

fn errors<'m>(
    field: &str,
    known: &[&'static str],
    given: impl IntoIterator<Item = (&'m str, &'m str)>,
    before: impl Fn(&str) -> Option<&'m str>,
) -> Vec<FieldError> {
    let prefix = format!("{GROUP}/");
    given
        .into_iter()
        .filter(|(name, value)| before(name) != Some(value))
        .filter_map(|(name, _)| {
            let message = if CROSSPLANE.contains(&name) {
                "is set by Crossplane, which goes by it: remove it".to_owned()
            } else if name.starts_with(&prefix) && !known.contains(&name) {
                let hint = did_you_mean(name, known.iter().copied());
                format!("begins with {prefix}, which is the platform's own{hint}: remove it")
            } else {
                return None;
            };
            let path = format!("metadata.{field}[{name}]");
            Some(FieldError::new(path, Problem::Forbidden, message))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_trust_is_refused_when_it_is_new_or_changed() {
        let given = [(CLAIM_NAME, "orders"), (TIER, "low"), ("team", "a"), (EXTERNAL_NAME, "x")];
        let paths =
            |errors: Vec<FieldError>| errors.into_iter().map(|e| e.path).collect::<Vec<_>>();
        assert_eq!(
            paths(labels(given, |_| None)),
            [
                "metadata.labels[crossplane.io/claim-name]",
                "metadata.labels[crossplane.io/external-name]"
            ]
        );
        assert_eq!(
            paths(labels(given, |name| given.iter().find(|(n, _)| *n == name).map(|g| g.1))),
            [""; 0]
        );
        let typo = annotations([("platform.example.org/failovr", "any")], |_| None);
        assert!(typo[0].message.contains("did you mean \"platform.example.org/failover\"?"));
    }
}
