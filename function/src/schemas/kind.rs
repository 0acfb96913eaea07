//! One kind at one version, as its CRD describes it.

use std::collections::BTreeSet;
use std::sync::Arc;

use idp_core::compose::expression::{Expression, Resolver};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// One kind at one version.
#[derive(Debug)]
pub struct Kind {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) storage: bool,
    pub(super) cluster_scoped: bool,
    schema: Validator,
    rules: Vec<Rule>,
}

/// One of a schema's `x-kubernetes-validations`.
#[derive(Debug)]
struct Rule {
    /// Where `self` is: field names from the object's root.
    path: Vec<String>,
    expression: Expression,
    message: String,
}

impl Kind {
    /// Every version of a CRD, or of an XRD, which says the same in the same places.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn all(crd: &Value) -> Result<Vec<Self>, String> {
        let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
        let versions = versions.ok_or("the definition has no spec.versions")?;
        versions.iter().map(|version| Kind::new(crd, version)).collect()
    }

    fn new(crd: &Value, version: &Value) -> Result<Self, String> {
        let text = |object: &Value, pointer: &str| {
            let text = object.pointer(pointer).and_then(Value::as_str);
            text.map(str::to_owned).ok_or_else(|| format!("the definition has no {pointer}"))
        };
        let name = text(crd, "/spec/names/kind")?;
        let mut schema = version
            .pointer("/schema/openAPIV3Schema")
            .cloned()
            .ok_or("the definition has no schema.openAPIV3Schema")?;
        let mut rules = Vec::new();
        collect_rules(&schema, &mut Vec::new(), &mut rules)?;
        make_strict(&mut schema);
        if let Some(schema) = schema.as_object_mut() {
            // What every object has, whether the CRD's author says so or not.
            schema.insert("required".to_owned(), json!(["apiVersion", "kind", "metadata", "spec"]));
            let properties = schema.entry("properties").or_insert_with(|| json!({}));
            if let Some(properties) = properties.as_object_mut() {
                for (field, of) in
                    [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")]
                {
                    properties.insert(field.to_owned(), json!({"type": of}));
                }
            }
        }
        Ok(Kind {
            name,
            version: text(version, "/name")?,
            storage: version.get("storage") == Some(&json!(true)),
            cluster_scoped: crd.pointer("/spec/scope") == Some(&json!("Cluster")),
            schema: jsonschema::options()
                .with_draft(Draft::Draft4)
                .build(&schema)
                .map_err(|error| format!("the schema: {error}"))?,
            rules,
        })
    }

    /// Everything that is wrong with an object of this kind: first by schema, then by rule.
    #[must_use]
    pub fn errors(&self, object: &Value) -> Vec<String> {
        let from_schema = self.schema.iter_errors(object).map(|error| {
            format!("{}: {error}", error.instance_path().to_string().replace('/', "."))
        });
        let from_rules = self.rules.iter().filter_map(|rule| {
            let value = rule.path.iter().try_fold(object, |value, field| value.get(field))?;
            let resolver = Resolver::new([("self", value)].into_iter().collect());
            match rule.expression.evaluate(&resolver).map(Arc::unwrap_or_clone) {
                Ok(Value::Bool(true)) => None,
                Ok(_) => Some(format!(".{}: {}", rule.path.join("."), rule.message)),
                Err(error) => Some(format!(".{}: {error}", rule.path.join("."))),
            }
        });
        // The order of the first is the library's own, which is not always the same.
        let mut errors: Vec<String> = from_schema.collect();
        errors.sort_unstable();
        errors.extend(from_rules);
        errors
    }
}

/// Rules of objects that are not in lists or maps: the providers have no others. Our expressions
/// have no durations; the rules that do are about how often a ProviderConfig has things tried
/// again.
fn collect_rules(
    schema: &Value,
    path: &mut Vec<String>,
    rules: &mut Vec<Rule>,
) -> Result<(), String> {
    let all = schema.get("x-kubernetes-validations").and_then(Value::as_array);
    for rule in all.into_iter().flatten() {
        let source = rule.get("rule").and_then(Value::as_str).unwrap_or_default();
        // A rule about what was before says nothing of what is made.
        if source.contains("duration(") || source.contains("oldSelf") {
            continue;
        }
        let expression = Expression::compile(source, &BTreeSet::from(["self"]))
            .map_err(|error| format!("the rule {source}: {error}"))?;
        let message = rule.get("message").and_then(Value::as_str).unwrap_or(source).to_owned();
        rules.push(Rule { path: path.clone(), expression, message });
    }
    for (name, property) in
        schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        path.push(name.clone());
        collect_rules(property, path, rules)?;
        path.pop();
    }
    Ok(())
}

/// Makes unknown fields and repeated items of sets errors, and lets null be where it may.
fn make_strict(schema: &mut Value) {
    let Value::Object(fields) = schema else {
        return;
    };
    if fields.contains_key("properties") && !is_open(fields) {
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    if fields.get("x-kubernetes-list-type") == Some(&json!("set")) {
        fields.insert("uniqueItems".to_owned(), json!(true));
    }
    if fields.get("nullable") == Some(&json!(true))
        && let Some(of @ Value::String(_)) = fields.get("type").cloned()
    {
        fields.insert("type".to_owned(), json!([of, "null"]));
    }
    // What may be a number or a text has no type of its own.
    if fields.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
        fields.insert("type".to_owned(), json!(["integer", "string"]));
    }
    for child in ["items", "additionalProperties"] {
        fields.get_mut(child).map(make_strict);
    }
    for property in fields
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
    {
        make_strict(property);
    }
}

fn is_open(fields: &Map<String, Value>) -> bool {
    fields.contains_key("additionalProperties")
        || fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true))
}
