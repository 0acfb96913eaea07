//! The platform's own kinds.

use std::sync::Arc;

use idp_core::catalog::{Rejected, compile, embedded, embedded_files};
use idp_webhook::admission::DecisionMode;
use idp_webhook::placements::{GroupKind, Placed};
use idp_webhook::snapshot::Snapshot;
use serde_json::{Value, json};

use super::fixture::{Outcome, Review, Webhook, placed};

/// A configuration object of the default catalog.
pub fn object(kind: &str, name: &str) -> Value {
    let documents =
        embedded_files().flat_map(|(_, text)| serde_saphyr::from_multiple::<Value>(text).unwrap());
    documents.into_iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name).unwrap()
}

#[tokio::test]
async fn the_default_catalog_is_good() {
    let webhook = Webhook::start().await;
    for (_, text) in embedded_files() {
        for object in serde_saphyr::from_multiple::<Value>(text).unwrap() {
            let outcome = webhook.validate(&Review::create(object)).await;
            assert_eq!(outcome.warnings, Vec::<String>::new());
            outcome.allowed();
        }
    }
}

/// Half of a workload would be made there.
#[tokio::test]
async fn what_a_place_lacks_for_a_product_is_said_at_either_ones_edit() {
    let webhook = Webhook::start().await;
    let mut candidate = object("Candidate", "aws-us-east-1");
    candidate["spec"]["settings"].as_object_mut().unwrap().remove("replica");
    let outcome = webhook.validate(&Review::create(candidate)).await;
    let lacks = |product: &str| {
        format!(
            "aws/us-east-1 lacks settings.replica for {product}: what needs that is not placed there"
        )
    };
    assert_eq!(outcome.warnings, ["mysql", "postgresql"].map(lacks));
    outcome.allowed();

    let mut product = object("Product", "mysql");
    let groups = &mut product["spec"]["providers"]["gcp"]["resources"][0]["template"];
    groups["spec"]["forProvider"]["settings"]["tier"] = "${placement.settings.tier}".into();
    let outcome = webhook.validate(&Review::create(product)).await;
    let lacks = ["us-central1", "europe-west1"].map(|region| {
        format!("gcp/{region} lacks settings.tier for mysql: what needs that is not placed there")
    });
    assert_eq!(outcome.warnings, lacks);
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_place() {
    let webhook = Webhook::start().await;
    let mut messages = Vec::new();
    let mut refuse = async |what: &str, object: Value| {
        messages.push(format!(
            "--- {what}\n{}",
            webhook.validate(&Review::create(object)).await.refused()
        ));
    };

    let mut tier = object("Tier", "medium");
    tier["spec"]["weights"] = json!({"latency": 0.5, "price": 0.4});
    refuse("weights", tier).await;

    let mut twin = object("Candidate", "aws-us-east-1");
    twin["metadata"]["name"] = "twin".into();
    twin["spec"]["scores"]["latency"] = 2.into();
    refuse("a place twice", twin).await;

    let mut product = object("Product", "mysql");
    product["spec"]["providers"]["aws"]["resources"][0]["includeWhen"] = "params.size ==".into();
    product["spec"]["providers"]["gcp"]["resources"][0]["template"]["spec"]["size"] =
        "${param.size}".into();
    refuse("expressions", product).await;

    let mut copy = object("Product", "mysql");
    copy["metadata"]["name"] = "mysql-two".into();
    refuse("an API twice", copy).await;

    let mut shape = object("Tier", "medium");
    shape["spec"]["rtoMinutes"] = "soon".into();
    refuse("shape", shape).await;
    insta::assert_snapshot!(messages.join("\n"));
}

#[tokio::test]
async fn references_to_nothing_are_warned_of() {
    let webhook = Webhook::start().await;
    let mut candidate = object("Candidate", "aws-us-east-1");
    candidate["metadata"]["name"] = "azure-x".into();
    candidate["spec"]["provider"] = "awz".into();
    let outcome = webhook.validate(&Review::create(candidate)).await;
    assert_eq!(
        outcome.warnings,
        [r#"there is no CloudProvider "awz" (did you mean "aws"?): it counts as healthy"#]
    );
    outcome.allowed();
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let webhook = Webhook::start().await;
    let (product, tier, here) = (
        object("Product", "mysql"),
        object("Tier", "medium"),
        object("Candidate", "aws-us-east-1"),
    );
    for object in [&product, &tier, &here] {
        webhook.validate(&Review::delete(object)).await.allowed();
    }
    webhook.placements.put(placed("aws", "us-east-1"));
    for (object, way_out) in
        [(&product, "delete them first"), (&tier, "another tier"), (&here, "move them first")]
    {
        let message = webhook.validate(&Review::delete(object)).await.refused();
        assert!(
            message.contains("MySQLInstanceClaim team-alpha/orders-db still need it")
                && message.contains(way_out),
            "{message}"
        );
    }
    webhook.validate(&Review::delete(&object("Candidate", "oci-us-ashburn-1"))).await.allowed();
    webhook
        .placements
        .put(Placed { retained: vec!["aws/us-east-1".to_owned()], ..placed("gcp", "us-central1") });
    let outcome = webhook.validate(&Review::delete(&here)).await;
    let [keeps, next] = &outcome.warnings[..] else { panic!("{:?}", outcome.warnings) };
    assert!(
        keeps.contains("still holds data of MySQLInstanceClaim team-alpha/orders-db"),
        "{keeps}"
    );
    assert!(next.starts_with("1 of 1 workloads (100.0%) would be placed elsewhere"), "{next}");
    outcome.allowed();
}

#[tokio::test]
async fn a_product_goes_on_describing_the_data_that_exists() {
    let webhook = Webhook::start().await;
    let product = object("Product", "mysql");
    let at = product["spec"]["providers"]["aws"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .position(|r| r["stateful"] == true)
        .unwrap();
    let lose = |object: &mut Value| {
        object["spec"]["providers"]["aws"]["resources"][at]["stateful"] = false.into()
    };
    webhook.validate(&Review::update(&product, lose)).await.allowed();
    webhook.placements.put(placed("gcp", "us-central1"));
    webhook.validate(&Review::update(&product, lose)).await.allowed();
    webhook.placements.put(placed("aws", "us-east-1"));
    let message = webhook.validate(&Review::update(&product, lose)).await.refused();
    assert!(
        message.contains("holds data") && message.contains("orders-db still use it"),
        "{message}"
    );
    let message = webhook
        .validate(&Review::update(&product, |o| o["spec"]["stateful"] = false.into()))
        .await
        .refused();
    assert!(message.contains("spec.stateful: cannot become false"), "{message}");
}

/// A webhook of a cluster in which the kinds of `listed` Products have been listed, and nothing runs.
async fn beside(snapshot: Snapshot, listed: &[&str]) -> Webhook {
    let webhook = Webhook::beside_unknown_workloads(snapshot).await;
    let snapshot = webhook.snapshot.get().unwrap();
    for product in snapshot.objects.products.iter().filter(|p| listed.contains(&&*p.name)) {
        let api = &product.spec.api;
        for (_, kind) in api.kinds() {
            webhook.placements.replace(&GroupKind::new(&api.group, kind), []);
        }
    }
    webhook
}

fn default_catalog() -> Snapshot {
    Snapshot::strict(embedded().unwrap()).unwrap()
}

/// Refused as what may be possible later, with this reason.
#[track_caller]
fn assert_unavailable(outcome: Outcome, why: &str) {
    let status = outcome.denied.clone().expect("refused");
    assert_eq!((&status["code"], &status["reason"]), (&json!(503), &json!("ServiceUnavailable")));
    let message = outcome.refused();
    assert!(message.contains(why), "{message}");
}

#[tokio::test]
async fn what_is_not_known_is_not_said_to_be_unused() {
    let (product, tier, here) = (
        object("Product", "mysql"),
        object("Tier", "medium"),
        object("Candidate", "aws-us-east-1"),
    );
    let claims = GroupKind::new("db.platform.example.org", "MySQLInstanceClaim");

    // Nothing is listed yet.
    let webhook = beside(default_catalog(), &[]).await;
    for object in [&product, &tier, &here] {
        let outcome = webhook.validate(&Review::delete(object)).await;
        assert_unavailable(
            outcome,
            "MySQLInstanceClaim.db.platform.example.org is not watched yet",
        );
    }
    // What no workload needs is not held up.
    for (kind, name) in [("CloudProvider", "oci"), ("FeatureFlag", "prefer-cost-optimization")] {
        webhook.validate(&Review::delete(&object(kind, name))).await.allowed();
    }

    // Of one Product all is known: it may go. Whom a tier or a place serves is not known.
    let webhook = beside(default_catalog(), &["mysql"]).await;
    webhook.validate(&Review::delete(&product)).await.allowed();
    for object in [&tier, &here] {
        let outcome = webhook.validate(&Review::delete(object)).await;
        assert_unavailable(outcome, "WebAppClaim.compute.platform.example.org is not watched yet");
    }

    let webhook = beside(default_catalog(), &["mysql", "postgresql", "webapp"]).await;
    for object in [&product, &tier, &here] {
        webhook.validate(&Review::delete(object)).await.allowed();
    }

    // The right to watch is taken away.
    webhook.placements.lost(&claims, "may not be watched (forbidden)");
    for object in [&product, &tier, &here] {
        let outcome = webhook.validate(&Review::delete(object)).await;
        assert_unavailable(outcome, "may not be watched (forbidden)");
    }
    // What is known to be in use is refused as that, however much else is not known.
    webhook.placements.put(placed("aws", "us-east-1"));
    for object in [&product, &tier, &here] {
        let message = webhook.validate(&Review::delete(object)).await.refused();
        assert!(message.contains("orders-db still need it"), "{message}");
    }
}

#[tokio::test]
async fn a_product_that_cannot_be_read_leaves_a_doubt() {
    let rejected = Rejected {
        kind: "Product",
        name: "broken".to_owned(),
        errors: vec!["spec: missing field `api`".to_owned()],
    };
    let good = embedded().unwrap();
    let compiled = good.products.iter().map(|product| Arc::new(compile(product).unwrap()));
    let snapshot = Snapshot::new(good.clone(), compiled.collect(), vec![rejected]);
    let webhook = beside(snapshot, &["mysql", "postgresql", "webapp"]).await;
    for object in [object("Tier", "medium"), object("Candidate", "aws-us-east-1")] {
        let outcome = webhook.validate(&Review::delete(&object)).await;
        assert_unavailable(outcome, r#"the Product "broken" cannot be read"#);
    }
    webhook.validate(&Review::delete(&object("Product", "mysql"))).await.allowed();
}

#[tokio::test]
async fn a_candidate_that_the_catalog_does_not_have_is_guarded_as_well() {
    let mut objects = embedded().unwrap();
    objects.candidates.retain(|candidate| candidate.name != "aws-us-east-1");
    let webhook = Webhook::with(objects, DecisionMode::Admission).await;
    webhook.placements.put(placed("aws", "us-east-1"));
    let gone = Review::delete(&object("Candidate", "aws-us-east-1"));
    let message = webhook.validate(&gone).await.refused();
    assert!(message.contains("orders-db still need it"), "{message}");
}

#[tokio::test]
async fn a_product_does_not_lose_data_that_is_not_known() {
    let product = object("Product", "mysql");
    let webhook = beside(default_catalog(), &[]).await;
    let unavailable = async |change: fn(&mut Value)| {
        let outcome = webhook.validate(&Review::update(&product, change)).await;
        assert_unavailable(outcome, "MySQLInstance.db.platform.example.org is not watched yet");
    };
    unavailable(|object| object["spec"]["stateful"] = false.into()).await;
    unavailable(|object| {
        object["spec"]["providers"].as_object_mut().unwrap().shift_remove("gcp");
    })
    .await;
    // An edit that loses nothing is nobody's matter.
    let described = Review::update(&product, |o| o["spec"]["description"] = "A database.".into());
    webhook.validate(&described).await.allowed();
}
