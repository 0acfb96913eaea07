//! What a tier promises, held against what keeps the data: told at the tier's edit, and to whoever
//! asks for it; refused where the tier says so.

use idp_core::catalog::{Objects, embedded};
use idp_crds::recovery::Enforcement;
use idp_webhook::admission::DecisionMode;
use serde_json::Value;

use super::configuration::object;
use super::fixture::{Review, Webhook, ask_failover, claim, place};

/// The default catalog, with a tier that promises to lose nothing.
fn promising(enforce: Enforcement) -> Objects {
    let mut objects = embedded().unwrap();
    let tier = objects.tiers.iter_mut().find(|tier| tier.name == "medium").unwrap();
    tier.spec.rpo_minutes = 0;
    tier.spec.recovery.enforce = enforce;
    objects
}

#[tokio::test]
async fn a_tier_that_nothing_keeps_says_so_at_its_edit() {
    let webhook = Webhook::start().await;
    let mut tier = object("Tier", "medium");
    tier["spec"]["rpoMinutes"] = 0.into();
    let outcome = webhook.validate(&Review::create(tier)).await;
    let said = "mysql: nothing keeps the data within the 0 minutes of tier medium: the best is a backup, up to 5 behind";
    assert!(outcome.warnings.iter().any(|warning| warning == said), "{:?}", outcome.warnings);
    outcome.allowed();
}

#[tokio::test]
async fn whoever_asks_for_it_is_warned_or_refused() {
    let warning = "nothing keeps the data within the 0 minutes of tier medium";
    let warns = Webhook::with(promising(Enforcement::Warn), DecisionMode::Admission).await;
    let outcome = warns.admit(&Review::create(claim())).await;
    let told = outcome.warnings.iter().any(|one| one.contains(warning));
    assert!(told, "{:?}", outcome.warnings);
    assert_eq!(place(&outcome.allowed()), "aws/us-east-1");

    let denies = Webhook::with(promising(Enforcement::Deny), DecisionMode::Admission).await;
    let message = denies.admit(&Review::create(claim())).await.refused();
    assert!(message.contains("spec.parameters.tier: at aws/us-east-1 nothing keeps"), "{message}");
    assert!(message.contains(warning) && message.contains("ask for another tier"), "{message}");

    let keeps = Webhook::start().await;
    assert_eq!(keeps.admit(&Review::create(claim())).await.warnings, [""; 0]);
}

/// A move is asked for when the place that kept the data is lost: the tier's word does not stop it.
#[tokio::test]
async fn a_move_is_warned_of_and_not_refused() {
    let denies = Webhook::with(promising(Enforcement::Deny), DecisionMode::Admission).await;
    let stored = stored_in("medium").await;
    let ask = Review::update(&stored, |object| ask_failover(object, "aws")).by_admin();
    let outcome = denies.admit(&ask).await;
    let told = "at gcp/us-central1 nothing keeps the data within the 0 minutes of tier medium";
    assert!(outcome.warnings.iter().any(|one| one.contains(told)), "{:?}", outcome.warnings);
    assert_eq!(place(&outcome.allowed()), "gcp/us-central1");
}

/// Who raises a tier asks for it as who makes a claim of it; who changes something else does not.
#[tokio::test]
async fn a_tier_that_is_asked_for_later_is_held_to_the_same() {
    let denies = Webhook::with(promising(Enforcement::Deny), DecisionMode::Admission).await;
    let stored = stored_in("low").await;
    let raise = Review::update(&stored, |object| {
        object["spec"]["parameters"]["tier"] = "medium".into();
    });
    let message = denies.admit(&raise).await.refused();
    assert!(message.contains("spec.parameters.tier: at aws/us-east-1 nothing keeps"), "{message}");
    let stored = stored_in("medium").await;
    let grow = Review::update(&stored, |object| {
        object["spec"]["parameters"]["storageGB"] = 200.into();
    });
    denies.admit(&grow).await.allowed();
}

/// A claim that the default catalog has placed.
async fn stored_in(tier: &str) -> Value {
    let mut claim = claim();
    claim["spec"]["parameters"]["tier"] = tier.into();
    Webhook::start().await.admit(&Review::create(claim)).await.allowed()
}
