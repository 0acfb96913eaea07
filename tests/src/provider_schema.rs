//! Whether a provider would take an object: strict checks against the providers' own CRDs.
//!
//! Stricter than an API server, which drops fields that it does not know: here one is an error,
//! since a dropped field is a setting that silently does nothing. Versions other than the storage
//! version are errors too.
//!
//! The CRDs are not part of the project. They are looked for in `IDP_PROVIDER_CRDS`, else in
//! `../shared/provider-crds` beside the workspace, as files `<cloud>/<group>_<plural>.yaml`.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use idp_core::compose::expression::{Expression, Resolver};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The providers' CRDs, read as they are needed.
pub struct ProviderSchemas {
    folder: PathBuf,
    /// API group → its kinds.
    groups: Mutex<HashMap<String, Arc<Vec<Kind>>>>,
}

/// One kind at one version.
struct Kind {
    name: String,
    version: String,
    storage: bool,
    cluster_scoped: bool,
    schema: Validator,
    rules: Vec<Rule>,
}

/// One of a schema's `x-kubernetes-validations`.
struct Rule {
    /// Where `self` is: field names from the object's root.
    path: Vec<String>,
    expression: Expression,
    message: String,
}

impl ProviderSchemas {
    /// The CRDs, if they are there. Where they are not, says so on standard error; in CI that is a
    /// failure.
    pub fn open() -> Option<Self> {
        let folder = std::env::var_os("IDP_PROVIDER_CRDS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/provider-crds"),
            PathBuf::from,
        );
        if folder.is_dir() {
            return Some(ProviderSchemas { folder, groups: Mutex::default() });
        }
        let message = format!(
            "NOT CHECKED against the providers' schemas: there is no folder {}. Set IDP_PROVIDER_CRDS to one that holds their CRDs.",
            folder.display()
        );
        assert!(std::env::var_os("CI").is_none(), "{message}");
        // Not by eprintln, which the test harness swallows while a test passes.
        #[allow(clippy::explicit_write)]
        writeln!(std::io::stderr(), "\n{message}\n").unwrap();
        None
    }

    /// Everything for which the provider would refuse `object`, or ignore a part of it. Empty:
    /// good.
    pub fn check(&self, object: &Value) -> Vec<String> {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (api_version, name) = (text("/apiVersion"), text("/kind"));
        let Some((group, version)) = api_version.split_once('/') else {
            return vec![format!("apiVersion {api_version:?} is not a provider's")];
        };
        let kinds = self.group(group);
        let Some(kind) = kinds.iter().find(|kind| kind.name == name && kind.version == version)
        else {
            let known: Vec<String> =
                kinds.iter().map(|kind| format!("{}/{}", kind.version, kind.name)).collect();
            return vec![format!("{api_version} has no {name}; {group} has {}", known.join(", "))];
        };
        let mut errors = kind.errors(object);
        if !kind.storage {
            errors.push(format!("{version} is not the storage version of {group} {name}"));
        }
        if kind.cluster_scoped && object.pointer("/metadata/namespace").is_some() {
            errors.push("metadata.namespace: the kind is cluster-scoped".to_owned());
        }
        errors
    }

    fn group(&self, group: &str) -> Arc<Vec<Kind>> {
        let mut groups = self.groups.lock().unwrap();
        Arc::clone(
            groups.entry(group.to_owned()).or_insert_with(|| Arc::new(self.read_group(group))),
        )
    }

    fn read_group(&self, group: &str) -> Vec<Kind> {
        let prefix = format!("{group}_");
        let mut kinds = Vec::new();
        for cloud in fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
        {
            for file in fs::read_dir(cloud).unwrap().map(|entry| entry.unwrap().path()) {
                if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
                {
                    let crd: Value =
                        serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
                    kinds.extend(
                        crd["spec"]["versions"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .map(|version| Kind::new(&crd["spec"], version)),
                    );
                }
            }
        }
        kinds
    }
}

