//! What a tier promises, held against what keeps the data: told at the tier's edit, and to whoever
//! asks for it; refused where the tier says so.

use idp_core::catalog::{Objects, embedded};
use idp_crds::recovery::Enforcement;
use idp_webhook::admission::DecisionMode;

use super::configuration::object;
use super::fixture::{Review, Webhook, claim, place};

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
    assert!(message.contains("spec.parameters.tier: would go to aws/us-east-1"), "{message}");
    assert!(message.contains(warning) && message.contains("ask for another tier"), "{message}");

    let keeps = Webhook::start().await;
    assert_eq!(keeps.admit(&Review::create(claim())).await.warnings, [""; 0]);
}
