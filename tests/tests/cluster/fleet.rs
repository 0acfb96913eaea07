//! An outage must not freeze the fleet: what is written when a cloud fails wakes no workload that is
//! placed.

use std::time::Duration;

use idp_tests::cluster::{Cluster, WEBAPP};
use serde_json::json;

/// How many workloads there are.
const FLEET: usize = 30;
/// How often each object is written.
const WRITES: usize = 10;
/// How long is looked on, at rest and in the outage.
const WINDOW: Duration = Duration::from_secs(20);

async fn calls_in_a_window(cluster: &Cluster, meanwhile: impl FnOnce()) -> u64 {
    let before = cluster.function_calls();
    meanwhile();
    tokio::time::sleep(WINDOW).await;
    cluster.function_calls() - before
}

#[tokio::test]
async fn what_is_written_in_an_outage_wakes_no_workload_that_is_placed() {
    let Some(cluster) = Cluster::shared() else { return };
    let team = cluster.team_alone("fleet").await;
    let mut fleet = Vec::new();
    for number in 0..FLEET {
        fleet.push(team.workload(WEBAPP, &format!("app-{number}")).await);
    }
    for workload in &fleet {
        workload.ready().await;
    }
    let place = fleet[0].placed().await;
    let others: Vec<&str> =
        ["aws", "gcp", "oci"].into_iter().filter(|name| place["provider"] != *name).collect();
    // What the last changes have woken has settled.
    tokio::time::sleep(WINDOW).await;
    let at_rest = calls_in_a_window(cluster, || ()).await;

    let told = calls_in_a_window(cluster, || {
        for write in 0..WRITES {
            for provider in ["aws", "gcp", "oci"] {
                let patch = json!({"status": {"conditions": [{
                    "type": "Outage", "status": "True", "reason": format!("Write{write}"), "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }]}});
                let patch = patch.to_string();
                cluster.operate(
                    &["patch", "cloudprovider", provider, "--subresource=status", "--type=merge", "-p", &patch],
                    "",
                );
            }
        }
    })
    .await;
    let candidates = cluster.operate(&["get", "candidates", "-o", "name"], "");
    let unrelated = candidates.lines().find(|name| name.contains(&format!("/{}-", others[0])));
    let unrelated = unrelated.expect("a Candidate of another provider");
    let edited = calls_in_a_window(cluster, || {
        for write in 0..WRITES {
            let label = format!("written={write}");
            cluster.operate(&["label", "--overwrite", unrelated, &label], "");
        }
        cluster.operate(&["label", unrelated, "written-"], "");
    })
    .await;
    eprintln!(
        "calls: {at_rest} at rest, {told} while providers are told of, {edited} while a Candidate is edited"
    );
    // Crossplane looks at each composite now and then by itself.
    let resync = at_rest + FLEET as u64 / 2;
    assert!(told <= resync, "{told} calls, {at_rest} at rest");
    assert!(edited <= resync, "{edited} calls, {at_rest} at rest");
    for workload in &fleet {
        workload.delete().await;
    }
}
