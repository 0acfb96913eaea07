//! The contract holds by the schema alone, with no webhook there.

use idp_tests::cluster::{Cluster, KINDS, MYSQL};
use serde_json::{Value, json};

const FORBIDDEN: [&str; 5] = ["provider", "region", "runtimeCluster", "runtime_cluster", "network"];

/// A value of the type the schema declares: what is refused is that the field is there at all.
fn value(field: &str) -> Value {
    if field == "network" { json!({"vpc_id": "vpc-1"}) } else { json!("aws") }
}

#[tokio::test]
async fn the_schema_refuses_what_the_platform_decides() {
    let Some(cluster) = Cluster::shared() else { return };
    let team = cluster.team("contract").await;
    // By then developers have their rights and a refusal is about the manifest.
    for kind in KINDS {
        let name = format!("{}-good", kind.product);
        team.workload(kind, &name).await.placed().await;
        for field in FORBIDDEN {
            for place in ["/spec", "/spec/parameters"] {
                let mut manifest = kind.manifest("forbidden");
                manifest.pointer_mut(place).unwrap()[field] = value(field);
                let refused = team.apply(&manifest).expect_err(field);
                assert!(refused.contains(field) && refused.contains("decided by the platform"), "{kind:?} {field}: {refused}");

                let mut update = kind.manifest(&name);
                update.pointer_mut(place).unwrap()[field] = value(field);
                team.apply(&update).expect_err(field);
            }
        }
        team.kubectl(&["delete", kind.kind, &name, "--wait=false"], "").unwrap();
    }
}

#[tokio::test]
async fn storage_grows_and_never_shrinks() {
    let Some(cluster) = Cluster::shared() else { return };
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
