//! The table of configuration kinds. Whatever has to know all of them derives it from here: what is
//! read, watched, required and registered, the definitions, the access that the chart grants.
//!
//! A new kind is a file of its own in this crate, its module in `lib.rs`, a row here, and its list
//! in `idp_core::catalog::Objects`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

use crate::{Candidate, CloudProvider, Experiment, FeatureFlag, Product, Tier};

/// A configuration kind.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// `kind` of its objects.
    pub name: &'static str,
    /// Its resource, as paths and access rules name it.
    pub plural: &'static str,
    /// The name under which the function requires its objects. Compositions use the same for what
    /// the function is to have at its first call.
    pub requirement: &'static str,
    /// What becomes of a write while the webhook cannot be asked.
    pub unreviewed: Unreviewed,
    /// Whether something may still need an object of it, so that its deletion is reviewed.
    pub needed: bool,
    /// Its definition.
    pub definition: fn() -> CustomResourceDefinition,
}

/// What becomes of a write that the webhook cannot review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreviewed {
    /// It is refused: decisions are made by these objects.
    Refused,
    /// It goes through: these are switches, needed most when something is down.
    Admitted,
}

/// All of them.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "Candidate",
        plural: "candidates",
        requirement: "candidates",
        unreviewed: Unreviewed::Refused,
        needed: true,
        definition: Candidate::crd,
    },
    Kind {
        name: "Tier",
        plural: "tiers",
        requirement: "tiers",
        unreviewed: Unreviewed::Refused,
        needed: true,
        definition: Tier::crd,
    },
    Kind {
        name: "CloudProvider",
        plural: "cloudproviders",
        requirement: "providers",
        unreviewed: Unreviewed::Admitted,
        needed: true,
        definition: CloudProvider::crd,
    },
    Kind {
        name: "Product",
        plural: "products",
        requirement: "products",
        unreviewed: Unreviewed::Refused,
        needed: true,
        definition: Product::crd,
    },
    Kind {
        name: "Experiment",
        plural: "experiments",
        requirement: "experiments",
        unreviewed: Unreviewed::Refused,
        needed: false,
        definition: Experiment::crd,
    },
    Kind {
        name: "FeatureFlag",
        plural: "featureflags",
        requirement: "flags",
        unreviewed: Unreviewed::Admitted,
        needed: false,
        definition: FeatureFlag::crd,
    },
];

/// The kind of this name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The definitions of all kinds as a cluster gets them, in order of name.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut kinds = KINDS.to_vec();
    kinds.sort_by_key(|kind| kind.plural);
    kinds.iter().map(|kind| in_paragraphs((kind.definition)())).collect()
}

/// Descriptions come from comments, whose lines end where the source's do: `kubectl explain` lays
/// out paragraphs itself.
fn in_paragraphs(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = definition.spec.versions.iter_mut().filter_map(|v| v.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        describe_in_paragraphs(schema);
    }
    definition
}

fn describe_in_paragraphs(schema: &mut JSONSchemaProps) {
    if let Some(text) = &mut schema.description {
        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
    schema.properties.iter_mut().flat_map(|all| all.values_mut()).for_each(describe_in_paragraphs);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        describe_in_paragraphs(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        describe_in_paragraphs(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{GROUP, VERSION};

    #[test]
    fn a_row_says_what_its_definition_says() {
        for kind in KINDS {
            let spec = (kind.definition)().spec;
            assert_eq!((&*spec.group, &*spec.scope), (GROUP, "Cluster"), "{}", kind.name);
            assert_eq!((&*spec.names.kind, &*spec.names.plural), (kind.name, kind.plural));
            let versions: Vec<&str> = spec.versions.iter().map(|v| v.name.as_str()).collect();
            assert_eq!(versions, [VERSION], "{}", kind.name);
        }
    }

    #[test]
    fn names_are_used_once() {
        let names: [fn(&Kind) -> &str; 3] = [|k| k.name, |k| k.plural, |k| k.requirement];
        for name in names {
            let all: std::collections::BTreeSet<&str> = KINDS.iter().map(name).collect();
            assert_eq!(all.len(), KINDS.len(), "{all:?}");
        }
    }
}
