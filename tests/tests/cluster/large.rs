//! A product that makes more than Crossplane takes in one answer.

use std::fs;
use std::process::Command;

use idp_tests::cluster::{Cluster, Kind, eventually, our_program};
use kube::api::DynamicObject;
use serde_json::{Value, json};

const BULK: Kind = Kind {
    product: "bulk",
    api_version: "bulk.platform.example.org/v1alpha1",
    kind: "BulkClaim",
    composite: Some("XBulk"),
};

/// So many bytes in each of a part's five values: two parts are an answer, sixteen are more than
/// 4 MiB. A value of a template has 64 KiB at most.
const VALUE: usize = 60_000;

/// The same resource, as often as is asked for, on every cloud.
fn product() -> Value {
    let values: Vec<Value> = ["a", "b", "c", "d", "e"]
        .map(|name| json!({"name": name, "value": "${values.text}"}))
        .into();
    let template = json!({
        "apiVersion": "rds.aws.upbound.io/v1beta1", "kind": "ParameterGroup",
        "spec": {"forProvider": {
            "region": "${placement.region}", "family": "mysql8.4", "parameter": values,
        }},
    });
    let made = json!({"resources": [
        {"name": "part", "forEach": "${range(params.parts)}", "template": template},
    ]});
    json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "Product",
        "metadata": {"name": "bulk", "labels": {"platform.example.org/catalog": "true"}},
        "spec": {
            "api": {
                "group": "bulk.platform.example.org", "version": "v1alpha1",
                "claimKind": "BulkClaim", "compositeKind": "XBulk", "namespacedKind": "Bulk",
            },
            "parameters": [{"name": "parts", "type": "integer", "required": true}],
            "values": {"text": "x".repeat(VALUE)},
            "providers": {"aws": made, "gcp": made, "oci": made},
        },
    })
}

fn install(cluster: &Cluster) {
    let folder = tempfile::tempdir().unwrap();
    let idp = |arguments: &[&str]| {
        let ran = Command::new(our_program("idp")).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    fs::write(folder.path().join("catalog.yaml"), idp(&["generate", "catalog"])).unwrap();
    let product = product().to_string();
    fs::write(folder.path().join("bulk.yaml"), &product).unwrap();
    // Too large for the annotation of a client-side apply.
    cluster.operate(&["create", "-f", "-"], &product);
    for what in ["xrd", "composition"] {
        let made = idp(&["generate", what, "bulk", "--catalog", folder.path().to_str().unwrap()]);
        cluster.operate(&["create", "-f", "-"], &made);
    }
}

fn condition(object: &DynamicObject, name: &str) -> (String, String, String) {
    let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == name).cloned();
    let text =
        |field: &str| found.as_ref().and_then(|c| c[field].as_str()).unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_told_and_changes_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let team = cluster.team("bulk").await;
    install(cluster);
    let mut manifest = BULK.request("parts");
    manifest["spec"]["parameters"] =
        json!({"cell": "c", "environment": "dev", "tier": "low", "parts": 2});
    let workload = team.workload_from(BULK, manifest).await;
    workload.ready().await;
    assert_eq!(workload.composed().await.len(), 2);

    workload.change(&json!({"spec": {"parameters": {"parts": 16}}})).await;
    let told = eventually("the finding", async || {
        let composite = workload.composite().await?;
        match condition(&composite, "ResourcesReady") {
            (_, reason, message) if reason == "AnswerTooLarge" => Ok(message),
            other => Err(format!("{other:?}: {}", composite.data["status"]["conditions"])),
        }
    })
    .await;
    eprintln!("{told}");
    assert!(told.contains("Crossplane takes 4194304 at most: nothing is changed"), "{told}");
    assert_eq!(workload.composed().await.len(), 2, "what runs stays as it is");

    workload.change(&json!({"spec": {"parameters": {"parts": 3}}})).await;
    eventually("three parts", async || match workload.composed().await.len() {
        3 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    workload.ready().await;
    workload.delete().await;
}
