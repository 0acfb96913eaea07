//! A workload's whole life: every product, as a claim and as a namespaced composite, on every
//! cloud.

use std::collections::{BTreeMap, BTreeSet};

use futures::future;
use idp_tests::cluster::{
    Cluster, External, Kind, REASON, Team, Workload, eventually, kinds, resource_name,
};
use kube::api::DynamicObject;
use serde_json::Value;

const CLOUDS: [&str; 3] = ["aws", "gcp", "oci"];

fn connection_keys(product: &str) -> BTreeSet<&'static str> {
    match product {
        "webapp" => BTreeSet::from(["host", "port", "url"]),
        _ => BTreeSet::from(["host", "port", "username", "password", "database"]),
    }
}

/// A workload, and what is expected of it.
struct Life<'team> {
    cloud: &'static str,
    kind: Kind,
    workload: Workload<'team>,
}

#[tokio::test]
async fn every_product_lives_and_dies_on_every_cloud() {
    let Some((cluster, webhook)) = Cluster::with_webhook().await else { return };
    let team = cluster.team_alone("lives").await;
    let mut lives = Vec::new();
    for cloud in CLOUDS {
        cluster.only_healthy(&[cloud]);
        webhook.has_seen_healthy(&[cloud]).await;
        for kind in kinds() {
            let style = if kind.composite.is_some() { "claim" } else { "own" };
            let name = format!("{}-{style}-{cloud}", kind.product);
            let mut request = kind.request(&name);
            request["spec"]["parameters"]["tier"] = tier(&kind).into();
            let workload = team.workload_from(kind, request).await;
            let life = Life { cloud, kind, workload };
            life.is_stamped().await;
            lives.push(life);
        }
    }
    cluster.only_healthy(&CLOUDS);
    webhook.has_seen_healthy(&CLOUDS).await;

    for life in &lives {
        life.is_ready_where_it_was_placed().await;
        life.has_a_connection().await;
        life.is_labelled().await;
    }
    for kind in kinds() {
        printer_columns(&team, &kind);
    }

    let mut external = BTreeSet::new();
    for life in &lives {
        external.extend(life.external(cluster).await);
    }
    assert!(external.len() >= lives.len(), "each has something in a cloud: {external:?}");
    future::join_all(lives.iter().map(|life| life.workload.delete())).await;
    for Life { cloud, kind, workload } in &lives {
        // The garbage collector takes what a claim owned after the claim itself.
        eventually(
            &format!("the end of the connection secret of {kind:?} on {cloud}"),
            async || {
                if workload.secret_exists().await {
                    Err("it is still there".to_owned())
                } else {
                    Ok(())
                }
            },
        )
        .await;
    }
    let ledger = cluster.cloud.ledger();
    let left: Vec<_> = external.iter().filter(|one| ledger.existing.contains_key(one)).collect();
    assert!(left.is_empty(), "deleted workloads leave nothing in the clouds: {left:?}");
}

