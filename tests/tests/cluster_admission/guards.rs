//! What is in use stays, and what is not known to be unused as well.

use std::net::SocketAddr;
use std::time::Duration;

use idp_core::catalog::embedded_files;
use idp_tests::cluster::{Cluster, User, eventually};
use idp_tests::https::{Connection, Trust};
use serde_json::{Value, json};

use super::{apply, certificates, free_port, replica_of};

const ACCOUNT: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: limited, namespace: webhook-home}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: limited}
rules:
- {apiGroups: [platform.example.org], resources: ['*'], verbs: ['*']}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: ['*']}
- {apiGroups: [''], resources: [secrets], verbs: ['*']}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: limited}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: limited}
subjects: [{kind: ServiceAccount, name: limited, namespace: webhook-home}]
";
const WORKLOADS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: limited-workloads}
rules:
- {apiGroups: [db.platform.example.org, compute.platform.example.org], resources: ['*'], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: limited-workloads}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: limited-workloads}
subjects: [{kind: ServiceAccount, name: limited, namespace: webhook-home}]
";

/// What a replica answers to the deletion of a tier that `orders-db` has.
async fn deletion(address: SocketAddr, trust: &Trust) -> Result<Value, String> {
    let review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "1", "operation": "DELETE", "name": "medium",
            "kind": {"group": "platform.example.org", "version": "v1alpha1", "kind": "Tier"},
            "resource": {"group": "platform.example.org", "version": "v1alpha1", "resource": "tiers"},
            "userInfo": {"username": "admin"},
        },
    });
    let body = serde_json::to_vec(&review).unwrap();
    let connection = Connection::open(address, trust).await;
    let mut connection = connection.map_err(|error| error.to_string())?;
    let reply = connection.post("/validate", &body).await.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let answer: Value = serde_json::from_slice(&reply.body).map_err(|_| text)?;
    Ok(answer["response"]["status"].clone())
}

async fn says(address: SocketAddr, trust: &Trust, code: u16, message: &str) {
    let status = eventually(message, async || {
        let status = deletion(address, trust).await?;
        let said = status["message"].as_str().unwrap_or_default();
        if said.contains(message) { Ok(status) } else { Err(status.to_string()) }
    })
    .await;
    println!("{status}");
    assert_eq!(status["code"], code, "{status}");
}

/// With the webhook running, and `orders-db` there.
pub async fn do_not_say_unused_where_they_do_not_know(cluster: &Cluster) {
    let admin = &cluster.control_plane.admin;
    println!("--- a replica that may not see workloads does not say that a tier is unused");
    apply(admin, ACCOUNT).unwrap();
    let user = cluster.control_plane.service_account("webhook-home", "limited").await;
    let port = free_port();
    let limited = replica_of(cluster, &user, "webhook-limited", port).await;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let authority = certificates::kept(admin, "ca.crt").unwrap();
    let trust = Trust::new(&authority).unwrap();
    says(address, &trust, 503, "may not be watched").await;

    println!("--- and says who needs it once it may");
    apply(admin, WORKLOADS).unwrap();
    says(address, &trust, 409, "team-alpha/orders-db").await;

    limited.process.kill();
}

/// A second Product with the kinds of the first, in a group of its own, comes and goes.
pub async fn keep_kinds_of_one_name_apart(admin: &User) {
    println!("--- two Products with kinds of one name: one goes, the other stays in use");
    let files =
        embedded_files().flat_map(|(_, text)| serde_saphyr::from_multiple::<Value>(text).unwrap());
    let mut products = files.filter(|object| object["kind"] == "Product");
    let mut other = products.find(|product| product["metadata"]["name"] == "mysql").unwrap();
    other["metadata"]["name"] = "mysql-elsewhere".into();
    other["spec"]["api"]["group"] = "elsewhere.example.org".into();
    apply(admin, &other.to_string()).unwrap();
    let registered = async |there: bool| {
        eventually("the rules", async || {
            let path = "jsonpath={.webhooks[*].rules[*].apiGroups}";
            let ask = ["get", "mutatingwebhookconfiguration", "idp-webhook", "-o", path];
            let groups = admin.kubectl(&ask, "")?;
            let has = groups.contains("elsewhere.example.org");
            if has == there { Ok(()) } else { Err(groups) }
        })
        .await;
    };
    registered(true).await;
    // There is nothing of it, and its API is not even served: it may go.
    eventually("the other one's deletion", async || {
        admin.kubectl(&["delete", "product", "mysql-elsewhere"], "")
    })
    .await;
    registered(false).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let message = admin.kubectl(&["delete", "product", "mysql"], "").unwrap_err();
    println!("{message}");
    assert!(message.contains("MySQLInstanceClaim team-alpha/orders-db"), "{message}");
}
