//! Schema pieces that `schemars` cannot derive in the structural form Kubernetes asks for.

use kube::core::Rule;
use kube::core::schema::StructuralSchemaRewriter;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::contract::{Deletion, listed};
use crate::names::DIMENSIONS;

/// The schema of a type in the structural form, as part of a definition that is made by hand.
#[must_use]
pub fn structural<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut generator = settings.with_transform(StructuralSchemaRewriter).into_generator();
    let mut schema = generator.root_schema_for::<T>().to_value();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("title");
    }
    schema
}

/// The number of a decision. Kubernetes knows no unsigned numbers.
pub(crate) fn sequence(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": 0})
}

/// What deleting a workload means, where it may be absent: the derived schema would have alternatives,
/// which a structural one does not.
pub(crate) fn deletion(_: &mut SchemaGenerator) -> Schema {
    let all = [Deletion::Discard, Deletion::Backup, Deletion::Orphan, Deletion::Protect];
    json_schema!({"type": "string", "enum": all.map(Deletion::name)})
}

/// An object whose fields are free: kept as given, not described.
pub(crate) fn free_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Any JSON value.
pub(crate) fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// A map whose values are any JSON.
pub(crate) fn map_of_any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"x-kubernetes-preserve-unknown-fields": true}})
}

/// A list of any JSON values.
pub(crate) fn list_of_any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"x-kubernetes-preserve-unknown-fields": true}})
}

/// A map of numbers between 0 and 1.
pub(crate) fn map_of_unit_numbers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {"type": "number", "minimum": 0.0, "maximum": 1.0},
        "maxProperties": 16
    })
}

/// A rule for weights: each is of a score dimension.
pub(crate) fn known_dimensions() -> Rule {
    let quoted = DIMENSIONS.map(|dimension| format!("'{dimension}'")).join(", ");
    let known = listed(DIMENSIONS, "and");
    Rule::new(format!("self.all(d, d in [{quoted}])"))
        .message(&*format!("unknown dimension: weights are given for {known}"))
}

/// A rule for weights: together they are 1, give or take `tolerance`.
pub(crate) fn sum_to_one(tolerance: f64) -> Rule {
    // CEL cannot add up a map's values.
    let weight = |dimension: &str| format!("('{dimension}' in self ? self['{dimension}'] : 0.0)");
    let sum = format!("({})", DIMENSIONS.map(weight).join(" + "));
    let (least, most) = (1.0 - tolerance, 1.0 + tolerance);
    Rule::new(format!("{sum} > {least} && {sum} < {most}")).message("weights must sum to 1")
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt as _;

    use super::*;
    use crate::{Experiment, Tier};

    /// The rules are made of them; what `kubectl explain` shows is written by hand.
    #[test]
    fn descriptions_name_the_dimensions() {
        for (definition, field) in [(Tier::crd(), "weights"), (Experiment::crd(), "variantWeights")]
        {
            let version = definition.spec.versions.into_iter().next().unwrap();
            let schema = serde_json::to_value(version.schema).unwrap();
            let at = format!("/openAPIV3Schema/properties/spec/properties/{field}/description");
            let description = schema.pointer(&at).unwrap().as_str().unwrap();
            let all = DIMENSIONS.join(", ");
            assert!(description.contains(&all), "{field}: {description:?} without {all:?}");
        }
    }
}
