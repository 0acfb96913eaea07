//! The fields of `status.atProvider` that templates read: all that is known of a kind whose CRD is
//! not there.

use serde_json::{Value, json};

/// A schema of what the expressions in `templates` read of the resource called `name`.
pub(super) fn schema(templates: &Value, name: &str) -> Value {
    let properties = json!({"id": {"type": "string"}});
    let mut schema = json!({"type": "object", "properties": properties, "x-kubernetes-preserve-unknown-fields": true});
    read(templates, &format!("observed[\"{name}\"]"), &mut schema);
    schema
}

fn read(value: &Value, resource: &str, schema: &mut Value) {
    match value {
        Value::String(text) => {
            for rest in text.split(resource).skip(1) {
                // One of several, by its number.
                let rest = rest.strip_prefix("[index]").unwrap_or(rest);
                if let Some(path) = rest.strip_prefix(".status.atProvider.") {
                    add(schema, path);
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|one| read(one, resource, schema)),
        Value::Object(all) => all.values().for_each(|one| read(one, resource, schema)),
        _ => {}
    }
}

/// Adds the field at the beginning of `path`: `endpoints[0].port}`.
fn add(schema: &mut Value, path: &str) {
    let end = path.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(path.len());
    let (field, rest) = path.split_at(end);
    // A function of CEL, not a field.
    if rest.starts_with('(') {
        return;
    }
    let property = &mut schema["properties"][field];
    let (property, rest) = match rest.strip_prefix("[0]") {
        Some(rest) => {
            property["type"] = json!("array");
            (&mut property["items"], rest)
        }
        None => (property, rest),
    };
    match rest.strip_prefix('.') {
        Some(rest) if !is_call(rest) => {
            property["type"] = json!("object");
            add(property, rest);
        }
        _ => {
            property["type"] =
                json!(if field.to_lowercase().ends_with("port") { "integer" } else { "string" })
        }
    }
}

fn is_call(path: &str) -> bool {
    path.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).starts_with('(')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_expressions_read() {
        let templates = json!([{"a": "https://${observed[\"lb\"].status.atProvider.uri.replace(\"x\", \"\")}"},
            "${observed[\"lb\"].status.atProvider.endpoints[0].port} ${observed[\"lb\"][index].status.atProvider.nics[0].ip}",
            "${observed[\"other\"].status.atProvider.arn}"]);
        let text = json!({"type": "string"});
        let list = |field: &str, of: Value| json!({"type": "array", "items": {"type": "object", "properties": {field: of}}});
        let expected = json!({"id": text, "uri": text, "endpoints": list("port", json!({"type": "integer"})), "nics": list("ip", text.clone())});
        assert_eq!(schema(&templates, "lb")["properties"], expected);
    }
}
