//! A tenant who means harm: what may never come of a user's write, whoever it is.

use idp_core::catalog::{Catalog, embedded, embedded_files};
use idp_crds::names::{ADOPT_CANDIDATE, PLACEMENT_REASON};
use idp_webhook::placements::GroupKind;
use serde_json::{Value, json};

use super::fixture::{
    Review, Webhook, annotate, answer, ask_failover, claim, place, placed, reason, with_status,
};

const TERMINATING: &str = "2026-01-01T00:00:00Z";

/// Server-side apply can create an object that is being deleted already.
#[tokio::test]
async fn finding_2_what_is_created_with_a_deletion_timestamp_is_reviewed() {
    let webhook = Webhook::start().await;
    let mut created = claim();
    created["metadata"]["deletionTimestamp"] = TERMINATING.into();
    created["spec"]["resourceRef"] = json!({"kind": "XMySQLInstance", "name": "theirs-x7k2p"});
    let message = webhook.admit(&Review::create(created)).await.refused();
    assert!(message.contains("spec.resourceRef: is set by Crossplane"), "{message}");
}

#[tokio::test]
async fn finding_2_what_is_being_deleted_does_not_change() {
    let webhook = Webhook::start().await;
    let mut stored = webhook.admit(&Review::create(claim())).await.allowed();
    stored["metadata"]["deletionTimestamp"] = TERMINATING.into();
    stored["metadata"]["finalizers"] = json!(["team.example.org/mine"]);
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 4] = [
        ("spec: cannot change", |o| o["spec"]["resourceRef"] = json!({"name": "theirs-x7k2p"})),
        ("spec: cannot change", |o| o["spec"]["parameters"]["size"] = "small".into()),
        ("placement-reason]: cannot change", |o| annotate(o, PLACEMENT_REASON, "{}")),
        ("failover]: cannot change", |o| ask_failover(o, "any")),
    ];
    for (expected, change) in changes {
        let message = webhook.admit(&Review::update(&stored, change).by_admin()).await.refused();
        assert!(message.contains(expected), "{message}");
    }
    // It must be able to end, and people may still label it.
    let ending = Review::update(&stored, |o| {
        o["metadata"]["finalizers"] = json!([]);
        o["metadata"]["labels"]["team"] = "a".into();
    });
    assert_eq!(webhook.admit(&ending).await.patch, json!([]));
}

/// A replace from a file knows nothing of what Crossplane has set: without its `resourceRef` a
/// claim would get a second, empty database.
#[tokio::test]
async fn finding_3_a_replace_keeps_what_crossplane_had_set() {
    let webhook = Webhook::start().await;
    let mut stored = webhook.admit(&Review::create(claim())).await.allowed();
    stored["spec"]["resourceRef"] = json!({"apiVersion": "db.platform.example.org/v1alpha1", "kind": "XMySQLInstance", "name": "orders-db-x7k2p"});
    stored["spec"]["compositionRef"] = json!({"name": "mysql"});
    stored["spec"]["writeConnectionSecretToRef"] = json!({"name": "orders-db-conn"});
    let replaced = Review::update(&stored, |object| {
        object["spec"] = claim()["spec"].clone();
        object["spec"]["parameters"]["size"] = "xlarge".into();
    });
    let after = webhook.admit(&replaced).await.allowed();
    for field in ["resourceRef", "compositionRef", "writeConnectionSecretToRef"] {
        assert_eq!(after["spec"][field], stored["spec"][field], "{field}");
    }
    assert_eq!(after["spec"]["parameters"]["size"], "xlarge");
}

#[tokio::test]
async fn finding_4_where_a_workload_is_only_crossplane_writes() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let forge = |review: Review| Review { sub_resource: "status", ..review };
    let placed = with_status(&stored, &[]);
    let moved = Review::update(&placed, |object| {
        object["status"]["placement"]["provider"] = "oci".into();
        object["status"]["placement"]["sequence"] = 9.into();
    });
    for review in [
        forge(moved.clone()),
        forge(Review::update(&stored, |o| {
            o["status"] = placed["status"].clone();
        })),
    ] {
        for webhook_path in ["/mutate?timeout=10s", "/validate?timeout=10s"] {
            let mut connection = webhook.connect().await;
            let reply = answer(&connection.post(webhook_path, &review.body()).await.unwrap());
            let message = reply["status"]["message"].as_str().unwrap();
            assert!(message.contains("status.placement: is what Crossplane reports"), "{message}");
        }
        webhook.admit(&review.by_crossplane()).await.allowed();
    }
    let conditions = Review::update(&placed, |object| {
        object["status"]["conditions"] = json!([{"type": "Seen", "status": "True"}]);
    });
    webhook.admit(&forge(conditions)).await.allowed();
}

