//! The cluster itself works, so that a failure elsewhere is about what is tested there.

use idp_tests::cluster::{Cluster, eventually};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;

const XRD: &str = r#"
apiVersion: apiextensions.crossplane.io/v1
kind: CompositeResourceDefinition
metadata: {name: xcanaries.canary.example.org}
spec:
  group: canary.example.org
  names: {kind: XCanary, plural: xcanaries}
  claimNames: {kind: Canary, plural: canaries}
  versions:
  - name: v1
    served: true
    referenceable: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}
"#;

/// The cluster itself works: Crossplane defines kinds, its RBAC manager grants them to
/// developers, and nothing more is granted.
#[tokio::test]
async fn crossplane_defines_a_kind_and_developers_may_use_it() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let team = cluster.team("canary").await;
    let admin = &cluster.control_plane.admin;
    let developer = &cluster.control_plane.developer;

    admin.kubectl(&["apply", "-f", "-"], XRD).unwrap();
    let crds: Api<CustomResourceDefinition> = Api::all(team.client.clone());
    eventually("the claim's CRD", async || {
        let crd = crds.get("canaries.canary.example.org").await;
        crd.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
    let claim = "{apiVersion: canary.example.org/v1, kind: Canary, metadata: {name: a}, spec: {}}";
    eventually("the developer's right", async || {
        developer.kubectl(&["-n", "canary", "apply", "-f", "-"], claim)
    })
    .await;
    let refused = developer.kubectl(&["-n", "default", "apply", "-f", "-"], claim);
    assert!(refused.unwrap_err().contains("cannot get resource"));

    developer.kubectl(&["-n", "canary", "delete", "canary", "a"], "").unwrap();
}

/// The stand-in cloud plays a provider: ready, then gone, and the ledger knows both.
#[tokio::test]
async fn the_stand_in_cloud_makes_and_destroys() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let admin = &cluster.control_plane.admin;
    let database = r#"
apiVersion: rds.aws.upbound.io/v1beta3
kind: Instance
metadata: {name: canary-db}
spec:
  forProvider:
    region: eu-west-1
    engine: mysql
    instanceClass: db.m6g.large
    allocatedStorage: 20
    username: admin
"#;
    admin.kubectl(&["apply", "-f", "-"], database).unwrap();
    admin
        .kubectl(
            &[
                "wait",
                "--for=condition=Ready",
                "instances.rds.aws.upbound.io/canary-db",
                "--timeout=60s",
            ],
            "",
        )
        .unwrap();
    let address = admin
        .kubectl(
            &[
                "get",
                "instances.rds.aws.upbound.io/canary-db",
                "-o",
                "jsonpath={.status.atProvider.address} {.status.atProvider.port} {.status.atProvider.engine}",
            ],
            "",
        )
        .unwrap();
    assert_eq!(address, "canary-db.cloud.example 3306 mysql");
    assert_eq!(cluster.cloud.ledger().existing_of("canary-db").count(), 1);

    admin
        .kubectl(&["delete", "instances.rds.aws.upbound.io/canary-db", "--timeout=60s"], "")
        .unwrap();
    assert_eq!(cluster.cloud.ledger().existing_of("canary-db").count(), 0);
    assert_eq!(cluster.cloud.ledger().destroyed_of("canary-db").count(), 1);
}
