//! What a cloud says of a resource: `status.atProvider`, invented from the CRD's schema.
//!
//! Every field is there, as it is with the real providers some minutes after creation, so
//! a new product needs nothing here. What the resource asked for is repeated as asked.

use serde_json::{Map, Value, json};

/// `status.atProvider` for a resource of this name and `spec.forProvider`.
pub(super) fn at_provider(schema: &Value, name: &str, for_provider: &Value) -> Value {
    let mut invented = invent(schema, name, "id").unwrap_or_else(|| json!({"id": name}));
    repeat(&mut invented, for_provider);
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        for (field, asked) in for_provider.as_object().into_iter().flatten() {
            invented.as_object_mut().map(|all| all.entry(field).or_insert_with(|| asked.clone()));
        }
    }
    invented
}

fn invent(schema: &Value, name: &str, field: &str) -> Option<Value> {
    match schema["type"].as_str()? {
        "object" => {
            let fields = schema["properties"].as_object()?.iter();
            let known = fields
                .filter_map(|(field, schema)| Some((field.clone(), invent(schema, name, field)?)));
            Some(Value::Object(known.collect()))
        }
        "array" => Some(json!([invent(&schema["items"], name, field)?])),
        "string" => Some(text(name, field).into()),
        "integer" | "number" if field.to_lowercase().ends_with("port") => Some(json!(3306)),
        "integer" | "number" => Some(json!(1)),
        "boolean" => Some(json!(false)),
        _ => None,
    }
}

fn text(name: &str, field: &str) -> String {
    let field = field.to_lowercase();
    let ends_with = |endings: &[&str]| endings.iter().any(|ending| field.ends_with(ending));
    if ends_with(&["uri", "url"]) {
        format!("https://{name}.cloud.example")
    } else if ends_with(&["ip", "ipaddress"]) {
        "10.0.0.10".to_owned()
    } else if ends_with(&["address", "dnsname", "hostname", "endpoint"]) {
        format!("{name}.cloud.example")
    } else {
        format!("{name}-{field}")
    }
}

/// Puts what was asked for over what was invented.
fn repeat(invented: &mut Value, asked: &Value) {
    match (invented, asked) {
        (Value::Object(invented), Value::Object(asked)) => repeat_fields(invented, asked),
        (Value::Array(invented), Value::Array(asked)) => repeat_items(invented, asked),
        (invented, asked) if !asked.is_null() => *invented = asked.clone(),
        _ => {}
    }
}

/// As many items as were asked for, each with what the cloud adds to it.
fn repeat_items(invented: &mut Vec<Value>, asked: &[Value]) {
    let pattern = invented.first().cloned().unwrap_or_default();
    let items = asked.iter().map(|asked| {
        let mut item = pattern.clone();
        repeat(&mut item, asked);
        item
    });
    *invented = items.collect();
}

fn repeat_fields(invented: &mut Map<String, Value>, asked: &Map<String, Value>) {
    for (field, asked) in asked {
        // A field the status does not declare would be pruned.
        if let Some(invented) = invented.get_mut(field) {
            // An object asked for may be reported as a list of one.
            match invented.as_array_mut().and_then(|list| list.first_mut()) {
                Some(item) if asked.is_object() => repeat(item, asked),
                _ => repeat(invented, asked),
            }
        }
    }
}