#[tokio::test]
async fn finding_10_what_crossplane_and_the_platform_trust_is_not_a_users_to_set() {
    let webhook = Webhook::start().await;
    let mut bad = claim();
    bad["metadata"]["labels"] = json!({
        "crossplane.io/claim-name": "theirs", "platform.example.org/stateful": "true", "team": "a",
    });
    annotate(&mut bad, "crossplane.io/external-name", "somebody-elses-database");
    annotate(&mut bad, "platform.example.org/failovr", "any");
    insta::assert_snapshot!(webhook.admit(&Review::create(bad)).await.refused());

    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let mut named = stored.clone();
    annotate(&mut named, "crossplane.io/external-name", "orders-db-x7k2p");
    webhook
        .admit(&Review::update(&named, |object| object["metadata"]["labels"]["team"] = "a".into()))
        .await
        .allowed();
    let renamed = Review::update(&named, |object| {
        annotate(object, "crossplane.io/external-name", "somebody-elses-database");
    });
    let message = webhook.admit(&renamed).await.refused();
    assert!(message.contains("external-name]: is set by Crossplane"), "{message}");
}

/// Who may ask for a move may not write what is recorded of it.
#[tokio::test]
async fn finding_16_a_moves_record_is_the_platforms() {
    let webhook = Webhook::start().await;
    let stored = with_status(&webhook.admit(&Review::create(claim())).await.allowed(), &[]);
    let moved = webhook
        .admit(&Review::update(&stored, |object| ask_failover(object, "aws")).by_admin())
        .await
        .allowed();
    let mut forged = reason(&moved);
    forged["selected"]["total_score"] = 1.0.into();
    forged["rto_minutes"] = 0.into();
    let by_hand = Review::update(&stored, |object| {
        annotate(object, PLACEMENT_REASON, &forged.to_string());
    });
    let message = webhook.admit(&by_hand.clone().by_admin()).await.refused();
    assert!(message.contains("is not the decision that the platform makes"), "{message}");
    assert_eq!(place(&webhook.admit(&by_hand).await.allowed()), "aws/us-east-1");
}

/// Kept in Git, a request that names no decision would move the workload at every sync.
#[tokio::test]
async fn finding_17_a_failover_that_is_applied_again_moves_nothing() {
    let webhook = Webhook::start().await;
    let stored = with_status(&webhook.admit(&Review::create(claim())).await.allowed(), &[]);
    let ask = |object: &Value, value: &'static str| {
        Review::update(object, move |object| ask_failover(object, value)).by_admin()
    };
    let moved = webhook.admit(&ask(&stored, "any")).await.allowed();
    let settled = with_status(&moved, &[("aws", "us-east-1")]);
    assert_eq!(reason(&settled)["sequence"], 2);
    let message = webhook.admit(&ask(&settled, "any")).await.refused();
    assert!(
        message.contains("has been followed already") && message.contains("any@2"),
        "{message}"
    );
    let next = webhook.admit(&ask(&settled, "any@2")).await.allowed();
    assert_eq!(reason(&next)["sequence"], 3);

    // Bound to the decision it is to leave, it may stay in Git.
    let again = webhook.admit(&ask(&settled, "any@1")).await;
    assert!(again.warnings[0].contains("has left"), "{:?}", again.warnings);
    let again = again.allowed();
    assert_eq!(reason(&again), reason(&settled));
    assert_eq!(again["metadata"]["annotations"].get("platform.example.org/failover"), None);

    let mut moving = with_status(&moved, &[]);
    moving["status"]["placement"]["phase"] = "Moving".into();
    let message = webhook.admit(&ask(&moving, "gcp")).await.refused();
    assert!(message.contains("moving to") && message.contains("gcp@2"), "{message}");
    assert_eq!(reason(&webhook.admit(&ask(&moving, "gcp@2")).await.allowed())["sequence"], 3);
    for (value, expected) in [("any@9", "none of that number yet"), ("any@x", "is no number")] {
        let message = webhook.admit(&ask(&settled, value)).await.refused();
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn finding_23_a_restored_decision_leaves_room_for_moves() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let mut restored = claim();
    let mut record = reason(&stored);
    record["sequence"] = u64::MAX.into();
    annotate(&mut restored, PLACEMENT_REASON, &record.to_string());
    let message = webhook.admit(&Review::create(restored).by_admin()).await.refused();
    assert!(message.contains("one that is restored has at most 1000000"), "{message}");
}

