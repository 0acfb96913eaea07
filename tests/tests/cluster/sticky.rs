//! A decision is made once: nothing but a failover moves a workload.

use idp_tests::cluster::{Cluster, MYSQL, Mood, REASON, Workload, eventually, resource_name};
use serde_json::{Value, json};

const ALL: [&str; 3] = ["aws", "gcp", "oci"];

/// Who and where everything is: a workload that stays has the same after.
async fn parts(workload: &Workload<'_>) -> Vec<(String, String)> {
    let composed = workload.composed().await;
    let part = |object: &kube::api::DynamicObject| {
        (resource_name(object).to_owned(), object.metadata.uid.clone().unwrap_or_default())
    };
    let mut parts: Vec<_> = composed.iter().map(part).collect();
    parts.sort();
    parts
}

/// Makes Crossplane look at it, and waits until the function's answer to that has been applied.
async fn touch(workload: &Workload<'_>, storage: u32) {
    workload.change(&json!({"spec": {"parameters": {"storageGB": storage}}})).await;
    eventually("the change in what is composed", async || {
        let composed = workload.composed().await;
        let grown = composed
            .iter()
            .any(|object| object.data["spec"].to_string().contains(&format!(":{storage}")));
        grown.then_some(()).ok_or_else(|| format!("no {storage} in {}", composed.len()))
    })
    .await;
}

/// The decision that the workload carries.
async fn stamp(workload: &Workload<'_>) -> Value {
    let annotations = workload.get().await.unwrap().metadata.annotations.unwrap_or_default();
    annotations.get(REASON).map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

#[tokio::test]
async fn nothing_but_a_failover_moves_a_workload() {
    let Some((cluster, webhook)) = Cluster::with_webhook().await else { return };
    let team = cluster.team_alone("sticky").await;
    let workload = team.workload(MYSQL, "orders").await;
    workload.ready().await;
    let placement = workload.placed().await;
    let provider = placement["provider"].as_str().unwrap().to_owned();
    let candidate = format!("{provider}-{}", placement["region"].as_str().unwrap());
    let before = parts(&workload).await;
    let name = workload.composite().await.unwrap().metadata.name.unwrap();
    let nothing_is_destroyed =
        |what: &str| assert_eq!(cluster.cloud.ledger().destroyed_of(&name).next(), None, "{what}");
    let stays = async |what: &str, storage: u32| {
        touch(&workload, storage).await;
        let now = workload.placed().await;
        assert_eq!(
            (&now["provider"], &now["region"]),
            (&placement["provider"], &placement["region"]),
            "{what}"
        );
        assert_eq!(now["sequence"], 1, "{what}");
        assert_eq!(parts(&workload).await, before, "{what}");
        nothing_is_destroyed(what);
    };

    let others: Vec<_> = ALL.into_iter().filter(|other| *other != provider).collect();
    cluster.only_healthy(&others);
    stays("its provider is switched off", 110).await;
    cluster.only_healthy(&ALL);

    let place = cluster.operate(&["get", "candidate", &candidate, "-o", "json"], "");
    let place: Value = serde_json::from_str(&place).unwrap();
    let scores = r#"{"spec":{"scores":{"latency":0,"dr":0,"maturity":0,"cost":0}}}"#;
    cluster.operate(&["patch", "candidate", &candidate, "--type=merge", "-p", scores], "");
    stays("its place scores worst", 121).await;

    let delete = ["delete", "candidate", &candidate];
    let refused = cluster.control_plane.admin.kubectl(&delete, "").unwrap_err();
    assert!(refused.contains("move them first"), "{refused}");
    webhook.crash();
    cluster.operate(&delete, "");
    webhook.start().await;
    // Without its place nothing new can be composed there; what is there stays as it is.
    workload.change(&json!({"metadata": {"labels": {"touched": "yes"}}})).await;
    cluster.function.restart();
    eventually("a function that answers again", async || workload.synced().await).await;
    assert_eq!(parts(&workload).await, before, "its place is gone from the catalog");
    nothing_is_destroyed("its place is gone from the catalog");
    let mut again =
        json!({"apiVersion": place["apiVersion"], "kind": place["kind"], "spec": place["spec"]});
    again["metadata"] = json!({"name": candidate, "labels": place["metadata"]["labels"]});
    cluster
        .operate(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &again.to_string());
    stays("its place is back", 133).await;

    cluster.cloud.set_mood(&provider, Mood::Failing);
    eventually("a provider seen to fail", async || {
        let composite = workload.composite().await?;
        let conditions =
            composite.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let seen = conditions
            .iter()
            .any(|one| one["type"] == "ProviderHealthy" && one["status"] == "False");
        seen.then_some(()).ok_or_else(|| format!("{conditions:?}"))
    })
    .await;
    stays("its provider fails", 146).await;
    cluster.cloud.set_mood(&provider, Mood::Healthy);

    cluster.function.restart();
    webhook.process.restart();
    webhook.start().await;
    stays("function and webhook start again", 161).await;

    workload.wipe_status().await;
    stays("the status is wiped", 177).await;

    let decided = stamp(&workload).await;
    let unstamp = json!({"metadata": {"annotations": {REASON: null}}});
    workload.change(&unstamp).await;
    assert_eq!(stamp(&workload).await, decided, "the webhook puts back what was removed");
    stays("the annotation was removed", 181).await;

    webhook.remove().await;
    workload.change(&unstamp).await;
    workload.wipe_status().await;
    cluster.crossplane.core.restart();
    stays("there is neither status nor annotation, and no webhook", 195).await;
    // Why it is there may have gone with the last copy of the decision (Crossplane takes what is
    // removed from a claim from its composite too); where it is has not.
    webhook.start().await;
    stays("the webhook is back", 211).await;

    workload
        .change(&json!({"metadata": {"annotations": {"platform.example.org/failover": provider}}}))
        .await;
    eventually("a move, whatever has been forgotten", async || {
        let now = workload.placement().await?;
        let arrived =
            now["provider"] != *provider && now["sequence"] == 2 && now["phase"] == "Steady";
        arrived.then_some(()).ok_or_else(|| now.to_string())
    })
    .await;
    nothing_is_destroyed("it has moved");

    workload.ready().await;
    workload.delete().await;
}
