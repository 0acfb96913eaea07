//! A workload's whole life: every product, as a claim and as a namespaced composite, on every cloud.

use std::collections::{BTreeMap, BTreeSet};

use idp_tests::cluster::{Cluster, KINDS, Kind, resource_name};

const CLOUDS: [&str; 3] = ["aws", "gcp", "oci"];

fn connection_keys(product: &str) -> BTreeSet<&'static str> {
    match product {
        "webapp" => BTreeSet::from(["host", "port", "url"]),
        _ => BTreeSet::from(["host", "port", "username", "password", "database"]),
    }
}

#[tokio::test]
async fn every_product_lives_and_dies_on_every_cloud() {
    let Some(cluster) = Cluster::shared() else { return };
    let team = cluster.team_alone("lives").await;
    let mut workloads = Vec::new();
    for cloud in CLOUDS {
        cluster.only_healthy(&[cloud]);
        let mut of_cloud = Vec::new();
        for kind in KINDS {
            let style = if kind.composite.is_some() { "claim" } else { "own" };
            of_cloud.push((cloud, kind, team.workload(kind, &format!("{}-{style}-{cloud}", kind.product)).await));
        }
        for (_, kind, workload) in &of_cloud {
            let placement = workload.placed().await;
            assert_eq!(placement["provider"], cloud, "{kind:?}");
        }
        workloads.extend(of_cloud);
    }
    cluster.only_healthy(&CLOUDS);

    for (cloud, kind, workload) in &workloads {
        let own = workload.ready().await;
        assert_eq!(own.data["status"]["placement"]["provider"], *cloud, "placed once");

        let connection = workload.connection().await;
        let keys: BTreeSet<_> = connection.keys().map(String::as_str).collect();
        assert_eq!(keys, connection_keys(kind.product), "{kind:?} on {cloud}");
        assert!(connection.values().all(|value| !value.is_empty()), "{kind:?} on {cloud}: {:?}", connection.keys());

        let composed = workload.composed().await;
        assert!(composed.len() > 1, "{kind:?} on {cloud}");
        for object in &composed {
            let labels = object.metadata.labels.clone().unwrap_or_default();
            let ours: BTreeMap<_, _> = labels
                .iter()
                .filter_map(|(key, value)| Some((key.strip_prefix("platform.example.org/")?, value.as_str())))
                .collect();
            let of_all = [("cell", "cell-1"), ("environment", "dev"), ("tier", "medium"), ("product", kind.product)];
            let of_placed = [("provider", *cloud), ("sequence", "1")];
            // What belongs to the workload wherever it is, such as its password, is at no place.
            let name = resource_name(object);
            let placed = !name.starts_with("workload/");
            for (key, value) in of_all.iter().chain(of_placed.iter().filter(|_| placed)) {
                assert_eq!(ours.get(key), Some(value), "{key} of {name}");
            }
            assert!(!placed || name.starts_with(&format!("{cloud}-")), "{name}");
        }
    }
    printer_columns(&team, KINDS.first().unwrap());

    for (cloud, kind, workload) in &workloads {
        workload.delete().await;
        assert!(!workload.secret_exists().await, "{kind:?} on {cloud} leaves its connection secret");
    }
}

fn printer_columns(team: &idp_tests::cluster::Team, kind: &Kind) {
    let table = team.kubectl(&["get", kind.kind], "").unwrap();
    let header = table.lines().next().unwrap();
    for column in ["NAME", "SYNCED", "READY", "PROVIDER", "REGION"] {
        assert!(header.split_whitespace().any(|name| name == column), "no column {column}:\n{table}");
    }
    let row = table.lines().find(|line| line.contains("-gcp")).unwrap();
    assert!(row.contains(" gcp "), "{table}");
}
