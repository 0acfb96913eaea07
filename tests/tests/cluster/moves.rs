//! A move: both placements until the new one is ready; data stays behind until it is released.

use idp_tests::cluster::{Cluster, Kind, Workload, eventually, kinds, resource_name};
use serde_json::{Value, json};

const FAILOVER: &str = "platform.example.org/failover";
const RELEASE: &str = "platform.example.org/release";

fn place(placement: &Value) -> String {
    format!("{}-{}", placement["provider"].as_str().unwrap(), placement["region"].as_str().unwrap())
}

/// The names of the composed objects at a place.
async fn at(workload: &Workload<'_>, place: &str) -> Vec<kube::api::DynamicObject> {
    let prefix = format!("{place}/");
    workload
        .composed()
        .await
        .into_iter()
        .filter(|object| resource_name(object).starts_with(&prefix))
        .collect()
}

/// Moves it to another cloud, as someone with the right asks for it, and waits until it has
/// arrived; returns where it was.
async fn moved(workload: &Workload<'_>) -> String {
    workload.ready().await;
    let before = workload.placed().await;
    workload.change(&json!({"metadata": {"annotations": {FAILOVER: before["provider"]}}})).await;
    eventually("the arrival", async || {
        let now = workload.placement().await?;
        let arrived = now["sequence"] == 2 && now["phase"] == "Steady";
        arrived.then_some(()).ok_or_else(|| now.to_string())
    })
    .await;
    place(&before)
}

fn stateful(kind: &Kind) -> bool {
    kind.product != "webapp"
}

#[tokio::test]
async fn data_stays_behind_until_it_is_released() {
    let Some((cluster, _)) = Cluster::with_webhook().await else { return };
    let team = cluster.team("moves").await;
    for kind in kinds().filter(stateful) {
        let style = if kind.composite.is_some() { "claim" } else { "own" };
        let workload = team.workload(kind, &format!("{}-{style}", kind.product)).await;
        workload.ready().await;
        let left = workload.connection().await;
        let old = moved(&workload).await;
        workload.ready().await;
        // The Secret follows what it is made of, by a reconcile of its own.
        let connection = eventually("the new place's connection", async || {
            let now = workload.connection().await;
            if now["host"] == left["host"] { Err(format!("{now:?}")) } else { Ok(now) }
        })
        .await;

        let placement = workload.placed().await;
        assert_ne!(place(&placement), old);
        assert!(
            !old.starts_with(placement["provider"].as_str().unwrap()),
            "another cloud was asked for: {old}, {placement}"
        );
        assert_eq!(placement["retained"][0]["place"], old.as_str(), "{placement}");
        let kept = at(&workload, &old).await;
        assert!(!kept.is_empty());
        eventually("nothing but looking at what is kept", async || {
            let kept = at(&workload, &old).await;
            let changes = kept.iter().find(|object| {
                let policies = &object.data["spec"]["managementPolicies"];
                *policies != json!(["Observe"])
            });
            changes.map_or(Ok(()), |object| {
                Err(format!(
                    "{}: {}",
                    resource_name(object),
                    object.data["spec"]["managementPolicies"]
                ))
            })
        })
        .await;
        let ledger = cluster.cloud.ledger();
        let externals: Vec<_> = kept
            .iter()
            .filter_map(|object| {
                object.metadata.annotations.as_ref()?.get("crossplane.io/external-name").cloned()
            })
            .collect();
        assert!(
            ledger.destroyed.iter().all(|gone| !externals.contains(&gone.name)),
            "a move destroys nothing"
        );

        workload.change(&json!({"metadata": {"annotations": {RELEASE: old}}})).await;
        eventually("the release", async || {
            let kept = at(&workload, &old).await;
            kept.is_empty()
                .then_some(())
                .ok_or_else(|| kept.iter().map(resource_name).collect::<Vec<_>>().join(", "))
        })
        .await;
        let ledger = cluster.cloud.ledger();
        assert!(
            ledger.destroyed.iter().all(|gone| !externals.contains(&gone.name)),
            "released is let go, not destroyed"
        );
        assert_eq!(workload.connection().await, connection);
        workload.ready().await;
        workload.delete().await;
    }
}

#[tokio::test]
async fn a_web_app_leaves_nothing_behind() {
    let Some((cluster, _)) = Cluster::with_webhook().await else { return };
    let team = cluster.team("webapp-moves").await;
    for (number, kind) in kinds().filter(|kind| kind.product == "webapp").enumerate() {
        let workload = team.workload(kind, &format!("shop-{number}")).await;
        let old = moved(&workload).await;
        eventually("the end of the old place", async || {
            let left = at(&workload, &old).await;
            left.is_empty()
                .then_some(())
                .ok_or_else(|| left.iter().map(resource_name).collect::<Vec<_>>().join(", "))
        })
        .await;
        let placement = workload.placed().await;
        assert!(placement["retained"].is_null(), "{placement}");
        workload.ready().await;
        workload.delete().await;
    }
}
