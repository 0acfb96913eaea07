//! A cloud that fails: the circuit breaker opens by what composite resources say, lets one
//! placement try, and closes.

use idp_tests::cluster::{Cluster, Mood, eventually};
use serde_json::Value;

use super::{NAMESPACE, apply, claim, placement};

fn provider(cluster: &Cluster) -> Result<Value, String> {
    let object =
        cluster.control_plane.admin.kubectl(&["get", "cloudprovider", "aws", "-o", "json"], "")?;
    Ok(serde_json::from_str(&object).unwrap())
}

async fn reaches(cluster: &Cluster, state: &str) -> Value {
    eventually(state, async || {
        let status = provider(cluster)?["status"].clone();
        if status["state"] == state { Ok(status) } else { Err(status.to_string()) }
    })
    .await
}

fn set(cluster: &Cluster, threshold: u32, cooldown: u32) {
    let spec = format!(
        r#"{{"spec":{{"circuitBreaker":{{"failureThreshold":{threshold},"cooldownSeconds":{cooldown}}}}}}}"#
    );
    cluster
        .control_plane
        .admin
        .kubectl(&["patch", "cloudprovider", "aws", "--type=merge", "-p", &spec], "")
        .unwrap();
}

/// With the webhook running.
pub async fn opens_lets_one_try_and_closes(cluster: &Cluster) {
    let developer = &cluster.control_plane.developer;
    let place = |name: &str| {
        apply(developer, &claim(name)).unwrap();
        placement(developer, name).unwrap()
    };
    let dry = |name: &str| {
        let object = developer
            .kubectl(&["apply", "--dry-run=server", "-o", "json", "-f", "-"], &claim(name))
            .unwrap();
        let object: Value = serde_json::from_str(&object).unwrap();
        let reason = object["metadata"]["annotations"]["platform.example.org/placement-reason"]
            .as_str()
            .unwrap();
        serde_json::from_str::<Value>(reason).unwrap()
    };

    set(cluster, 2, 25);
    for name in ["break-a", "break-b"] {
        assert_eq!(place(name)["selected"]["provider"], "aws");
    }
    println!("--- aws fails: two workloads say so, and the circuit opens");
    cluster.cloud.set_mood("aws", Mood::Failing);
    let status = reaches(cluster, "Open").await;
    println!("{status}");
    // Earlier workloads may say so as well, before this is read.
    assert!(status["consecutiveFailures"].as_u64() >= Some(2), "{status}");
    let elsewhere = dry("break-dry");
    assert_ne!(elsewhere["selected"]["provider"], "aws");
    let skipped = elsewhere["unhealthy_skipped"].to_string();
    println!("skipped: {skipped}");
    assert!(skipped.contains("aws"), "{elsewhere}");

    println!(
        "--- half-open: a dry run takes no probe, the first takes it, the second goes elsewhere"
    );
    let status = reaches(cluster, "HalfOpen").await;
    assert_eq!(status["probe"], Value::Null);
    eventually("a decision that may try", async || {
        let decided = dry("break-dry");
        if decided["selected"]["provider"] == "aws" {
            Ok(())
        } else {
            Err(decided["selected"].to_string())
        }
    })
    .await;
    assert_eq!(
        provider(cluster).unwrap()["status"]["probe"],
        Value::Null,
        "a dry run changes nothing"
    );
    assert_eq!(place("break-probe")["selected"]["provider"], "aws");
    let holder =
        provider(cluster).unwrap()["status"]["probe"]["holder"].as_str().unwrap().to_owned();
    println!("probe: {holder}");
    assert!(holder.contains("break-probe"), "{holder}");
    assert_ne!(place("break-second")["selected"]["provider"], "aws");

    println!("--- the probe fails: open again; aws is back: closed");
    let status = reaches(cluster, "Open").await;
    assert_eq!(status["probe"], Value::Null);
    cluster.cloud.set_mood("aws", Mood::Healthy);
    reaches(cluster, "Closed").await;
    // A workload that heard of the outage late may say so once more, until it hears of its end.
    eventually("a closed circuit with nothing counted", async || {
        let status = provider(cluster)?["status"].clone();
        if status["state"] == "Closed" && status["consecutiveFailures"] == 0 {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .await;
    eventually("new workloads on aws", async || {
        let decided = dry("break-dry");
        if decided["selected"]["provider"] == "aws" {
            Ok(())
        } else {
            Err(decided["selected"].to_string())
        }
    })
    .await;
    set(cluster, 5, 60);
    for name in ["break-a", "break-b", "break-probe", "break-second"] {
        let ask = ["-n", NAMESPACE, "delete", "mysqlinstanceclaim", name, "--wait=false"];
        developer.kubectl(&ask, "").unwrap();
    }
}
