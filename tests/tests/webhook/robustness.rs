//! What is not a review gets a clear answer, and load, new certificates and shutdown lose nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use idp_tests::https::{Connection, Trust};
use idp_webhook::certificates::Authority;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fixture::{Review, Webhook, answer, certificate, claim};

#[tokio::test]
async fn what_is_no_review_gets_a_clear_answer() {
    let webhook = Webhook::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let beta =
        json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1", "request": {}})
            .to_string();
    let empty = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}).to_string();
    let mut said = Vec::new();
    for (what, content_type, body) in [
        ("malformed", "application/json", r#"{"kind": "#.to_owned()),
        ("nothing", "application/json", String::new()),
        ("deep", "application/json", deep),
        ("another version", "application/json", beta),
        ("no request", "application/json", empty),
        ("wrong content type", "text/plain", "{}".to_owned()),
    ] {
        let mut connection = webhook.connect().await;
        let reply = connection.send("/validate", content_type, body.as_bytes()).await.unwrap();
        said.push(format!("{what}: {} {}", reply.status, String::from_utf8(reply.body).unwrap()));
        assert_eq!(
            connection.post("/mutate", &Review::create(claim()).body()).await.unwrap().status,
            200,
            "after {what}"
        );
    }
    insta::assert_snapshot!(said.join(""));
}

#[tokio::test]
async fn a_huge_body_is_refused_unread() {
    let webhook = Webhook::start().await;
    let huge = vec![b' '; 50 << 20];
    let reply = webhook.connect().await.post("/mutate", &huge).await;
    // Either the answer comes through, or the connection is cut while the rest is still being sent.
    assert!(reply.is_err() || reply.is_ok_and(|reply| reply.status == 413));
    webhook.admit(&Review::create(claim())).await.allowed();
}

#[tokio::test]
async fn reviews_that_ask_nothing_answerable_are_denied_with_the_reason() {
    let webhook = Webhook::start().await;
    let mut said = Vec::new();
    let mut deep = claim();
    let mut value = json!(1);
    for _ in 0..200 {
        value = json!({ "a": value });
    }
    deep["spec"]["parameters"]["extra"] = value;
    let mut unknown = claim();
    unknown["kind"] = "QueueClaim".into();
    let mut text = claim();
    text["spec"] = "everything".into();
    for (what, review) in [
        ("no object", Review { object: Value::Null, ..Review::create(claim()) }),
        ("no old object", Review { operation: "UPDATE", ..Review::create(claim()) }),
        ("deep", Review::create(deep)),
        ("unknown kind", Review::create(unknown)),
        ("spec is text", Review::create(text)),
    ] {
        let reply = webhook.connect().await.post("/mutate", &review.body()).await.unwrap();
        let response = answer(&reply);
        assert_eq!(response["allowed"], false, "{what}");
        said.push(format!("{what}: {}", response["status"]["message"].as_str().unwrap()));
    }
    insta::assert_snapshot!(said.join("\n"));
}

/// Clients that create claims on connections kept alive until told to stop; a connection that the
/// server ends is opened anew.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(webhook: &Webhook, trust: &Trust, clients: usize) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |_| {
            let (stop, answered, trust, address) =
                (Arc::clone(&stop), Arc::clone(&answered), trust.clone(), webhook.address);
            let shutdown = webhook.shutdown.clone();
            tokio::spawn(async move {
                let body = Review::create(claim()).body();
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut connection) = Connection::open(address, &trust).await else {
                        assert!(shutdown.is_cancelled(), "a new connection was refused");
                        return;
                    };
                    for _ in 0..50 {
                        // A connection that is closed between two requests has lost neither.
                        match connection.post("/mutate?timeout=10s", &body).await {
                            Ok(reply) => {
                                assert_eq!(answer(&reply)["allowed"], true);
                                answered.fetch_add(1, Ordering::Relaxed);
                                if reply.last {
                                    break;
                                }
                            }
                            Err(error) => {
                                assert!(shutdown.is_cancelled(), "{error}");
                                return;
                            }
                        }
                    }
                }
            })
        };
        let clients = (0..clients).map(client).collect();
        Load { stop, answered, clients }
    }

    async fn reach(&self, count: u64) {
        while self.answered.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_change_under_load_without_an_error() {
    let webhook = Webhook::start().await;
    let next = Authority::new(Timestamp::now(), 1).unwrap();
    let both =
        Trust::new(&format!("{}{}", webhook.authority.certificate, next.certificate)).unwrap();
    let load = Load::start(&webhook, &both, 64);
    load.reach(2000).await;
    webhook.tls.replace(&certificate(&next)).unwrap();
    // Every client opens at least one connection after the change.
    load.reach(64 * 50 * 2).await;
    load.end().await;
    // The old authority alone is not enough any more: the new certificate is in use.
    assert!(
        Connection::open(webhook.address, &Trust::new(&webhook.authority.certificate).unwrap())
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_answers_what_is_in_flight() {
    let webhook = Webhook::start().await;
    let load = Load::start(&webhook, &Trust::new(&webhook.authority.certificate).unwrap(), 16);
    load.reach(500).await;
    webhook.shutdown.cancel();
    webhook.running.await.unwrap();
    load.end().await;
}
