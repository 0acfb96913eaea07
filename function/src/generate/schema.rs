//! The OpenAPI schema of a product's claims and composites. It holds the contract also while the
//! webhook is down.

use idp_crds::ProductSpec;
use idp_crds::contract::Deletion;
use idp_crds::contract::forbidden::DECIDED_BY_PLATFORM;
use idp_crds::names::ENVIRONMENTS;
use idp_crds::product::{ParameterSpec, ParameterType, UpdateRule};
use idp_crds::schema::structural;
use idp_crds::status::PlacementStatus;
use serde_json::{Map, Value, json};

/// `spec` and `status` of a product's API.
pub(super) fn schema(product: &ProductSpec) -> Value {
    let mut spec = json!({
        "type": "object",
        "required": ["parameters"],
        "properties": {"parameters": parameters(product)},
        "x-kubernetes-validations": forbidden_rules("spec"),
    });
    declare_forbidden(&mut spec);
    json!({"type": "object", "required": ["spec"], "properties": {"spec": spec, "status": status()}})
}

fn parameters(product: &ProductSpec) -> Value {
    let mut properties = Map::new();
    properties.insert(
        "cell".to_owned(),
        json!({
            "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
            "description": "The cell this workload belongs to.",
        }),
    );
    properties.insert(
        "tier".to_owned(),
        json!({
            "type": "string", "minLength": 1, "maxLength": 63,
            "description": "How soon it must be back and how much may be lost: low, medium, critical, business_critical, or what the platform offers beside them.",
        }),
    );
    properties.insert(
        "environment".to_owned(),
        json!({"type": "string", "enum": ENVIRONMENTS, "description": "What it is for."}),
    );
    properties.insert(
        "ha".to_owned(),
        json!({"type": "boolean", "default": false, "description": "Whether it must survive the loss of a zone."}),
    );
    if product.stateful {
        properties.insert("deletion".to_owned(), deletion());
    }
    let mut required = vec!["cell", "tier", "environment"];
    for parameter in &product.parameters {
        properties.insert(parameter.name.clone(), property(parameter));
        if parameter.required {
            required.push(&parameter.name);
        }
    }
    let mut schema = json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "x-kubernetes-validations": forbidden_rules("spec.parameters"),
        // What the schema does not know would be dropped before the webhook could say that it is
        // not known.
        "x-kubernetes-preserve-unknown-fields": true,
    });
    declare_forbidden(&mut schema);
    schema
}

/// A default is not among it: what production means must follow the environment.
fn deletion() -> Value {
    json!({
        "type": "string", "enum": Deletion::CHOICES,
        "description": "What deleting it means. protect: it is not deleted; backup: the data goes and leaves a final backup; orphan: what it is made of stays at the provider. Not given: protect in production, elsewhere the data goes and nothing is left. In production it is lowered by who holds the verb unprotect.",
    })
}

fn property(parameter: &ParameterSpec) -> Value {
    let mut schema = match parameter.type_ {
        ParameterType::String => json!({"type": "string"}),
        ParameterType::Integer => json!({"type": "integer", "format": "int64"}),
        ParameterType::Boolean => json!({"type": "boolean"}),
        ParameterType::StringList => json!({"type": "array", "items": {"type": "string"}}),
    };
    let length =
        if parameter.type_ == ParameterType::StringList { "maxItems" } else { "maxLength" };
    let rule = match parameter.update {
        UpdateRule::Any => None,
        UpdateRule::Immutable => {
            Some(("self == oldSelf", "cannot change once the workload exists"))
        }
        // Growth along a list of choices is the webhook's to check.
        UpdateRule::IncreaseOnly if parameter.type_ == ParameterType::Integer => {
            Some(("self >= oldSelf", "can only grow"))
        }
        UpdateRule::IncreaseOnly => None,
    };
    let choices = Some(&parameter.choices).filter(|choices| !choices.is_empty());
    let fields = [
        ("description", Some(json!(parameter.description)).filter(|d| *d != "")),
        ("default", parameter.default.clone()),
        ("enum", choices.map(|choices| json!(choices))),
        ("minimum", parameter.minimum.map(|minimum| json!(minimum))),
        ("maximum", parameter.maximum.map(|maximum| json!(maximum))),
        (length, parameter.max_length.map(|most| json!(most))),
        (
            "x-kubernetes-validations",
            rule.map(|(rule, message)| json!([{"rule": rule, "message": message}])),
        ),
    ];
    if let Some(schema) = schema.as_object_mut() {
        schema
            .extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    schema
}

/// Declares the fields that the platform decides: what is not declared is dropped in silence, not
/// refused.
fn declare_forbidden(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for field in DECIDED_BY_PLATFORM {
        let mut declared = if field == "network" {
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
        } else {
            json!({"type": "string"})
        };
        if let Some(declared) = declared.as_object_mut() {
            declared.insert(
                "description".to_owned(),
                json!("Decided by the platform; must not be given."),
            );
        }
        properties.insert(field.to_owned(), declared);
    }
}

fn forbidden_rules(path: &str) -> Vec<Value> {
    let rule = |field: &str| {
        json!({
            "rule": format!("!has(self.{field})"),
            "message": format!("{path}.{field} is decided by the platform and must not be given: remove it"),
        })
    };
    DECIDED_BY_PLATFORM.into_iter().map(rule).collect()
}

fn status() -> Value {
    json!({
        "type": "object",
        "properties": {
            "placement": structural::<PlacementStatus>(),
            "effective": {
                "type": "object",
                "description": "What the developer gets where that is not what was asked for.",
                "x-kubernetes-preserve-unknown-fields": true,
            },
        },
    })
}
