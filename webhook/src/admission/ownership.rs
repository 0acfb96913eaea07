//! Whose an annotation is. The API server notes in `managedFields` who set which field, before it
//! calls us: what a user adds or changes is always in there, and what we stamp never is. The
//! chart's admission policy goes by that: it refuses a decision that somebody is noted for, unless
//! he may `restore`. So users are taken off what we have settled.

use serde_json::Value;

use super::object::Metadata;
use super::patch::Patch;

/// Takes everybody off the annotation `name`.
pub(super) fn disown(patch: &mut Patch, metadata: &Metadata<'_>, name: &str) {
    let field = format!("f:{name}");
    // Most objects come without, and need not be read.
    let Some(raw) = metadata.managed_fields.filter(|raw| raw.get().contains(&field)) else {
        return;
    };
    let entries: Vec<Value> = serde_json::from_str(raw.get()).unwrap_or_default();
    let path = ["fieldsV1", "f:metadata", "f:annotations", &field];
    for (at, entry) in entries.iter().enumerate() {
        let owned = path.iter().try_fold(entry, |value, key| value.get(key)).is_some();
        if owned {
            let at = at.to_string();
            patch.remove(["metadata", "managedFields", &at].into_iter().chain(path));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::object::Object;

    #[test]
    fn everybody_is_taken_off_and_nothing_else_changes() {
        let owner = |name: &str| json!({"manager": name, "fieldsV1": {"f:metadata": {"f:annotations": {"f:a/b": {}, "f:c": {}}}}});
        let other = json!({"manager": "x", "fieldsV1": {"f:spec": {"f:a/b": {}}}});
        let object = json!({"metadata": {"name": "n", "managedFields": [owner("kubectl"), other, owner("flux")]}});
        let text = object.to_string();
        let object: Object<'_> = serde_json::from_str(&text).unwrap();
        let mut patch = Patch::default();
        disown(&mut patch, &object.metadata, "a/b");
        let paths: Vec<&str> = patch.operations().iter().map(|o| o.path()).collect();
        assert_eq!(
            paths,
            [
                "/metadata/managedFields/0/fieldsV1/f:metadata/f:annotations/f:a~1b",
                "/metadata/managedFields/2/fieldsV1/f:metadata/f:annotations/f:a~1b"
            ]
        );
    }
}
