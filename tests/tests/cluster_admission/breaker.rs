//! A cloud that fails: circuits open by what composite resources say, let one placement try, and
//! close.

use std::time::Duration;

use idp_tests::cluster::{Cluster, Mood, eventually};
use serde_json::{Value, json};

use super::{NAMESPACE, apply, claim, deletion, placement};

/// Where claims like these go while all is well.
const REGION: &str = "us-east-1";

/// What the provider's status says.
fn status(cluster: &Cluster) -> Result<Value, String> {
    let admin = &cluster.control_plane.admin;
    let object = admin.kubectl(&["get", "cloudprovider", "aws", "-o", "json"], "")?;
    let object: Value = serde_json::from_str(&object).unwrap();
    Ok(object["status"].clone())
}

/// The circuit of the place, as it is told; nothing where all is well.
fn place_circuit(status: &Value) -> Value {
    let places = status["places"].as_array().into_iter().flatten();
    let mut here = places.filter(|place| place["region"] == REGION);
    here.next().cloned().unwrap_or_default()
}

async fn place_reaches(cluster: &Cluster, state: &str) -> Value {
    eventually(state, async || {
        let status = status(cluster)?;
        let circuit = place_circuit(&status);
        let is = circuit["state"].as_str().unwrap_or("Closed");
        if is == state { Ok(status) } else { Err(status.to_string()) }
    })
    .await
}

fn set(cluster: &Cluster, settings: &Value) {
    let spec = json!({"spec": {"circuitBreaker": settings}}).to_string();
    let admin = &cluster.control_plane.admin;
    admin.kubectl(&["patch", "cloudprovider", "aws", "--type=merge", "-p", &spec], "").unwrap();
}

/// With the webhook running.
pub async fn opens_lets_one_try_and_closes(cluster: &Cluster) {
    let (admin, developer) = (&cluster.control_plane.admin, &cluster.control_plane.developer);
    let place = |name: &str| {
        apply(developer, &claim(name)).unwrap();
        placement(developer, name).unwrap()["selected"].clone()
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
    let here = json!({"provider": "aws", "region": REGION});
    let is_here = |selected: &Value| {
        selected["provider"] == here["provider"] && selected["region"] == here["region"]
    };

    set(cluster, &json!({"failureThreshold": 3, "dwellSeconds": 2, "cooldownSeconds": 25}));
    for name in ["break-a", "break-b"] {
        assert!(is_here(&place(name)));
    }
    admin.kubectl(&["create", "namespace", "team-beta"], "").unwrap();
    apply(admin, &claim("break-c").replace(NAMESPACE, "team-beta")).unwrap();
    for (namespace, name) in
        [(NAMESPACE, "break-a"), (NAMESPACE, "break-b"), ("team-beta", "break-c")]
    {
        let ready = ["wait", "-n", namespace, "--for=condition=Ready", "--timeout=120s"];
        let object = format!("mysqlinstanceclaim/{name}");
        admin.kubectl(&[&ready[..], &[&object]].concat(), "").unwrap();
    }

    println!("--- one workload that says so again and again opens nothing");
    cluster.cloud.set_mood("break-a", Mood::Failing);
    eventually("one that fails", async || {
        let status = status(cluster)?;
        if status["failing"] == 1 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let after = status(cluster).unwrap();
    assert_eq!((&after["state"], &after["failing"]), (&json!("Closed"), &json!(1)), "{after}");
    assert_eq!(place_circuit(&after)["state"], "Closed", "{after}");

    println!("--- nor does what all of them did wrong");
    cluster.cloud.set_mood("break-a", Mood::Healthy);
    cluster.cloud.set_mood("aws", Mood::Refusing);
    eventually("all refused", async || {
        let conditions = "jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type==\"ProviderHealthy\")].status} {end}";
        let said = admin.kubectl(&["get", "xmysqlinstances", "-o", conditions], "")?;
        let refused = said.split(' ').filter(|one| one.starts_with("break-") && one.ends_with("=False"));
        if refused.count() == 3 { Ok(()) } else { Err(said) }
    })
    .await;
    // The one that failed before hears of it by a reconcile of its own.
    eventually("nobody who fails by the provider's fault", async || {
        let status = status(cluster)?;
        if status["failing"] == 0 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let after = status(cluster).unwrap();
    assert_eq!((&after["state"], &after["failing"]), (&json!("Closed"), &json!(0)), "{after}");
    cluster.cloud.set_mood("aws", Mood::Healthy);

    println!("--- a region fails: its place opens, and nothing else");
    cluster.cloud.set_mood("aws-us-east-1", Mood::Failing);
    let opened = place_reaches(cluster, "Open").await;
    println!("{opened}");
    assert_eq!(opened["state"], "Closed", "the provider has other regions: {opened}");
    eventually("decisions that know", async || {
        let elsewhere = dry("break-dry");
        let skipped = elsewhere["unhealthy_skipped"].to_string();
        if is_here(&elsewhere["selected"]) {
            Err(skipped)
        } else {
            println!("skipped: {skipped}");
            Ok(())
        }
    })
    .await;
    let elsewhere = dry("break-dry");
    assert!(elsewhere["unhealthy_skipped"].to_string().contains("circuit_open"), "{elsewhere}");

    println!(
        "--- half-open: neither a dry run nor what is not stored takes the probe; the first does"
    );
    let half_open = place_reaches(cluster, "HalfOpen").await;
    assert_eq!(half_open["probe"], Value::Null);
    eventually("a decision that may try", async || {
        let selected = dry("break-dry")["selected"].clone();
        if is_here(&selected) { Ok(()) } else { Err(selected.to_string()) }
    })
    .await;
    let message = developer.kubectl(&["create", "-f", "-"], &claim("break-b")).unwrap_err();
    assert!(message.contains("AlreadyExists"), "{message}");
    assert_eq!(status(cluster).unwrap()["probe"], Value::Null, "nothing was stored");
    assert!(is_here(&place("break-probe")));
    let probe = status(cluster).unwrap()["probe"].clone();
    println!("probe: {probe}");
    assert!(probe["holder"].as_str().unwrap().ends_with("/break-probe"), "{probe}");
    assert_eq!(probe["region"], REGION);
    assert!(!is_here(&place("break-second")));

    println!("--- the probe fails: open again; the region is back: closed");
    let opened = place_reaches(cluster, "Open").await;
    assert_eq!(opened["probe"], Value::Null);
    cluster.cloud.set_mood("aws-us-east-1", Mood::Healthy);
    place_reaches(cluster, "Closed").await;
    eventually("new workloads there", async || {
        let selected = dry("break-dry")["selected"].clone();
        if is_here(&selected) { Ok(()) } else { Err(selected.to_string()) }
    })
    .await;
    set(cluster, &json!({"failureThreshold": 5, "dwellSeconds": 15, "cooldownSeconds": 60}));
    for name in ["break-a", "break-b", "break-probe", "break-second"] {
        deletion::unprotect(admin, NAMESPACE, name).await;
        let ask = ["-n", NAMESPACE, "delete", "mysqlinstanceclaim", name, "--wait=false"];
        developer.kubectl(&ask, "").unwrap();
    }
    deletion::unprotect(admin, "team-beta", "break-c").await;
    admin.kubectl(&["delete", "namespace", "team-beta", "--wait=false"], "").unwrap();
}
