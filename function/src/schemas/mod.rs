//! Whether the API of a cloud's provider would take an object: strict checks against CRDs in a
//! folder.
//!
//! Stricter than an API server, which drops fields that it does not know: here one is an error,
//! since a dropped field is a setting that silently does nothing. Versions other than the storage
//! version are errors too.

mod kind;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use idp_core::catalog::read_objects;
use serde_json::{Value, json};

pub use self::kind::Kind;

/// The CRDs of a folder, compiled as they are needed.
#[derive(Debug)]
pub struct ProviderSchemas {
    folder: PathBuf,
    files: Vec<File>,
    groups: Mutex<Groups>,
}

/// API group → its kinds, or why they cannot be read.
type Groups = HashMap<String, Result<Arc<Vec<Kind>>, String>>;

/// A file that may hold CRDs.
#[derive(Debug)]
struct File {
    path: PathBuf,
    text: String,
}

impl ProviderSchemas {
    /// Reads the `.yaml`, `.yml` and `.json` files of a folder and of those below it. What is no
    /// CRD is passed over.
    ///
    /// # Errors
    /// When a file cannot be read, or none of them holds a CRD.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        read_folder(folder, &mut files)?;
        files.retain(|file| file.text.contains("CustomResourceDefinition"));
        if files.is_empty() {
            let folder = folder.display();
            return Err(format!(
                "{folder} holds no CustomResourceDefinition: name a folder with those of your providers, such as package/crds of their source, or what `kubectl get crds -o yaml` prints"
            ));
        }
        Ok(ProviderSchemas { folder: folder.to_owned(), files, groups: Mutex::default() })
    }

    /// Everything for which the API server would refuse `object`, or drop a part of it. Empty:
    /// good. What Kubernetes itself serves (`v1`, `batch/v1`, …) is not looked at.
    #[must_use]
    pub fn check(&self, object: &Value) -> Vec<String> {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (api_version, name) = (text("/apiVersion"), text("/kind"));
        let Some((group, version)) = api_version.split_once('/') else { return Vec::new() };
        if !group.contains('.') || group.ends_with(".k8s.io") {
            return Vec::new();
        }
        let kinds = match self.group(group) {
            Ok(kinds) => kinds,
            Err(error) => return vec![error],
        };
        let Some(kind) = kinds.iter().find(|kind| kind.name == name && kind.version == version)
        else {
            return vec![self.unknown(api_version, name, &kinds)];
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

    fn unknown(&self, api_version: &str, name: &str, kinds: &[Kind]) -> String {
        let folder = self.folder.display();
        if kinds.is_empty() {
            return format!("{api_version} {name}: no CRD in {folder} is of this group");
        }
        let known: Vec<String> =
            kinds.iter().map(|kind| format!("{}/{}", kind.version, kind.name)).collect();
        let hint =
            idp_crds::contract::did_you_mean(name, kinds.iter().map(|kind| kind.name.as_str()));
        format!("{api_version} has no {name}{hint}; the group has {}", known.join(", "))
    }

    fn group(&self, group: &str) -> Result<Arc<Vec<Kind>>, String> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = groups.get(group) {
            return known.clone();
        }
        let read = self.read_group(group).map(Arc::new);
        groups.insert(group.to_owned(), read.clone());
        read
    }

    /// A provider has hundreds of large CRDs: only files that name the group are parsed.
    fn read_group(&self, group: &str) -> Result<Vec<Kind>, String> {
        let mut kinds = Vec::new();
        for file in self.files.iter().filter(|file| file.text.contains(group)) {
            let wrong = |error: String| format!("{}: {error}", file.path.display());
            for crd in crds(&file.text).map_err(&wrong)? {
                if crd.pointer("/spec/group").and_then(Value::as_str) == Some(group) {
                    kinds.extend(Kind::all(&crd).map_err(&wrong)?);
                }
            }
        }
        Ok(kinds)
    }
}

/// The CRDs of a file: documents, and items of lists.
fn crds(text: &str) -> Result<impl Iterator<Item = Value>, String> {
    let is_crd = |object: &Value| object.get("kind") == Some(&json!("CustomResourceDefinition"));
    Ok(read_objects(text)?.into_iter().filter(is_crd))
}

fn read_folder(folder: &Path, files: &mut Vec<File>) -> Result<(), String> {
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_folder(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json") {
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/all.yaml"), text).unwrap();
        fs::write(folder.path().join("README.md"), "CustomResourceDefinition").unwrap();
        folder
    }

    const CRDS: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: apiextensions.k8s.io/v1
  kind: CustomResourceDefinition
  spec:
    group: example.com
    names: {kind: Disk}
    scope: Cluster
    versions:
    - name: v1
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                size: {type: integer, nullable: true}
                zones: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              x-kubernetes-validations: [{rule: "self.size >= 10", message: too small}]
    - {name: v1alpha1, storage: false, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}}
"#;

    fn disk(version: &str, spec: Value) -> Value {
        json!({"apiVersion": format!("example.com/{version}"), "kind": "Disk", "metadata": {"name": "x"}, "spec": spec})
    }

    #[test]
    fn says_everything_that_is_wrong() {
        let folder = folder(CRDS);
        let schemas = ProviderSchemas::open(folder.path()).unwrap();
        let check = |spec: Value| schemas.check(&disk("v1", spec)).join("\n");
        assert_eq!(check(json!({"size": 10})), "");
        assert_eq!(check(json!({"size": 9})), ".spec: too small");
        assert_eq!(
            check(json!({"size": 10, "zones": ["a", "a"], "sice": 1})),
            ".spec.zones: [\"a\",\"a\"] has non-unique elements\n.spec: Additional properties are not allowed ('sice' was unexpected)"
        );
        assert_eq!(
            schemas.check(&disk("v1alpha1", json!({}))),
            ["v1alpha1 is not the storage version of example.com Disk"]
        );
        let mut disc = disk("v1", json!({"size": 10}));
        disc["kind"] = json!("Disc");
        assert_eq!(
            schemas.check(&disc),
            [
                "example.com/v1 has no Disc (did you mean \"Disk\"?); the group has v1/Disk, v1alpha1/Disk"
            ]
        );
        disc["apiVersion"] = json!("batch/v1");
        assert_eq!(schemas.check(&disc), Vec::<String>::new());
    }

    #[test]
    fn a_folder_that_tells_nothing_is_an_error() {
        let empty = folder("kind: Pod");
        let error = ProviderSchemas::open(empty.path()).unwrap_err();
        assert!(error.contains("holds no CustomResourceDefinition"), "{error}");
        let gone = ProviderSchemas::open(&empty.path().join("gone")).unwrap_err();
        assert!(gone.starts_with("cannot read "), "{gone}");
    }

    #[test]
    fn a_broken_crd_is_told_with_its_file() {
        let broken =
            folder("kind: CustomResourceDefinition\nspec: {group: example.com, versions: [{}]}");
        let schemas = ProviderSchemas::open(broken.path()).unwrap();
        let errors = schemas.check(&disk("v1", json!({})));
        assert!(errors[0].contains("all.yaml: the definition has no "), "{errors:?}");
    }
}
