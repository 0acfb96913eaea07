//! One release from its first day to after its last, with workloads that live through all of it.

use idp_tests::cluster::{Cluster, KINDS, MYSQL, Release, Team, WEBAPP, Workload, eventually};
use serde_json::{Value, json};

use crate::documents::{follow, readme, shell};
use crate::pods::{self, NAMESPACE, REASON, Replica};
use crate::previous;
use crate::users::{self, Things};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../package/chart");
const REGISTRATION: [&str; 2] =
    ["mutatingwebhookconfiguration/idp-webhook", "validatingwebhookconfiguration/idp-webhook"];
/// What a release brings that users rely on.
const PLATFORM: &str = "customresourcedefinitions,compositeresourcedefinitions,compositions,candidates,tiers,cloudproviders,products";

#[tokio::test]
async fn nothing_of_the_users_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let values = vec!["products.namespaced=true".to_owned()];
    let Some(cluster) =
        Cluster::shared_with(Release { chart: previous::chart(folder.path()), values })
    else {
        return;
    };
    let team = cluster.team_alone("upgrade").await;
    let notes = cluster.helm(&["get", "notes", "idp", "--namespace", NAMESPACE]).unwrap();
    println!("--- installed\n{notes}");
    let replicas = both(cluster, ["webhook-0", "webhook-1"]).await;
    registered(cluster).await;
    follow(cluster, &notes);
    let workloads = [
        team.workload(MYSQL, "orders").await,
        team.workload(WEBAPP, "shop").await,
        team.workload(KINDS[3], "ledger").await,
    ];
    let mut places = Vec::new();
    for workload in &workloads {
        workload.ready().await;
        places.push(workload.placed().await);
    }
    let decided = decision(&workloads[0]).await;
    assert_eq!((&decided["decided_by"], &decided["sequence"]), (&json!("admission"), &json!(1)));
    assert_ne!(decided["selected"]["provider"], "aws", "the earlier catalog has better places");
    let before = at_rest(&workloads).await;
    let (platform, destroyed) =
        (users::uids(cluster, PLATFORM), cluster.cloud.ledger().destroyed.len());

    println!("--- upgraded");
    assert!(definition(cluster).contains(previous::OBSOLETE));
    println!("{}", upgrade(cluster, &[]).await);
    let now = definition(cluster);
    assert!(!now.contains(previous::OBSOLETE) && now.contains(r#""name":"Age""#), "{now}");
    let left =
        cluster.control_plane.admin.kubectl(&["get", "clusterrole", "idp-crds"], "").unwrap_err();
    assert!(left.contains("NotFound"), "the hook's rights are gone with it: {left}");
    let replicas = rolled(cluster, replicas, ["webhook-2", "webhook-3"]).await;
    registered(cluster).await;
    same(&all(&workloads).await, &before, "upgraded");
    for (workload, place) in workloads.iter().zip(&places) {
        looked_at_again(&team, workload).await;
        assert_eq!(&workload.placed().await, place);
    }
    same(
        &composed(&workloads).await,
        &only_composed(&before, &workloads).await,
        "upgraded, and looked at again",
    );
    assert_eq!(users::uids(cluster, PLATFORM), platform);
    let fresh = team.workload(MYSQL, "fresh").await;
    assert_eq!(
        decision(&fresh).await["selected"]["provider"],
        "aws",
        "the new catalog counts for what is new"
    );
    fresh.ready().await;

    println!("--- the webhook is switched off, while its pods still run");
    println!("{}", upgrade(cluster, &["webhook.enabled=false"]).await);
    unregistered(cluster).await;
    let unstamped = team.workload(WEBAPP, "unstamped").await;
    assert_eq!(
        unstamped.get().await.unwrap().metadata.annotations.unwrap().get(REASON),
        None,
        "nobody stamps it"
    );
    unstamped.ready().await;
    for (name, replica) in replicas {
        replica.stop(cluster, name).await;
    }
    println!("--- and on again");
    println!("{}", upgrade(cluster, &[]).await);
    let replicas = both(cluster, ["webhook-4", "webhook-5"]).await;
    registered(cluster).await;

    println!("--- removed, while the webhook's pods still run");
    let before = at_rest(&workloads).await;
    let said = cluster.helm(&["uninstall", "idp", "--namespace", NAMESPACE]).unwrap();
    println!("{said}");
    assert!(
        said.contains("kept due to the resource policy")
            && said.contains("[Candidate] aws-us-east-1"),
        "{said}"
    );
    unregistered(cluster).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    unregistered(cluster).await;
    for (name, replica) in replicas {
        replica.stop(cluster, name).await;
    }
    assert_eq!(users::uids(cluster, PLATFORM), platform);
    for workload in &workloads {
        team.kubectl(&["label", workload.kind.kind, &workload.name, "platform=gone"], "").unwrap();
        team.kubectl(&["label", workload.kind.kind, &workload.name, "platform-"], "").unwrap();
    }
    same(&settled(all(&workloads).await), &settled(before.clone()), "removed");
    assert_eq!(cluster.cloud.ledger().destroyed.len(), destroyed, "nothing at the providers");

    println!("--- installed again");
    let package = format!("function.package={}", cluster.package);
    let values = ["--namespace", NAMESPACE, "--set", &package, "--set", "products.namespaced=true"];
    println!(
        "{}",
        cluster.helm(&[&["install", "idp", CHART], values.as_slice()].concat()).unwrap()
    );
    cluster.function_again().await;
    let replicas = both(cluster, ["webhook-6", "webhook-7"]).await;
    registered(cluster).await;
    for (workload, place) in workloads.iter().zip(&places) {
        looked_at_again(&team, workload).await;
        workload.ready().await;
        assert_eq!(&workload.placed().await, place);
    }
    same(&composed(&workloads).await, &only_composed(&before, &workloads).await, "installed again");
    assert_eq!(cluster.cloud.ledger().destroyed.len(), destroyed, "nothing at the providers");
    for (name, replica) in &replicas {
        println!("{name}: {}", replica.resident());
        let log = std::fs::read_to_string(&replica.process.log).unwrap();
        let refused: Vec<_> = log.lines().filter(|line| line.contains("orbidden")).collect();
        assert!(refused.is_empty(), "the chart's rights are enough: {refused:#?}");
    }

    println!("--- removed for good, as the README says");
    println!(
        "{}",
        shell(
            cluster,
            readme("kubectl apply --server-side --force-conflicts -f package/chart/crds/")
        )
    );
    for workload in workloads.iter().chain([&fresh, &unstamped]) {
        workload.delete().await;
    }
    cluster.helm(&["uninstall", "idp", "--namespace", NAMESPACE]).unwrap();
    for command in ["kubectl delete xrd,compositions", "kubectl delete crd "] {
        println!("{}", shell(cluster, readme(command)));
    }
    // Crossplane's roles go with their definitions, when the garbage collector comes to them.
    eventually("nothing left", async || {
        let left = cluster.operate(
            &["get", "customresourcedefinitions,xrd,compositions,clusterroles", "-o", "name"],
            "",
        );
        let ours = |name: &&str| name.contains("platform.example.org") || name.contains("/idp-");
        let left: Vec<_> = left.lines().filter(ours).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}

type Replicas = [(&'static str, Replica); 2];

async fn both(cluster: &Cluster, names: [&'static str; 2]) -> Replicas {
    let [first, second] = names;
    [(first, pods::webhook(cluster, first).await), (second, pods::webhook(cluster, second).await)]
}

/// One after the other, as the Deployment rolls.
async fn rolled(cluster: &Cluster, old: Replicas, names: [&'static str; 2]) -> Replicas {
    let new = both(cluster, names).await;
    for (name, replica) in old {
        replica.stop(cluster, name).await;
    }
    new
}

/// `helm upgrade` to the chart of this repository, its Job run.
async fn upgrade(cluster: &'static Cluster, values: &'static [&str]) -> String {
    let helm = tokio::task::spawn_blocking(move || {
        let package = format!("function.package={}", cluster.package);
        let mut arguments =
            vec!["upgrade", "idp", CHART, "--namespace", NAMESPACE, "--set", &package];
        for value in std::iter::once(&"products.namespaced=true").chain(values) {
            arguments.extend(["--set", value]);
        }
        cluster.helm(&arguments)
    });
    pods::job(cluster, "idp-crds").await;
    helm.await.unwrap().unwrap()
}

fn definition(cluster: &Cluster) -> String {
    let text =
        cluster.operate(&["get", "crd", "candidates.platform.example.org", "-o", "json"], "");
    serde_json::from_str::<Value>(&text).unwrap()["spec"].to_string()
}

/// Both configurations are there, belong to the chart's ClusterRole, and the API server goes by
/// them.
async fn registered(cluster: &Cluster) {
    let claim = MYSQL.manifest("registered").to_string();
    for configuration in REGISTRATION {
        eventually("the registration", async || {
            let owner =
                "jsonpath={.metadata.ownerReferences[*].kind}/{.metadata.ownerReferences[*].name}";
            let owner =
                cluster.control_plane.admin.kubectl(&["get", configuration, "-o", owner], "")?;
            if owner == "ClusterRole/idp-webhook" { Ok(()) } else { Err(owner) }
        })
        .await;
    }
    eventually("a stamp", async || {
        let dry = ["create", "--dry-run=server", "-n", "upgrade", "-o", "json", "-f", "-"];
        let stamped = cluster.control_plane.admin.kubectl(&dry, &claim)?;
        if stamped.contains(REASON) { Ok(()) } else { Err(stamped) }
    })
    .await;
}

async fn unregistered(cluster: &Cluster) {
    for configuration in REGISTRATION {
        eventually("the end of the registration", async || {
            let left = cluster.control_plane.admin.kubectl(&["get", configuration], "");
            left.err()
                .filter(|error| error.contains("NotFound"))
                .map(drop)
                .ok_or_else(|| "it is still there".to_owned())
        })
        .await;
    }
}

/// The decision as it is stamped on what the developer wrote.
async fn decision(workload: &Workload<'_>) -> Value {
    let annotations = workload.get().await.unwrap().metadata.annotations.unwrap_or_default();
    serde_json::from_str(annotations.get(REASON).expect("a placement reason")).unwrap()
}

async fn all(workloads: &[Workload<'_>]) -> Things {
    let mut things = Things::new();
    for workload in workloads {
        things.extend(users::workload(workload).await);
    }
    things
}

/// All of it, once nothing has changed for two seconds: a claim is ready before its last condition
/// is written.
async fn at_rest(workloads: &[Workload<'_>]) -> Things {
    let mut last = all(workloads).await;
    eventually("workloads at rest", async || {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let now = all(workloads).await;
        let same = now == last;
        last = now;
        if same { Ok(last.clone()) } else { Err("they still change".to_owned()) }
    })
    .await
}

async fn composed(workloads: &[Workload<'_>]) -> Things {
    only_composed(&all(workloads).await, workloads).await
}

async fn only_composed(things: &Things, workloads: &[Workload<'_>]) -> Things {
    let mut composed = things.clone();
    for workload in workloads {
        for own in [workload.get().await.unwrap(), workload.composite().await.unwrap()] {
            composed.remove(&users::name(&own));
        }
    }
    composed
}

/// Without what Crossplane says of a composite whose function is gone.
fn settled(mut things: Things) -> Things {
    for thing in things.values_mut().filter(|thing| !thing["status"]["placement"].is_null()) {
        thing["status"].as_object_mut().unwrap().remove("conditions");
    }
    things
}

fn same(now: &Things, before: &Things, when: &str) {
    assert_eq!(now.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{when}");
    for (name, thing) in now {
        let (now, before) = (
            serde_json::to_string_pretty(thing).unwrap(),
            serde_json::to_string_pretty(&before[name]).unwrap(),
        );
        let changes: Vec<_> =
            now.lines().zip(before.lines()).filter(|(now, before)| now != before).take(5).collect();
        assert!(now == before, "{when}: {name}: {changes:#?}");
    }
}

/// Makes Crossplane call the function for it, and waits until that ended well.
async fn looked_at_again(team: &Team, workload: &Workload<'_>) {
    let stamp =
        format!("seen={}", workload.get().await.unwrap().metadata.resource_version.unwrap());
    team.kubectl(&["label", "--overwrite", workload.kind.kind, &workload.name, &stamp], "")
        .unwrap();
    eventually("the change in the composite", async || {
        let composite = workload.composite().await?;
        let labels = composite.metadata.labels.unwrap_or_default();
        if labels.get("seen").is_some_and(|seen| stamp.ends_with(seen)) {
            workload.synced().await
        } else {
            Err(format!("{labels:?}"))
        }
    })
    .await;
}
