//! What holds data and is protected is not deleted, whoever asks and whether the webhook is there or
//! not; what is deleted on purpose ends, and leaves what it promised.

use idp_tests::cluster::{Cluster, Mood, User, eventually};
use serde_json::{Value, json};

use super::{NAMESPACE, apply, claim};

const KIND: &str = "mysqlinstanceclaims.db.platform.example.org";

fn kubectl(user: &User, namespace: &str, arguments: &[&str]) -> Result<String, String> {
    user.kubectl(&[&["-n", namespace], arguments].concat(), "")
}

fn get(user: &User, namespace: &str, name: &str) -> Result<Value, String> {
    let text = kubectl(user, namespace, &["get", KIND, name, "-o", "json"])?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn set(user: &User, namespace: &str, name: &str, deletion: &str) -> Result<String, String> {
    let change = json!({"spec": {"parameters": {"deletion": deletion}}}).to_string();
    kubectl(user, namespace, &["patch", KIND, name, "--type=merge", "-p", &change])
}

fn delete(user: &User, namespace: &str, name: &str) -> Result<String, String> {
    kubectl(user, namespace, &["delete", KIND, name, "--timeout=240s"])
}

fn wait_until_ready(user: &User, namespace: &str, name: &str) {
    let object = format!("{KIND}/{name}");
    let wait = ["wait", &object, "--for=condition=Ready", "--timeout=240s"];
    kubectl(user, namespace, &wait).unwrap();
}

#[track_caller]
fn refused(outcome: Result<String, String>, why: &str) {
    let message = outcome.expect_err(why);
    println!("{message}");
    assert!(message.contains(why), "{why:?} is not what is said: {message}");
}

/// Until the status says what deleting it means.
async fn says(user: &User, namespace: &str, name: &str, deletion: &str) -> Value {
    eventually(&format!("{name} to be {deletion}"), async || {
        let object = get(user, namespace, name)?;
        let now = object["status"]["placement"]["deletion"].clone();
        if now == deletion { Ok(object) } else { Err(object["status"].to_string()) }
    })
    .await
}

/// Lowers a production workload's deletion to a final backup, as far as deleting it needs.
pub async fn unprotect(admin: &User, namespace: &str, name: &str) {
    set(admin, namespace, name, "backup").unwrap();
    eventually("what deleting it means to be carried out", async || {
        kubectl(admin, namespace, &["delete", KIND, name, "--dry-run=server"])
    })
    .await;
}

/// With the chart's policy alone, and `early-db` in production.
pub async fn is_refused_by_the_policy_alone(admin: &User, developer: &User) {
    println!("--- what is protected is not deleted, without the webhook");
    says(developer, NAMESPACE, "early-db", "protect").await;
    let why = "MySQLInstanceClaim team-alpha/early-db holds data and is protected";
    refused(delete(developer, NAMESPACE, "early-db"), why);
    refused(kubectl(developer, NAMESPACE, &["delete", KIND, "--all"]), why);
    refused(delete(admin, NAMESPACE, "early-db"), "which in production takes the verb");
    refused(set(developer, NAMESPACE, "early-db", "backup"), "cannot be lowered in production");
    set(developer, NAMESPACE, "early-db", "protect").unwrap();
}

/// Developers may take protection off.
pub const UNPROTECT_RIGHT: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: unprotector, namespace: team-alpha}
rules: [{apiGroups: [db.platform.example.org], resources: [mysqlinstanceclaims], verbs: [unprotect]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: unprotector, namespace: team-alpha}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: unprotector}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}]
";