/// A caller does not choose how large an answer is.
#[tokio::test]
async fn finding_6_an_answer_is_short_whatever_is_wrong() {
    let webhook = Webhook::start().await;
    let with_unknown = |count: usize| {
        let mut many = claim();
        let parameters = many["spec"]["parameters"].as_object_mut().unwrap();
        parameters.extend((0..count).map(|number| (format!("x{number}"), 1.into())));
        many
    };
    // So many are not even read: in memory a value takes up to fifty times its text.
    let message = webhook.admit(&Review::create(with_unknown(200_000))).await.refused();
    assert!(message.contains("bytes, and at most 262144 are read"), "{message}");
    let many = with_unknown(20_000);
    let mut long = claim();
    long["spec"]["parameters"]["x".repeat(100_000)] = 1.into();
    long["spec"]["parameters"]["tier"] = "y".repeat(100_000).into();
    for object in [many, long] {
        let review = Review::create(object);
        let reply = webhook.connect().await.post("/mutate?timeout=10s", &review.body()).await;
        let reply = reply.unwrap();
        assert!(reply.body.len() < 64 << 10, "{} bytes", reply.body.len());
        let causes = answer(&reply)["status"]["details"]["causes"].as_array().unwrap().len();
        assert!((2..=21).contains(&causes), "{causes}");
    }
}

/// `<provider>-<region>` is one place only: `a-b` and `c` would be `a` and `b-c`.
#[tokio::test]
async fn findings_18_and_25_a_provider_has_no_hyphen_and_the_function_sees_what_admission_sees() {
    let webhook = Webhook::start().await;
    let candidate = |provider: &str, labels: Value| {
        json!({
            "apiVersion": "platform.example.org/v1alpha1", "kind": "Candidate",
            "metadata": {"name": "new", "labels": labels},
            "spec": {"provider": provider, "region": "north", "runtimeCluster": "c", "scores": {}},
        })
    };
    let catalog = json!({"platform.example.org/catalog": "true"});
    let review = |object| Review::create(object).by_admin();
    let message = webhook.validate(&review(candidate("a-b", catalog.clone()))).await.refused();
    assert!(message.contains("spec.provider: must be letters and digits"), "{message}");
    let message = webhook.validate(&review(candidate("aws", json!({})))).await.refused();
    assert!(message.contains("the function does not see the object"), "{message}");
    webhook.validate(&review(candidate("aws", catalog))).await.allowed();
}

/// What runs is pinned to what its place was like; the edit says so, and how each takes it over.
#[tokio::test]
async fn finding_9_an_edited_candidate_re_homes_nothing() {
    let webhook = Webhook::start().await;
    let kind = GroupKind::new("db.platform.example.org", "MySQLInstanceClaim");
    webhook.placements.replace(&kind, [placed("aws", "us-east-1")]);
    let old = embedded_candidate("aws", "us-east-1");
    let edited = Review::update(&old, |object| {
        object["spec"]["providerConfigRef"] = json!({"name": "another-account"});
    });
    let outcome = webhook.validate(&edited.by_admin()).await;
    let [warning] = &outcome.warnings[..] else { panic!("{:?}", outcome.warnings) };
    assert!(warning.starts_with("1 workloads run in aws/us-east-1, and keep"), "{warning}");
    let scores = Review::update(&old, |object| object["spec"]["scores"]["cost"] = 0.1.into());
    let next = "1 of 1 workloads (100.0%) would be placed elsewhere or nowhere if they were placed anew; none moves by itself (aws/us-east-1 -> gcp/us-central1: 1)";
    assert_eq!(webhook.validate(&scores.by_admin()).await.warnings, [next]);

    // Taking it over is a re-homing, for those who may move.
    let stored = with_status(&webhook.admit(&Review::create(claim())).await.allowed(), &[]);
    let digest = Catalog::strict(embedded().unwrap()).unwrap();
    let digest = digest.site(("aws", "us-east-1")).unwrap().digest();
    let adopt =
        |value: &str| Review::update(&stored, |object| annotate(object, ADOPT_CANDIDATE, value));
    let message = webhook.admit(&adopt(&digest)).await.refused();
    assert!(message.contains("does not have the verb \"failover\""), "{message}");
    let message = webhook.admit(&adopt("something").by_admin()).await.refused();
    assert!(message.contains("which is what the Candidate of aws/us-east-1 is now"), "{message}");
    webhook.admit(&adopt(&digest).by_admin()).await.allowed();
}

fn embedded_candidate(provider: &str, region: &str) -> Value {
    let objects =
        embedded_files().flat_map(|(_, text)| serde_saphyr::from_multiple::<Value>(text).unwrap());
    let is_it = |object: &Value| {
        object["kind"] == "Candidate"
            && object["spec"]["provider"] == provider
            && object["spec"]["region"] == region
    };
    let mut candidate = objects.into_iter().find(is_it).unwrap();
    candidate["metadata"]["labels"] = json!({"platform.example.org/catalog": "true"});
    candidate
}