impl Life<'_> {
    /// The webhook has decided, labelled and filled in before anything else saw the object.
    async fn is_stamped(&self) {
        let Life { cloud, kind, workload } = self;
        let own = workload.get().await.unwrap();
        let reason: Value = serde_json::from_str(annotation(&own)).unwrap();
        assert_eq!(reason["selected"]["provider"], *cloud, "{kind:?}");
        assert_eq!(reason["decided_by"], "admission", "{kind:?}");
        let labels = labels(&own);
        for (key, value) in of_all(kind) {
            assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key} of {kind:?}");
        }
        let secret = &own.data["spec"]["writeConnectionSecretToRef"]["name"];
        let expected = kind.composite.map_or(Value::Null, |_| {
            idp_crds::names::connection_secret(&workload.name, workload.kind.product).into()
        });
        assert_eq!(*secret, expected, "{kind:?}");
    }

    async fn is_ready_where_it_was_placed(&self) {
        let Life { cloud, kind, workload } = self;
        let own = workload.ready().await;
        let composite = workload.composite().await.unwrap();
        assert_eq!(
            annotation(&own),
            annotation(&composite),
            "{kind:?} on {cloud}: the composite has the claim's decision"
        );
        for object in [&own, &composite] {
            let placement = &object.data["status"]["placement"];
            assert_eq!(placement["provider"], *cloud, "{kind:?}");
            assert_eq!(
                placement["reason"],
                annotation(&own),
                "{kind:?} on {cloud}: the stamped decision is in force"
            );
            assert_eq!(placement["sequence"], 1, "{kind:?} on {cloud}: placed once");
        }
        if kind.composite.is_some() {
            assert_eq!(composite.data["spec"]["claimRef"]["name"], workload.name.as_str());
        }
    }

    async fn has_a_connection(&self) {
        let Life { cloud, kind, workload } = self;
        let connection = workload.connection().await;
        let keys: BTreeSet<_> = connection.keys().map(String::as_str).collect();
        assert_eq!(keys, connection_keys(kind.product), "{kind:?} on {cloud}");
        assert!(
            connection.values().all(|value| !value.is_empty()),
            "{kind:?} on {cloud}: {:?}",
            connection.keys()
        );
    }

    async fn is_labelled(&self) {
        let Life { cloud, kind, workload } = self;
        let composed = workload.composed().await;
        assert!(composed.len() > 1, "{kind:?} on {cloud}");
        for object in &composed {
            let labels = labels(object);
            let of_placed = [("provider", *cloud), ("sequence", "1")];
            // What belongs to the workload wherever it is, such as its password, is at no place.
            let name = resource_name(object);
            let placed = !name.starts_with("workload/");
            for (key, value) in
                of_all(kind).into_iter().chain(of_placed.into_iter().filter(|_| placed))
            {
                assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key} of {name}");
            }
            assert!(!placed || name.starts_with(&format!("{cloud}-")), "{name}");
        }
    }

    /// What it has in the clouds.
    async fn external(&self, cluster: &Cluster) -> Vec<External> {
        let composed = self.workload.composed().await;
        let names: BTreeSet<_> = composed
            .iter()
            .filter_map(|object| {
                object.metadata.annotations.as_ref()?.get("crossplane.io/external-name").cloned()
            })
            .collect();
        let ledger = cluster.cloud.ledger();
        ledger.existing.into_keys().filter(|external| names.contains(&external.name)).collect()
    }
}

/// A tier that every cloud can give: PostgreSQL cannot be restored to a point in time on OCI.
fn tier(kind: &Kind) -> &'static str {
    if kind.product == "postgresql" { "critical" } else { "medium" }
}

fn of_all(kind: &Kind) -> [(&'static str, &'static str); 4] {
    [("cell", "cell-1"), ("environment", "dev"), ("tier", tier(kind)), ("product", kind.product)]
}

fn annotation(object: &DynamicObject) -> &str {
    let annotations = object.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(REASON)).expect("a stamped decision")
}

/// Our labels, without our prefix.
fn labels(object: &DynamicObject) -> BTreeMap<String, String> {
    let labels = object.metadata.labels.clone().unwrap_or_default().into_iter();
    labels
        .filter_map(|(key, value)| {
            Some((key.strip_prefix("platform.example.org/")?.to_owned(), value))
        })
        .collect()
}

fn printer_columns(team: &Team, kind: &Kind) {
    let table = team.kubectl(&["get", kind.kind], "").unwrap();
    let header: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
    for column in ["NAME", "SYNCED", "READY", "TIER", "PROVIDER", "REGION", "PHASE"] {
        assert!(header.contains(&column), "no column {column}:\n{table}");
    }
    for cloud in CLOUDS {
        let row = table
            .lines()
            .find(|line| line.split_whitespace().next().is_some_and(|name| name.ends_with(cloud)))
            .unwrap();
        for cell in ["True", tier(kind), cloud, "Steady"] {
            assert!(
                row.split_whitespace().any(|one| one == cell),
                "no {cell} in {row:?}:\n{table}"
            );
        }
    }
}
