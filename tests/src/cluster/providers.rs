//! The providers' CRDs, and the rights a provider package would grant.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::cloud::ManagedKind;
use super::ours::workspace;
use super::read_fields;
use super::users::User;

/// Group, version and kind of the managed resources that the catalog's templates name, and what the
/// templates read of them.
pub(super) type Named = BTreeMap<(String, String, String), Value>;

/// Reads group, version and kind out of the templates of every Product under `catalog`.
pub(super) fn named_in(products: &[Value]) -> Named {
    let mut named = Named::new();
    for product in products {
        let providers = product["spec"]["providers"].as_object();
        for provider in providers.into_iter().flat_map(|providers| providers.values()) {
            for resource in provider["resources"].as_array().into_iter().flatten() {
                let kind = resource["template"]["kind"].as_str();
                let read =
                    read_fields::schema(provider, resource["name"].as_str().unwrap_or_default());
                let versions =
                    [&resource["template"]["apiVersion"], &resource["namespacedApiVersion"]];
                for api_version in versions.into_iter().filter_map(Value::as_str) {
                    if let (Some((group, version)), Some(kind)) =
                        (api_version.split_once('/'), kind)
                    {
                        let known = named
                            .entry((group.into(), version.into(), kind.into()))
                            .or_insert_with(|| json!({}));
                        merge(known, &read);
                    }
                }
            }
        }
    }
    named
}

/// Several resources may be of one kind, and something else is read of each.
fn merge(known: &mut Value, more: &Value) {
    match more {
        Value::Object(fields) => {
            fields.iter().for_each(|(field, value)| merge(&mut known[field], value))
        }
        other => *known = other.clone(),
    }
}

/// Installs the CRDs of these kinds, and returns what the stand-in cloud needs of them.
pub(super) fn install(admin: &User, named: &Named) -> Vec<ManagedKind> {
    let files = crd_files();
    let mut manifests = vec![role(named)];
    let mut kinds = Vec::new();
    for ((group, version, kind), read) in named {
        let crd = find(&files, group, kind).unwrap_or_else(|| permissive(group, version, kind));
        let mut managed = managed_kind(&crd, version);
        if managed.at_provider.is_null() {
            managed.at_provider = read.clone();
        }
        kinds.push(managed);
        manifests.push(crd);
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
    let apply = ["apply", "--server-side", "-f", "-"];
    if let Err(error) = admin.kubectl(&apply, &list.to_string()) {
        panic!("cannot install the providers' CRDs: {error}");
    }
    kinds
}

/// The real CRDs (IDP_PROVIDER_CRDS, else `provider-crds` beside the workspace), if there.
fn crd_files() -> Vec<PathBuf> {
    let dir = std::env::var_os("IDP_PROVIDER_CRDS")
        .map_or_else(|| workspace().join("../shared/provider-crds"), PathBuf::from);
    let providers =
        ["aws", "gcp", "oci"].iter().filter_map(|name| fs::read_dir(dir.join(name)).ok());
    let files: Vec<_> =
        providers.flatten().map(|entry| entry.expect("a directory entry").path()).collect();
    if files.is_empty() {
        eprintln!("no provider CRDs in {}: kinds without a schema stand in", dir.display());
    }
    files
}

/// Files are called `<group>_<plural>.yaml`.
fn find(files: &[PathBuf], group: &str, kind: &str) -> Option<Value> {
    let of_group = |path: &&PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.starts_with(&format!("{group}_")))
    };
    let crds = files.iter().filter(of_group).map(|path| read_yaml(path));
    crds.flatten().find(|crd| crd["spec"]["names"]["kind"] == kind)
}

/// All documents of a YAML file.
pub(super) fn read_yaml(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn permissive(group: &str, version: &str, kind: &str) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    let scope = if group.contains(".m.") { "Namespaced" } else { "Cluster" };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": scope,
            "names": {
                "kind": kind, "plural": plural, "categories": ["crossplane", "managed"]},
            "versions": [{
                "name": version, "served": true, "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [column("Synced"), column("Ready")],
                "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

fn column(condition: &str) -> Value {
    let path = format!(".status.conditions[?(@.type=='{condition}')].status");
    json!({"name": condition, "type": "string", "jsonPath": path})
}

fn managed_kind(crd: &Value, version: &str) -> ManagedKind {
    let spec = &crd["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let gvk = GroupVersionKind::gvk(&text(&spec["group"]), version, &text(&spec["names"]["kind"]));
    let versions = spec["versions"].as_array().into_iter().flatten();
    let mut of_version = versions.filter(|candidate| candidate["name"] == version);
    let of_version = of_version.next().unwrap_or_else(|| {
        panic!("the catalog wants {gvk:?}, but the provider has no such version")
    });
    let schema = &of_version["schema"]["openAPIV3Schema"]["properties"];
    ManagedKind {
        resource: ApiResource::from_gvk_with_plural(&gvk, &text(&spec["names"]["plural"])),
        at_provider: schema["status"]["properties"]["atProvider"].clone(),
    }
}

/// Crossplane's rights, as its RBAC manager derives them from a provider package.
fn role(named: &Named) -> Value {
    let groups: BTreeSet<_> = named.keys().map(|(group, ..)| group).collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": "stand-in-providers",
            "labels": {"rbac.crossplane.io/aggregate-to-crossplane": "true"},
        },
        "rules": [{"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}],
    })
}
