//! The contract holds by the schema alone, with no webhook there.

use idp_tests::cluster::{Cluster, MYSQL};
use serde_json::json;

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
