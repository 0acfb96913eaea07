//! Schema pieces that `schemars` cannot derive in the structural form Kubernetes asks for.

use schemars::{Schema, SchemaGenerator, json_schema};

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
