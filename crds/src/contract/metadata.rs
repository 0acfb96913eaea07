//! What a claim's own metadata must be like, beyond what Kubernetes asks.

use super::{FieldError, Problem};

/// The longest name of a claim: Crossplane labels the composite resource with it, and a label's
/// value has 63 characters.
pub const LONGEST_NAME: usize = 63;

/// What is wrong with a claim's (or composite resource's) name, empty where the API server is asked
/// to make one.
#[must_use]
pub fn name(name: &str) -> Option<FieldError> {
    let error = |problem, message: String| Some(FieldError::new("metadata.name", problem, message));
    if name.is_empty() {
        return error(
            Problem::Required,
            "is required: the decision and the connection secret depend on it, so metadata.generateName cannot be used"
                .to_owned(),
        );
    }
    if name.len() > LONGEST_NAME {
        return error(
            Problem::Invalid,
            format!(
                "must have at most {LONGEST_NAME} characters, not {}: it becomes the value of a label",
                name.len()
            ),
        );
    }
    if !name.split('.').all(is_dns_label) {
        let message = format!(
            "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, not {}",
            serde_json::Value::from(name)
        );
        return error(Problem::Invalid, message);
    }
    None
}

/// What is wrong with a claim's namespace, as the API server sees it.
#[must_use]
pub fn namespace(namespace: &str) -> Option<FieldError> {
    let message = "must be at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit, not";
    (!is_dns_label(namespace)).then(|| {
        let message = format!("{message} {}", serde_json::Value::from(namespace));
        FieldError::new("metadata.namespace", Problem::Invalid, message)
    })
}

/// Whether `text` is a label of a DNS name, as Kubernetes has them.
pub(crate) fn is_dns_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_kubernetes_takes_and_fit_a_label() {
        let long = "a".repeat(63);
        for good in ["orders-db", "a", "0", "a.b-c.d", &long] {
            assert_eq!(name(good), None, "{good}");
        }
        let longer = "a".repeat(64);
        for bad in ["", "-a", "a-", "a..b", ".a", "A", "a_b", "ä", "a b", &longer] {
            assert!(name(bad).is_some(), "{bad}");
        }
    }
}
