//! The contract holds with the webhook, and by the schema alone.

use idp_tests::cluster::{Cluster, Kind, MYSQL, Team, kinds};
use serde_json::{Value, json};

const FORBIDDEN: [&str; 5] = ["provider", "region", "runtimeCluster", "runtime_cluster", "network"];

/// A value of the type the schema declares: what is refused is that the field is there at all.
fn value(field: &str) -> Value {
    if field == "network" { json!({"vpc_id": "vpc-1"}) } else { json!("aws") }
}

/// What kubectl prints for the forbidden fields of a kind, in new workloads and in changes of an
/// existing one: a line each.
fn refusals(team: &Team, kind: &Kind, existing: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    let mut manifests = Vec::new();
    for field in FORBIDDEN {
        for place in ["/spec", "/spec/parameters"] {
            let path = format!("{}.{field}", place.trim_start_matches('/').replace('/', "."));
            for name in [&format!("forbidden-{}", paths.len()), existing] {
                let mut manifest = kind.manifest(name);
                manifest.pointer_mut(place).unwrap()[field] = value(field);
                paths.push(path.clone());
                manifests.push(manifest);
            }
        }
    }
    let refused = team
        .apply(&json!({"apiVersion": "v1", "kind": "List", "items": manifests}))
        .expect_err("forbidden fields");
    let refusals: Vec<_> = refused.split("Error from server").skip(1).map(str::to_owned).collect();
    assert_eq!(refusals.len(), paths.len(), "each is refused: {refused}");
    paths.into_iter().zip(refusals).collect()
}

/// Only the webhook says this; the schema's message ends before it.
const BY_THE_WEBHOOK: &str = "the platform's catalog decide where a workload runs";

#[tokio::test]
async fn the_webhook_refuses_what_the_platform_decides() {
    let Some((cluster, _)) = Cluster::with_webhook().await else { return };
    let team = cluster.team("contract").await;
    for kind in kinds() {
        let name = format!("{}-good", kind.product);
        // By then developers have their rights and a refusal is about the manifest.
        let workload = team.workload(kind, &name).await;
        for (path, refused) in refusals(&team, &kind, &name) {
            assert!(
                refused.contains(&format!("{path}: is decided by the platform")),
                "{kind:?} {path}: {refused}"
            );
            assert!(refused.contains(BY_THE_WEBHOOK), "{kind:?} {path}: {refused}");
        }
        workload.delete().await;
    }
}

#[tokio::test]
async fn the_schema_refuses_what_the_platform_decides() {
    let Some((cluster, webhook)) = Cluster::with_webhook().await else { return };
    let team = cluster.team_alone("schema").await;
    webhook.remove().await;
    for kind in kinds() {
        let name = format!("{}-good", kind.product);
        let workload = team.workload(kind, &name).await;
        workload.placed().await;
        for (path, refused) in refusals(&team, &kind, &name) {
            assert!(
                refused.contains(&format!("{path} is decided by the platform")),
                "{kind:?} {path}: {refused}"
            );
            assert!(!refused.contains(BY_THE_WEBHOOK), "{kind:?} {path}: {refused}");
        }
        workload.delete().await;
    }
    webhook.start().await;
}

#[tokio::test]
async fn storage_grows_and_never_shrinks() {
    let Some((cluster, _)) = Cluster::with_webhook().await else { return };
    let team = cluster.team("storage").await;
    let with_storage = |gigabytes: u32| {
        let mut manifest = MYSQL.manifest("orders");
        manifest["spec"]["parameters"]["storageGB"] = json!(gigabytes);
        manifest
    };
    let workload = team.workload_from(MYSQL, with_storage(100)).await;
    workload.ready().await;
    team.apply(&with_storage(200)).unwrap();
    let refused = team.apply(&with_storage(150)).unwrap_err();
    assert!(refused.contains("can only grow"), "{refused}");
    workload.delete().await;
}
