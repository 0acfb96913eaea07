//! What Crossplane finds for a requirement.

use idp_core::structs::to_struct;
use idp_function::wire::v1;
use idp_function::wire::v1::resource_selector::Match;
use serde_json::Value;

/// An object as the function is shown it.
#[must_use]
pub fn resource(object: &Value) -> v1::Resource {
    v1::Resource { resource: Some(to_struct(object).unwrap()), ..v1::Resource::default() }
}

/// What `selector` finds among these objects of the catalog; its label is on all of them.
pub fn selected<'o>(
    objects: impl IntoIterator<Item = &'o Value>,
    selector: &v1::ResourceSelector,
) -> v1::Resources {
    let is_it = |object: &&Value| {
        object["kind"] == selector.kind.as_str()
            && match &selector.r#match {
                Some(Match::MatchName(name)) => object["metadata"]["name"] == name.as_str(),
                _ => true,
            }
    };
    v1::Resources { items: objects.into_iter().filter(is_it).map(resource).collect() }
}
