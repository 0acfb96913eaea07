//! What is installed: the chart as Helm renders it, the image, the function package.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use idp_function::catalog::{Catalog, Objects, embedded};
use idp_function::generate::{Style, composition, to_yaml, xrd};
use idp_tests::tools;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn helm(values: &[&str]) -> Option<Output> {
    let mut helm = Command::new(tools::find("helm")?);
    helm.args(["template", "idp", "package/chart", "--kube-version", "1.34.0", "--namespace", "idp-system"]).current_dir(root());
    for value in values {
        helm.args(["--set", value]);
    }
    Some(helm.output().unwrap())
}

/// The objects that Helm renders with these values.
fn rendered(values: &[&str]) -> Option<Vec<Value>> {
    let output = helm(values)?;
    assert!(output.status.success(), "{values:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(serde_saphyr::from_multiple::<Option<Value>>(&text).unwrap().into_iter().flatten().collect())
}

fn kinds(objects: &[Value]) -> BTreeMap<&str, usize> {
    objects.iter().fold(BTreeMap::new(), |mut kinds, object| {
        *kinds.entry(object["kind"].as_str().unwrap()).or_default() += 1;
        kinds
    })
}

#[test]
fn everything_is_rendered_and_typed() {
    use k8s_openapi::api::{
        apps::v1::Deployment, batch::v1::Job, core::v1::Service, networking::v1::NetworkPolicy, policy::v1::PodDisruptionBudget,
        rbac::v1::ClusterRole,
    };
    /// Reads an object as its type and writes it again: a field that the type does not know is gone then.
    fn strict<T: serde::de::DeserializeOwned + serde::Serialize>(object: &Value) {
        let again = serde_json::to_value(serde_json::from_value::<T>(object.clone()).unwrap_or_else(|e| panic!("{e}: {object}")))
            .unwrap();
        assert_subset(object, &again, "");
    }
    for values in [
        vec![],
        vec!["certificates.provider=cert-manager", "monitoring.serviceMonitor=true", "monitoring.grafanaDashboard=true"],
        vec!["webhook.enabled=false", "catalog.enabled=false", "products.claims=false"],
        vec![
            "products.namespaced=true",
            "networkPolicy.enabled=true",
            "webhook.replicaCount=1",
            "decisionAt=pipeline",
            "commonLabels.team=platform",
        ],
    ] {
        let Some(objects) = rendered(&values) else { return };
        for object in &objects {
            match object["kind"].as_str().unwrap() {
                "Deployment" => strict::<Deployment>(object),
                "Job" => strict::<Job>(object),
                "Service" => strict::<Service>(object),
                "NetworkPolicy" => strict::<NetworkPolicy>(object),
                "PodDisruptionBudget" => strict::<PodDisruptionBudget>(object),
                "ClusterRole" => strict::<ClusterRole>(object),
                _ => {}
            }
        }
        let kinds = kinds(&objects);
        let enabled = |value: &str| !values.contains(&value);
        assert_eq!(kinds.contains_key("Deployment"), enabled("webhook.enabled=false"));
        assert_eq!(kinds.contains_key("Candidate"), enabled("catalog.enabled=false"));
        assert_eq!(
            kinds.contains_key("PodDisruptionBudget"),
            enabled("webhook.enabled=false") && enabled("webhook.replicaCount=1")
        );
        assert!(kinds.contains_key("Function"));
    }
}

/// Every field of `given` is in `read`.
fn assert_subset(given: &Value, read: &Value, path: &str) {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            for (field, value) in given {
                let known = read.get(field).unwrap_or_else(|| panic!("{path}.{field} is no field of this type"));
                assert_subset(value, known, &format!("{path}.{field}"));
            }
        }
        (Value::Array(given), Value::Array(read)) => {
            given
                .iter()
                .zip(read)
                .enumerate()
                .for_each(|(at, (given, read))| assert_subset(given, read, &format!("{path}[{at}]")));
        }
        _ => {}
    }
}

#[test]
fn a_bad_value_fails_with_its_name() {
    for (value, name) in [
        ("webhok.enabled=true", "webhok"),
        ("webhook.replicaCount=0", "replicaCount"),
        ("decisionAt=later", "decisionAt"),
        ("certificates.provider=vault", "provider"),
        ("function.maxMessageSize=lots", "maxMessageSize"),
        ("webhook.timeoutSeconds=31", "timeoutSeconds"),
    ] {
        let Some(output) = helm(&[value]) else { return };
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(name), "{value}: {message}");
    }
}

#[test]
fn the_chart_ships_the_catalog_and_keeps_what_users_depend_on() {
    let Some(objects) = rendered(&["products.namespaced=true"]) else { return };
    let ours = ["Candidate", "Tier", "CloudProvider", "Product", "FeatureFlag", "CompositeResourceDefinition", "Composition"];
    for object in objects.iter().filter(|object| ours.contains(&object["kind"].as_str().unwrap())) {
        assert_eq!(object["metadata"]["annotations"]["helm.sh/resource-policy"], "keep", "{}", object["metadata"]["name"]);
    }
    let mut shipped = Objects::default();
    for object in objects.into_iter().filter(|object| object["apiVersion"] == "platform.example.org/v1alpha1") {
        shipped.add("chart", object).unwrap();
    }
    let shipped = Catalog::strict(shipped).unwrap();
    let built_in = Catalog::strict(embedded().unwrap()).unwrap();
    assert_eq!(shipped.scheduler().digest(), built_in.scheduler().digest(), "the same decisions as on a laptop");
    assert_eq!(shipped.products().len(), built_in.products().len());
}

#[test]
fn generated_definitions_are_current() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    for (file, style) in [("claims.yaml", Style::Claim), ("namespaced.yaml", Style::Namespaced)] {
        let all = |make: &dyn Fn(&idp_function::compose::product::Product) -> Value| {
            to_yaml(&catalog.products().iter().map(|product| make(product)).collect::<Vec<_>>()).unwrap()
        };
        let expected = all(&|product| xrd(product, style)) + &all(&|product| composition(product, style, true));
        let found = std::fs::read_to_string(root().join("package/chart/generated").join(file)).unwrap();
        assert!(found == expected, "package/chart/generated/{file} is stale: run package/generate");
    }
}

#[test]
fn helm_lints_it() {
    let Some(helm) = tools::find("helm") else { return };
    let output = Command::new(helm).args(["lint", "--strict", "package/chart"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
