//! The platform's own kinds.

use idp_core::catalog::embedded_files;
use idp_webhook::placements::Placed;
use serde_json::{Value, json};

use super::fixture::{Review, Webhook, placed};

/// A configuration object of the default catalog.
fn object(kind: &str, name: &str) -> Value {
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
    assert_eq!(outcome.warnings.len(), 1, "{:?}", outcome.warnings);
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
