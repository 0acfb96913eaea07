//! The webhook is down, or not there at all: nothing is lost, and what was decided without it is
//! mirrored later.

use idp_tests::cluster::{
    Cluster, MYSQL, REASON, Team, Workload, eventually, kinds, resource_name,
};
use serde_json::{Value, json};

/// The decision that the workload carries.
async fn stamp(workload: &Workload<'_>) -> Option<String> {
    workload.get().await.unwrap().metadata.annotations.and_then(|mut all| all.remove(REASON))
}

/// What it is made of, by name and identity.
async fn parts(workload: &Workload<'_>) -> Vec<(String, Option<String>)> {
    let composed = workload.composed().await;
    let mut parts: Vec<_> = composed
        .iter()
        .map(|object| (resource_name(object).to_owned(), object.metadata.uid.clone()))
        .collect();
    parts.sort();
    parts
}

fn with_storage(name: &str, gigabytes: u32) -> Value {
    let mut manifest = MYSQL.request(name);
    manifest["spec"]["parameters"]["storageGB"] = json!(gigabytes);
    manifest
}

async fn has_grown(workload: &Workload<'_>, gigabytes: u32) {
    eventually("the storage that was asked for", async || {
        let composed = workload.composed().await;
        let grown = composed
            .iter()
            .any(|object| object.data["spec"].to_string().contains(&format!(":{gigabytes}")));
        grown.then_some(()).ok_or_else(|| format!("no {gigabytes} in {} objects", composed.len()))
    })
    .await;
}

#[tokio::test]
async fn an_update_during_an_outage_loses_nothing() {
    let Some((cluster, webhook)) = Cluster::with_webhook().await else { return };
    let team = cluster.team_alone("outage").await;
    let workload = team.workload_from(MYSQL, with_storage("orders", 20)).await;
    let short_lived = team.workload(MYSQL, "short-lived").await;
    workload.ready().await;
    let (decided, before) = (stamp(&workload).await, parts(&workload).await);
    let own = workload.get().await.unwrap();
    assert!(decided.is_some());

    webhook.crash();
    let refused = team.apply(&with_storage("orders", 30)).unwrap_err();
    assert!(refused.contains("failed calling webhook"), "{refused}");
    let refused = team.apply(&MYSQL.request("late")).unwrap_err();
    assert!(refused.contains("failed calling webhook"), "{refused}");
    let now = workload.get().await.unwrap();
    assert_eq!(
        (&now.data["spec"], &now.metadata.annotations),
        (&own.data["spec"], &own.metadata.annotations),
        "not half changed"
    );
    // Crossplane and the function carry on, and nobody is kept from deleting.
    cluster.crossplane.core.restart();
    workload.ready().await;
    short_lived.delete().await;
    assert_eq!(
        (stamp(&workload).await, parts(&workload).await),
        (decided.clone(), before.clone()),
        "down"
    );

    webhook.start().await;
    team.apply(&with_storage("orders", 30)).unwrap();
    has_grown(&workload, 30).await;
    assert_eq!(
        (stamp(&workload).await, parts(&workload).await),
        (decided.clone(), before.clone()),
        "back"
    );

    // Not registered either: then an update is taken, and even one that takes the decision away
    // loses nothing.
    webhook.remove().await;
    team.apply(&with_storage("orders", 40)).unwrap();
    team.kubectl(&["annotate", MYSQL.kind, "orders", &format!("{REASON}-")], "").unwrap();
    has_grown(&workload, 40).await;
    assert_eq!(parts(&workload).await, before, "without the annotation");
    webhook.start().await;
    team.apply(&with_storage("orders", 50)).unwrap();
    assert_eq!(stamp(&workload).await, decided, "restored from the status");
    has_grown(&workload, 50).await;
    assert_eq!(parts(&workload).await, before, "restored");
    workload.ready().await;
    workload.delete().await;
}

#[tokio::test]
async fn what_the_function_decided_alone_is_mirrored_when_the_webhook_comes() {
    let Some((cluster, webhook)) = Cluster::with_webhook().await else { return };
    let team = cluster.team_alone("mirror").await;
    webhook.remove().await;
    let mut placed = Vec::new();
    for (number, kind) in kinds().enumerate() {
        let workload = team.workload(kind, &format!("alone-{number}")).await;
        workload.ready().await;
        let placement = workload.placed().await;
        let decision: Value = serde_json::from_str(placement["reason"].as_str().unwrap()).unwrap();
        assert_eq!(decision["decided_by"], "function", "{kind:?}");
        assert_eq!(stamp(&workload).await, None, "{kind:?}: nobody was there to stamp it");
        let parts = parts(&workload).await;
        placed.push((kind, workload, placement["reason"].as_str().unwrap().to_owned(), parts));
    }

    webhook.start().await;
    for (kind, workload, reason, _) in &placed {
        // A claim is written by Crossplane whenever it looks at it; a composite of one's own by its
        // developer.
        match kind.composite {
            Some(_) => looked_at(&team, workload).await,
            None => {
                drop(team.kubectl(&["label", kind.kind, &workload.name, "seen=yes"], "").unwrap())
            }
        }
        eventually("the decision on the workload", async || match stamp(workload).await {
            Some(stamp) if stamp == *reason => Ok(()),
            other => Err(format!("{kind:?}: {other:?}")),
        })
        .await;
    }
    for (kind, workload, reason, parts_before) in &placed {
        workload.ready().await;
        assert_eq!(workload.placed().await["reason"], reason.as_str(), "{kind:?}");
        assert_eq!(parts(workload).await, *parts_before, "{kind:?} stays");
        workload.delete().await;
    }
}

/// Something happens to the composite that Crossplane tells the claim.
async fn looked_at(team: &Team, workload: &Workload<'_>) {
    let composite = workload.composite().await.unwrap();
    let types = composite.types.unwrap();
    let composites = team.objects(&types.api_version, &types.kind).await;
    let patch = kube::api::Patch::Merge(json!({"metadata": {"labels": {"looked-at": "yes"}}}));
    composites.patch(&composite.metadata.name.unwrap(), &Default::default(), &patch).await.unwrap();
}