/// Beside the webhook.
pub async fn is_on_purpose(cluster: &Cluster) {
    let (admin, developer) = (&cluster.control_plane.admin, &cluster.control_plane.developer);
    println!("--- what is protected is not deleted, nor is what it is made of");
    apply(developer, &claim("kept-db")).unwrap();
    wait_until_ready(developer, NAMESPACE, "kept-db");
    let object = says(developer, NAMESPACE, "kept-db", "protect").await;
    refused(delete(developer, NAMESPACE, "kept-db"), "holds data and is protected");
    let composite = object["spec"]["resourceRef"]["name"].as_str().unwrap().to_owned();
    let of_composite = format!("crossplane.io/composite={composite}");
    let composite = format!("xmysqlinstances.db.platform.example.org/{composite}");
    refused(admin.kubectl(&["delete", &composite], ""), "holds data and is protected");
    for kind in ["instances.rds.aws.upbound.io", "securitygroups.ec2.aws.upbound.io", "secrets"] {
        let ask = ["delete", kind, "-l", &of_composite, "--wait=false"];
        refused(kubectl(admin, NAMESPACE, &ask), "belongs to a workload that holds data and is");
    }

    println!("--- it is lowered by who may");
    let lower = || set(developer, NAMESPACE, "kept-db", "backup");
    refused(lower(), "does not have the verb \"unprotect\"");
    apply(admin, UNPROTECT_RIGHT).unwrap();
    cluster.cloud.set_mood("kept-db", Mood::Stalled);
    eventually("the right", async || lower()).await;
    admin.kubectl(&["-n", NAMESPACE, "delete", "rolebinding", "unprotector"], "").unwrap();

    println!("--- not deleted before the cloud has taken its protection off");
    let why = "would not be deleted as it is to be: \"backup\" is asked for";
    refused(delete(developer, NAMESPACE, "kept-db"), why);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    refused(delete(developer, NAMESPACE, "kept-db"), why);
    cluster.cloud.set_mood("kept-db", Mood::Healthy);
    let object = says(developer, NAMESPACE, "kept-db", "backup").await;

    println!("--- then it ends, and leaves the final backup it promised");
    let id = object["status"]["placement"]["id"].as_str().unwrap().to_owned();
    let snapshots = || {
        let of_it = |name: &String| name.starts_with(&format!("{id}-final-"));
        cluster.cloud.ledger().snapshots.into_iter().filter(of_it).collect::<Vec<_>>()
    };
    assert_eq!(snapshots(), Vec::<String>::new());
    delete(developer, NAMESPACE, "kept-db").unwrap();
    eventually("the final snapshot", async || {
        let there = snapshots();
        if there.len() == 1 { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;

    println!("--- restored with its id, and deleted again: another snapshot");
    let mut backup = object;
    for field in ["resourceVersion", "uid", "finalizers", "managedFields"] {
        backup["metadata"].as_object_mut().unwrap().shift_remove(field);
    }
    backup["spec"].as_object_mut().unwrap().shift_remove("resourceRef");
    admin.kubectl(&["create", "-f", "-"], &backup.to_string()).unwrap();
    eventually("what it is called at its provider", async || {
        let left = cluster.cloud.ledger().existing_of(&id).count();
        let object = get(developer, NAMESPACE, "kept-db")?;
        let same = object["status"]["placement"]["id"] == id.as_str();
        if left > 0 && same { Ok(()) } else { Err(object["status"].to_string()) }
    })
    .await;
    wait_until_ready(developer, NAMESPACE, "kept-db");
    unprotect(admin, NAMESPACE, "kept-db").await;
    delete(developer, NAMESPACE, "kept-db").unwrap();
    eventually("the second snapshot", async || {
        let there = snapshots();
        if there.len() == 2 { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;

    of_a_namespace_says_why(cluster).await;
}

/// The controller that empties a namespace is refused like anybody.
async fn of_a_namespace_says_why(cluster: &Cluster) {
    const TEAM: &str = "team-gone";
    let admin = &cluster.control_plane.admin;
    println!("--- a namespace that holds something protected does not go, and says why");
    admin.kubectl(&["create", "namespace", TEAM], "").unwrap();
    apply(admin, &claim("left-db").replace(NAMESPACE, TEAM)).unwrap();
    wait_until_ready(admin, TEAM, "left-db");
    let object = says(admin, TEAM, "left-db", "protect").await;
    let id = object["status"]["placement"]["id"].as_str().unwrap().to_owned();
    let instances = || cluster.cloud.ledger().existing_of(&id).count();
    let before = instances();
    assert!(before > 0, "{id}");
    admin.kubectl(&["delete", "namespace", TEAM, "--wait=false"], "").unwrap();
    let said = eventually("a reason", async || {
        let path =
            "jsonpath={.status.conditions[?(@.type==\"NamespaceDeletionContentFailure\")].message}";
        let said = admin.kubectl(&["get", "namespace", TEAM, "-o", path], "")?;
        if said.contains("team-gone/left-db holds data and is protected") {
            Ok(said)
        } else {
            Err(said)
        }
    })
    .await;
    println!("{said}");
    assert_eq!(instances(), before, "nothing of it has gone");
    assert!(
        kubectl(
            admin,
            TEAM,
            &["get", "secrets", "-l", "platform.example.org/deletion=protect", "-o", "name"]
        )
        .unwrap()
        .contains("secret/"),
        "nor its password"
    );

    println!("--- lowered by who may, it ends; what was orphaned stays");
    set(admin, TEAM, "left-db", "orphan").unwrap();
    says(admin, TEAM, "left-db", "orphan").await;
    eventually("the namespace's end", async || {
        match admin.kubectl(&["get", "namespace", TEAM, "-o", "jsonpath={.status}"], "") {
            Err(gone) if gone.contains("NotFound") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(instances(), before, "orphaned");
}

/// With no webhook there, and `down-db` protected.
pub fn is_refused_while_the_webhook_is_down(developer: &User) {
    refused(delete(developer, NAMESPACE, "down-db"), "holds data and is protected");
}
