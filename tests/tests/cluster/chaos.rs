//! Crashes while claims come in: nothing is lost, nothing is made twice, nothing is destroyed.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future;
use idp_tests::cluster::{Cluster, Process, REASON, Team, Webhook, eventually};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::pinned_kind;
use serde_json::{Value, json};

const GROUP: &str = "db.platform.example.org/v1alpha1";
const CLAIMS: usize = 50;
const CRASHES: usize = 20;
/// Long enough for some work between two crashes, too short for all of it.
const BETWEEN_CRASHES: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn fifty_claims_survive_crashes_of_everything() {
    let Some((cluster, webhook)) = Cluster::with_webhook().await else { return };
    let team = cluster.team_alone("chaos").await;
    let claims: Api<DynamicObject> = Api::namespaced_with(
        team.client.clone(),
        &team.namespace,
        &kind(&team, GROUP, "MySQLInstanceClaim").await,
    );
    let composites = everywhere(&team, GROUP, "XMySQLInstance").await;

    let incoming = (0..CLAIMS).map(|number| create(&claims, claim(number)));
    future::join(future::join_all(incoming), crash(cluster, webhook)).await;

    for number in 0..CLAIMS {
        let name = name(number);
        eventually(&format!("{name} to be ready"), async || {
            cluster.restart_the_ended();
            let claim = claims.get(&name).await.map_err(|error| error.to_string())?;
            ready(&claim)
        })
        .await;
    }
    let composites = composites.list(&ListParams::default()).await.unwrap().items;
    let composites: Vec<_> =
        composites.into_iter().filter(|one| is_ours(&one.name_any())).collect();
    assert_eq!(composites.len(), CLAIMS, "one composite resource for each claim");
    let mut external = BTreeSet::new();
    for composite in &composites {
        let placement = &composite.data["status"]["placement"];
        assert_eq!(placement["sequence"], 1, "{}", composite.name_any());
        assert_eq!(
            placement["reason"],
            composite.annotations()[REASON],
            "{}: as it was stamped",
            composite.name_any()
        );
        external.extend(check_composed(&team, composite).await);
    }
    assert!(external.len() >= CLAIMS, "each has managed resources: {external:?}");
    let ledger = cluster.cloud.ledger();
    let in_the_clouds: BTreeSet<_> =
        ledger.existing.keys().map(|one| one.name.clone()).filter(|name| is_ours(name)).collect();
    assert_eq!(in_the_clouds, external, "the clouds hold what Kubernetes knows of, and no more");
    assert_eq!(ledger.destroyed.iter().find(|one| is_ours(&one.name)), None);
}

fn name(number: usize) -> String {
    format!("chaos-{number}")
}

fn is_ours(name: &str) -> bool {
    name.contains("chaos-")
}

fn claim(number: usize) -> Value {
    let tier = ["low", "medium", "critical", "business_critical"][number % 4];
    json!({
        "apiVersion": GROUP, "kind": "MySQLInstanceClaim",
        "metadata": {"name": name(number)},
        "spec": {"parameters": {
            "cell": "chaos", "environment": "dev", "tier": tier, "ha": false, "size": "small", "storageGB": 20,
        }},
    })
}

/// Creates a claim as a patient client does: again, until it is taken.
async fn create(claims: &Api<DynamicObject>, claim: Value) {
    let claim: DynamicObject = serde_json::from_value(claim).unwrap();
    eventually("a claim to be taken", async || {
        match claims.create(&PostParams::default(), &claim).await {
            // The answer to an earlier try was lost.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            answer => answer.map(|_| ()).map_err(|error| error.to_string()),
        }
    })
    .await;
}

/// Kills one process after another: each in turn, then in an order that looks random and is always
/// the same.
async fn crash(cluster: &Cluster, webhook: &Webhook) {
    let processes = processes(cluster, webhook);
    let mut state = 0x2545_f491_u32;
    for crash in 0..CRASHES {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let victim = if crash < processes.len() { crash } else { state as usize % processes.len() };
        tokio::time::sleep(BETWEEN_CRASHES).await;
        processes[victim].restart();
        cluster.restart_the_ended();
    }
}

fn processes<'c>(cluster: &'c Cluster, webhook: &'c Webhook) -> [&'c Process; 5] {
    let control_plane = &cluster.control_plane;
    [
        &cluster.function,
        &webhook.process,
        &cluster.crossplane.core,
        &control_plane.api_server,
        &control_plane.controllers,
    ]
}

fn ready(claim: &DynamicObject) -> Result<(), String> {
    let conditions = claim.data["status"]["conditions"].as_array();
    let is_true = |kind: &str| {
        conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    if is_true("Ready") && is_true("Synced") { Ok(()) } else { Err(format!("{conditions:?}")) }
}

/// The objects that bear the composite's label are those it refers to; returns the external names
/// of the managed ones.
async fn check_composed(team: &Team, composite: &DynamicObject) -> Vec<String> {
    let name = composite.name_any();
    let references = composite.data["spec"]["resourceRefs"].as_array().unwrap();
    let kinds: BTreeSet<_> = references
        .iter()
        .map(|one| (one["apiVersion"].as_str().unwrap(), one["kind"].as_str().unwrap()))
        .collect();
    let mut found = BTreeSet::new();
    let mut external = Vec::new();
    let mut providers = BTreeSet::new();
    for (api_version, kind) in kinds {
        let ours = ListParams::default().labels(&format!("crossplane.io/composite={name}"));
        for object in everywhere(team, api_version, kind).await.list(&ours).await.unwrap() {
            found.insert((kind.to_owned(), object.name_any()));
            providers.extend(object.labels().get("platform.example.org/provider").cloned());
            external.extend(object.annotations().get("crossplane.io/external-name").cloned());
        }
    }
    let referred: BTreeSet<_> = references
        .iter()
        .map(|one| {
            (one["kind"].as_str().unwrap().to_owned(), one["name"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(found, referred, "{name} has what it refers to, and no orphans");
    assert_eq!(providers.len(), 1, "{name} is in one cloud: {providers:?}");
    external
}

/// The objects of a kind in all namespaces.
async fn everywhere(team: &Team, api_version: &str, name: &str) -> Api<DynamicObject> {
    Api::all_with(team.client.clone(), &kind(team, api_version, name).await)
}

/// A kind as the API server knows it, once Crossplane has defined it.
async fn kind(team: &Team, api_version: &str, name: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, name);
    let discovered =
        async || pinned_kind(&team.client, &gvk).await.map_err(|error| error.to_string());
    eventually(&format!("the kind {name}"), discovered).await.0
}
