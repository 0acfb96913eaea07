//! What keeps workloads from each other and data from being deleted, each named after its finding.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use idp_crds::names::PLACEMENT_REASON;
use idp_webhook::admission::secrets::Secrets;
use serde_json::{Value, json};

use super::fixture::{Review, Webhook, annotate, claim, with_status};

const OWNER: &str = "f:platform.example.org/placement-reason";

/// An object whose annotation somebody is noted for.
fn owned(mut object: Value) -> Value {
    object["metadata"]["managedFields"] = json!([
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, OWNER: {}, "f:note": {}}}}},
    ]);
    object
}

/// The chart's admission policy goes by who is noted for the annotation: nobody is for what the
/// webhook has settled, or it would refuse the next move.
#[tokio::test]
async fn finding_5_what_the_webhook_settles_is_nobodys() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let text = stored["metadata"]["annotations"][PLACEMENT_REASON].as_str().unwrap();
    let mut backup = claim();
    annotate(&mut backup, PLACEMENT_REASON, text);
    let restored = webhook.admit(&Review::create(owned(backup)).by_admin()).await.allowed();
    let left = json!({".": {}, "f:note": {}});
    let managed = |object: &Value| {
        object["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"]["f:annotations"].clone()
    };
    assert_eq!(managed(&restored), left);

    let placed = with_status(&owned(stored), &[]);
    let edited = Review::update(&placed, |object| annotate(object, PLACEMENT_REASON, "{}"));
    assert_eq!(managed(&webhook.admit(&edited).await.allowed()), left);
    let moved = Review::update(&placed, |object| {
        annotate(object, "platform.example.org/failover", "aws");
    });
    assert_eq!(managed(&webhook.admit(&moved.by_admin()).await.allowed()), left);

    // Crossplane would write again what is taken from it.
    let theirs = Review::update(&placed, |object| object["spec"]["resourceRef"] = json!({}));
    let stays = webhook.admit(&theirs.by_crossplane()).await.allowed();
    assert_eq!(managed(&stays), managed(&placed));
}

/// Crossplane may write a connection anywhere; whoever makes a cluster-scoped composite resource may not.
#[tokio::test]
async fn finding_25_a_connection_goes_where_its_user_may_write() {
    let webhook = Webhook::start().await;
    let elsewhere = json!({"name": "stolen", "namespace": "team-b"});
    let mut composite = claim();
    composite["kind"] = "XMySQLInstance".into();
    composite["metadata"].as_object_mut().unwrap().shift_remove("namespace");
    let plain = webhook.admit(&Review::create(composite.clone())).await.allowed();
    composite["spec"]["writeConnectionSecretToRef"] = elsewhere.clone();
    let message = webhook.admit(&Review::create(composite.clone())).await.refused();
    let field = "spec.writeConnectionSecretToRef.namespace: is where you may not create Secrets";
    assert!(message.contains(field) && message.contains("team-b"), "{message}");
    let stored = webhook.admit(&Review::create(composite).by_admin()).await.allowed();

    let placed = with_status(&plain, &[]);
    let redirect =
        Review::update(&placed, |o| o["spec"]["writeConnectionSecretToRef"] = elsewhere.clone());
    assert!(webhook.admit(&redirect).await.refused().contains(field));
    // What stands there stays.
    let kept = Review::update(&with_status(&stored, &[]), |o| annotate(o, "note", "a"));
    webhook.admit(&kept).await.allowed();
}

#[tokio::test]
async fn finding_19_leaving_production_takes_a_verb_where_there_is_data() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let placed = with_status(&stored, &[]);
    let to = |environment: &'static str| {
        Review::update(&placed, move |object| {
            object["spec"]["parameters"]["environment"] = environment.into();
        })
    };
    let message = webhook.admit(&to("dev")).await.refused();
    for part in
        ["spec.parameters.environment: cannot leave production", "keep production", "unprotect"]
    {
        assert!(message.contains(part), "{message}");
    }
    let left = webhook.admit(&to("staging").by_admin()).await.allowed();
    assert_eq!(left["metadata"]["labels"]["platform.example.org/environment"], "staging");
    // Into production, and between the others, everybody may.
    let back = Review::update(&left, |object| {
        object["spec"]["parameters"]["environment"] = "production".into();
    });
    webhook.admit(&back).await.allowed();

    // What holds no data loses none.
    let app = json!({
        "apiVersion": "compute.platform.example.org/v1alpha1", "kind": "WebAppClaim",
        "metadata": {"name": "shop", "namespace": "team-alpha"},
        "spec": {"parameters": {"cell": "c1", "tier": "medium", "environment": "production", "image": "example.org/shop:1"}}
    });
    let app = webhook.admit(&Review::create(app)).await.allowed();
    let leaves = Review::update(&app, |object| {
        object["spec"]["parameters"]["environment"] = "dev".into();
    });
    webhook.admit(&leaves).await.allowed();
}

