//! What else an adversary found, each named after its finding, beside the webhook. The others are
//! in `tenants`, `guards`, `breaker` and `certificates`.

use idp_tests::cluster::{Cluster, User, eventually};
use serde_json::{Value, json};

use super::{NAMESPACE, apply, claim, deletion, placement};

const KIND: &str = "mysqlinstanceclaims.db.platform.example.org";

fn field(user: &User, name: &str, path: &str) -> Result<String, String> {
    let path = format!("jsonpath={{{path}}}");
    user.kubectl(&["-n", NAMESPACE, "get", KIND, name, "-o", &path], "")
}

fn annotate(user: &User, name: &str, annotation: &str) -> Result<String, String> {
    user.kubectl(&["-n", NAMESPACE, "annotate", "--overwrite", KIND, name, annotation], "")
}

async fn id(user: &User, name: &str) -> String {
    eventually("an id at the provider", async || {
        let id = field(user, name, ".status.placement.id")?;
        if id.is_empty() { Err("none yet".to_owned()) } else { Ok(id) }
    })
    .await
}

/// With developers who may fail over.
pub async fn do_not_come_back(cluster: &Cluster) {
    let (admin, developer) = (&cluster.control_plane.admin, &cluster.control_plane.developer);

    println!("--- finding 1: no other workload is called the same at the provider");
    for name in ["1-orders", "2-orders"] {
        apply(developer, &claim(name)).unwrap();
    }
    let ids = [id(developer, "1-orders").await, id(developer, "2-orders").await];
    let hashes = ids.each_ref().map(|id| id.strip_prefix("orders-").expect("the readable part"));
    assert_ne!(hashes[0], hashes[1]);
    // 80 bits in letters and digits.
    assert!(hashes.iter().all(|hash| hash.len() >= 16), "{ids:?}");

    println!("--- finding 12: two products, one name: each has a Secret of its own");
    let secret = field(developer, "1-orders", ".spec.writeConnectionSecretToRef.name").unwrap();
    let beside = "
apiVersion: db.platform.example.org/v1alpha1
kind: PostgreSQLInstanceClaim
metadata: {name: 1-orders, namespace: team-alpha}
spec:
  parameters: {cell: c1, tier: critical, environment: production, size: small, storageGB: 20}
";
    let ask =
        ["apply", "--dry-run=server", "-o", "jsonpath={.spec.writeConnectionSecretToRef.name}"];
    let other = developer.kubectl(&[&ask[..], &["-f", "-"]].concat(), beside).unwrap();
    assert_eq!(
        (secret.as_str(), other.as_str()),
        ("1-orders-mysql-conn", "1-orders-postgresql-conn")
    );

    println!("--- finding 9: an edited Candidate re-homes nothing");
    let config = |name: &Value| {
        let change = json!({"spec": {"providerConfigRef": name}}).to_string();
        let ask = ["patch", "candidate", "aws-us-east-1", "--type=merge", "-p", &change];
        admin.kubectl(&ask, "").unwrap();
    };
    let home = ".status.placement.providerConfigRef.name";
    let before = field(developer, "1-orders", home).unwrap();
    config(&json!({"name": "another-account"}));
    eventually("a word on the changed Candidate", async || {
        let notices = field(developer, "1-orders", ".status.placement.notices")?;
        if notices.contains("candidate-changed-") { Ok(()) } else { Err(notices) }
    })
    .await;
    assert_eq!(field(developer, "1-orders", home).unwrap(), before);
    config(&Value::Null);

    println!("--- finding 17: a request that is applied again moves nothing");
    annotate(developer, "1-orders", "platform.example.org/failover=any@1").unwrap();
    let moved = placement(developer, "1-orders").unwrap();
    assert_eq!(moved["sequence"], 2);
    annotate(developer, "1-orders", "platform.example.org/failover=any@1").unwrap();
    assert_eq!(placement(developer, "1-orders").unwrap(), moved);

    println!("--- finding 18: the webhook goes by no Candidate that the function does not see");
    let unseen = json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "Candidate", "metadata": {"name": "unseen"},
        "spec": {"provider": "aws", "region": "north-1", "runtimeCluster": "c", "scores": {}},
    });
    let message = apply(admin, &unseen.to_string()).unwrap_err();
    assert!(message.contains("the function does not see the object"), "{message}");

    println!("--- finding 22: who may create a cluster-scoped composite resource can");
    let scoped = claim("scoped")
        .replace("kind: MySQLInstanceClaim", "kind: XMySQLInstance")
        .replace(", namespace: team-alpha", "");
    admin.kubectl(&["create", "--dry-run=server", "-f", "-"], &scoped).unwrap();

    println!("--- finding 23: what is restored leaves room for moves");
    let mut last = moved;
    last["sequence"] = json!(u64::MAX);
    let mut restored: Value = serde_saphyr::from_str(&claim("3-orders")).unwrap();
    restored["metadata"]["annotations"] =
        json!({"platform.example.org/placement-reason": last.to_string()});
    let message = admin.kubectl(&["create", "-f", "-"], &restored.to_string()).unwrap_err();
    assert!(message.contains("one that is restored has at most"), "{message}");

    for name in ["1-orders", "2-orders"] {
        deletion::unprotect(admin, NAMESPACE, name).await;
        developer.kubectl(&["-n", NAMESPACE, "delete", KIND, name, "--wait=false"], "").unwrap();
    }
}