impl Kind {
    fn new(spec: &Value, version: &Value) -> Self {
        let mut schema = version["schema"]["openAPIV3Schema"].clone();
        let mut rules = Vec::new();
        collect_rules(&schema, &mut Vec::new(), &mut rules);
        make_strict(&mut schema);
        // What every object has, whether the CRD's author says so or not.
        schema["required"] = json!(["apiVersion", "kind", "metadata", "spec"]);
        schema["properties"]["metadata"] = json!({"type": "object"});
        Kind {
            name: spec["names"]["kind"].as_str().unwrap().to_owned(),
            version: version["name"].as_str().unwrap().to_owned(),
            storage: version["storage"] == json!(true),
            cluster_scoped: spec["scope"] == json!("Cluster"),
            schema: jsonschema::options().with_draft(Draft::Draft4).build(&schema).unwrap(),
            rules,
        }
    }

    fn errors(&self, object: &Value) -> Vec<String> {
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
        from_schema.chain(from_rules).collect()
    }
}

/// Rules of objects that are not in lists or maps: the providers have no others. Our expressions
/// have no durations; the rules that do are about how often a ProviderConfig has things tried
/// again.
fn collect_rules(schema: &Value, path: &mut Vec<String>, rules: &mut Vec<Rule>) {
    let all = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    for rule in all.filter(|rule| !rule["rule"].to_string().contains("duration(")) {
        let source = rule["rule"].as_str().unwrap();
        let expression = Expression::compile(source, &BTreeSet::from(["self"]))
            .unwrap_or_else(|error| panic!("{source}: {error}"));
        let message = rule["message"].as_str().unwrap_or(source).to_owned();
        rules.push(Rule { path: path.clone(), expression, message });
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        collect_rules(property, path, rules);
        path.pop();
    }
}

/// Makes unknown fields and repeated items of sets errors.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(for_provider: Value) -> Value {
        json!({"apiVersion": "ec2.aws.upbound.io/v1beta1", "kind": "SecurityGroupIngressRule", "metadata": {"name": "x"},
            "spec": {"forProvider": for_provider, "managementPolicies": ["Observe", "Create"]}})
    }

    #[test]
    fn says_what_is_wrong() {
        let Some(schemas) = ProviderSchemas::open() else {
            return;
        };
        let check = |for_provider| schemas.check(&rule(for_provider)).join("\n");

        assert_eq!(check(json!({"region": "us-east-1", "ipProtocol": "tcp", "fromPort": 1})), "");
        assert!(check(json!({"ipProtocol": "tcp"})).contains("\"region\" is a required property"));
        assert!(
            check(json!({"region": "us-east-1"}))
                .contains("spec.forProvider.ipProtocol is a required parameter")
        );
        assert!(
            check(json!({"region": "us-east-1", "ipProtocol": "tcp", "fromPort": "1"}))
                .contains(".spec.forProvider.fromPort: \"1\"")
        );
        assert!(
            check(json!({"region": "us-east-1", "ipProtocol": "tcp", "port": 1}))
                .contains("('port' was unexpected)")
        );
    }

    #[test]
    fn refuses_other_versions_and_places() {
        let Some(schemas) = ProviderSchemas::open() else {
            return;
        };
        let object = |version: &str| {
            json!({"apiVersion": format!("rds.aws.upbound.io/{version}"), "kind": "Instance", "metadata": {"name": "x"},
                "spec": {"forProvider": {"region": "r", "instanceClass": "c"}, "managementPolicies": ["*"]}})
        };
        assert_eq!(schemas.check(&object("v1beta3")), Vec::<String>::new());
        assert_eq!(
            schemas.check(&object("v1beta2")),
            ["v1beta2 is not the storage version of rds.aws.upbound.io Instance"]
        );
        assert!(
            schemas.check(&object("v9"))[0].contains("has no Instance; rds.aws.upbound.io has")
        );
        let mut placed = object("v1beta3");
        placed["metadata"]["namespace"] = json!("n");
        assert_eq!(schemas.check(&placed), ["metadata.namespace: the kind is cluster-scoped"]);
    }
}