/// Lowered by who may, raised by everybody; outside of production it is everybody's.
#[tokio::test]
async fn deletion_is_lowered_in_production_by_a_verb() {
    let webhook = Webhook::start().await;
    let deletion = |object: &Value, deletion: Value| {
        Review::update(object, move |object| object["spec"]["parameters"]["deletion"] = deletion)
    };
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let protected = with_status(&stored, &[]);
    for lower in ["backup", "orphan"] {
        let message = webhook.admit(&deletion(&protected, json!(lower))).await.refused();
        let said = format!("spec.parameters.deletion: cannot go from protect to {lower}");
        assert!(message.contains(&said) && message.contains("unprotect"), "{message}");
    }
    let lowered = webhook.admit(&deletion(&protected, json!("backup")).by_admin()).await.allowed();
    let raised = webhook.admit(&deletion(&lowered, json!("orphan"))).await.allowed();
    let message = webhook.admit(&deletion(&raised, json!("backup"))).await.refused();
    assert!(message.contains("cannot go from orphan to backup"), "{message}");
    webhook.admit(&deletion(&raised, Value::Null)).await.allowed();

    let mut dev = claim();
    dev["spec"]["parameters"]["environment"] = "dev".into();
    dev["spec"]["parameters"]["deletion"] = "protect".into();
    let dev = webhook.admit(&Review::create(dev)).await.allowed();
    let free = webhook.admit(&deletion(&dev, Value::Null)).await.allowed();
    webhook.admit(&deletion(&free, json!("orphan"))).await.allowed();
}

/// A cluster with these Secrets' metadata, and how often it was asked.
async fn cluster(owner: Option<Value>) -> (Secrets, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = async move |Path((namespace, name)): Path<(String, String)>| {
        count.fetch_add(1, Ordering::Relaxed);
        let status = |code: u16, reason: &str| {
            let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason});
            (StatusCode::from_u16(code).unwrap(), axum::Json(body))
        };
        match (&*namespace, &owner) {
            ("team-forbidden", _) => status(403, "Forbidden"),
            ("team-alpha", Some(owner)) => (
                StatusCode::OK,
                axum::Json(json!({
                    "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                    "metadata": {"name": name, "namespace": namespace, "ownerReferences": owner},
                })),
            ),
            _ => status(404, "NotFound"),
        }
    };
    let router = Router::new().route("/api/v1/namespaces/{namespace}/secrets/{name}", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    // Another crate of the tests brings a second one.
    rustls::crypto::ring::default_provider().install_default().ok();
    let config = kube::Config::new(url.parse().unwrap());
    (Secrets::of_cluster(kube::Client::try_from(config).unwrap()), asked)
}

#[tokio::test]
async fn finding_11_a_secret_that_is_somebody_elses_is_told_before_the_workload_is_made() {
    let (secrets, _) = cluster(Some(json!([]))).await;
    let webhook = Webhook::beside_secrets(secrets).await;
    let message = webhook.admit(&Review::create(claim())).await.refused();
    for part in [
        "metadata.name",
        "team-alpha/orders-db-mysql-conn",
        "delete that Secret, or choose another name",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // With everything else that is wrong.
    let mut wrong = claim();
    wrong["spec"]["parameters"]["size"] = "huge".into();
    let message = webhook.admit(&Review::create(wrong)).await.refused();
    assert!(message.contains("orders-db-mysql-conn") && message.contains("size"), "{message}");
    // Composites of one scope write their own.
    let mut composite = claim();
    composite["kind"] = "MySQLInstance".into();
    let message = webhook.admit(&Review::create(composite)).await.refused();
    assert!(message.contains("orders-db-mysql-conn"), "{message}");
    // What exists already is not asked of again, nor is Crossplane.
    webhook.admit(&Review::create(claim()).by_crossplane()).await.allowed();
}

#[tokio::test]
async fn the_secret_of_a_workload_that_has_just_gone_is_in_nobodys_way() {
    let owner = json!([{"apiVersion": "db.platform.example.org/v1alpha1", "kind": "MySQLInstanceClaim", "name": "orders-db", "uid": "1", "controller": true}]);
    let (secrets, _) = cluster(Some(owner)).await;
    let webhook = Webhook::beside_secrets(secrets).await;
    webhook.admit(&Review::create(claim())).await.allowed();
    let mut other = claim();
    other["kind"] = "MySQLInstance".into();
    webhook.admit(&Review::create(other)).await.refused();
}

#[tokio::test]
async fn where_secrets_cannot_be_looked_at_it_is_said_and_absence_is_remembered() {
    let (secrets, asked) = cluster(None).await;
    let webhook = Webhook::beside_secrets(secrets).await;
    // Mutating twice and validating: one question.
    webhook.admit(&Review::create(claim())).await.allowed();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let mut unknown = claim();
    unknown["metadata"]["namespace"] = "team-forbidden".into();
    let outcome = webhook.admit(&Review::create(unknown)).await;
    assert_eq!(outcome.denied.as_ref().unwrap()["code"], 503);
    let message = outcome.refused();
    assert!(message.contains("--no-secret-check"), "{message}");
}
