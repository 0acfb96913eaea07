//! Whether a catalog recovers: every tier, product and `ha` keeps a place and a failover target
//! after any single loss. And what in it decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::contract::did_you_mean;
use idp_crds::names::MULTI_AZ;
use idp_crds::record::Group;
use idp_crds::status::Place;
use serde::Serialize;

use super::change::reweighted;
use super::loss::{Loss, Recovery, target};
use super::question::{Inputs, Question, name_on, numbers};
use crate::catalog::Catalog;
use crate::schedule::Scheduler;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It may be meant so.
    Warning,
    /// A promise that cannot be kept.
    Error,
}

impl Severity {
    /// As SARIF calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A word that stays the same.
    pub token: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The kind of the object that it is about.
    pub kind: &'static str,
    /// That object: a Tier as claims name it, a Candidate by its place.
    pub name: String,
    /// What is found, and what to do about it.
    pub message: String,
}

/// What can be found: token, severity, and what it means.
pub const RULES: [(&str, Severity, &str); 10] = [
    ("NoPlace", Severity::Error, "nothing can be placed in this tier"),
    (
        "NoPlaceAfterLoss",
        Severity::Error,
        "a single loss leaves placed workloads with nowhere to go",
    ),
    ("NoTarget", Severity::Error, "the tier promises a failover target, and there is none"),
    ("CapabilityNobodyOffers", Severity::Error, "a capability is asked for that no Candidate has"),
    ("NoTargetAfterLoss", Severity::Warning, "a single loss leaves no failover target"),
    (
        "NothingKeepsData",
        Severity::Warning,
        "no place keeps a product's data within the tier's recovery point objective",
    ),
    ("TieByOrder", Severity::Warning, "two places score alike: only their order decides"),
    ("DeadCandidate", Severity::Warning, "a Candidate that nothing is ever placed on"),
    ("DegradedAfterLoss", Severity::Note, "after a single loss workloads do without a capability"),
    ("WeightDecidesNothing", Severity::Note, "a weight without which every decision is the same"),
];

/// One kind of request.
struct Case {
    tier: String,
    /// `mysql`, or `mysql with ha`.
    title: String,
    question: Question,
}

/// Findings of one kind about one object, and the cases that they are found in.
type Found = BTreeMap<(usize, &'static str, String, String), BTreeSet<String>>;

/// Everything that is found in a catalog, the worst first.
#[must_use]
pub fn check(catalog: &Catalog) -> Vec<Finding> {
    let scheduler = catalog.scheduler();
    let cases = cases(catalog);
    let losses = losses(scheduler);
    let mut found = Found::new();
    let mut used: BTreeSet<Place> = BTreeSet::new();
    for case in &cases {
        examine(scheduler, case, &losses, &mut found, &mut used);
    }
    capabilities(scheduler, &mut found);
    recovery(catalog, &mut found);
    for candidate in scheduler.candidates().iter().filter(|c| !used.contains(&c.place())) {
        let message = "is never selected and never a failover target, whatever single place or provider is lost: raise its scores, give it what it lacks, or delete it";
        put(&mut found, "DeadCandidate", "Candidate", candidate.place(), message.to_owned(), "");
    }
    weights(scheduler, &cases, &losses, &mut found);
    findings(found, &cases)
}

/// The position of a rule, which sorts findings.
fn rule(token: &str) -> usize {
    RULES.iter().position(|(known, _, _)| *known == token).unwrap_or(RULES.len())
}

fn put(
    found: &mut Found,
    token: &str,
    kind: &'static str,
    name: impl ToString,
    message: String,
    case: &str,
) {
    let cases = found.entry((rule(token), kind, name.to_string(), message)).or_default();
    if !case.is_empty() {
        cases.insert(case.to_owned());
    }
}

fn cases(catalog: &Catalog) -> Vec<Case> {
    let scheduler = catalog.scheduler();
    let mut cases = Vec::new();
    for tier in scheduler.tier_names() {
        let names: BTreeSet<String> = [Group::Control, Group::Variant]
            .into_iter()
            .filter_map(|side| name_on(scheduler, tier, side))
            .collect();
        for product in catalog.products() {
            for ha in [false, true] {
                let with = if ha { " with ha" } else { "" };
                for name in &names {
                    let question = Question::plain(catalog, product, name, tier, ha);
                    let title = format!("{}{with}", product.name);
                    cases.push(Case { tier: tier.to_owned(), title, question });
                }
            }
        }
    }
    cases
}

/// Every provider, and every place.
fn losses(scheduler: &Scheduler) -> Vec<Loss> {
    let providers = scheduler.providers().iter().map(|name| Loss::provider(name));
    let places = scheduler.candidates().iter().map(|c| Loss::place(c.place()));
    providers.chain(places).collect()
}

fn examine(
    scheduler: &Scheduler,
    case: &Case,
    losses: &[Loss],
    found: &mut Found,
    used: &mut BTreeSet<Place>,
) {
    let Case { tier, title, question } = case;
    let mut tell = |token: &str, message: String| put(found, token, "Tier", tier, message, title);
    let decision = match question.decide(scheduler) {
        Ok(decision) => decision,
        Err(error) => return tell("NoPlace", format!("has no place: {error}")),
    };
    let (selected, first_target) = (decision.selected().place(), target(&decision));
    let promises = decision.tier().failover.is_some();
    if promises && first_target.is_none() {
        let message = "promises a failover target, and no other provider has what it asks for: give a Candidate those capabilities, or ask for fewer in spec.failover.requiredCapabilities";
        tell("NoTarget", message.to_owned());
    }
    if let [first, second, ..] = decision.ranking()
        && first.total == second.total
    {
        let (a, b) = (first.candidate.place(), second.candidate.place());
        let message = format!("{a} and {b} both score {}: only their order decides", first.total);
        tell("TieByOrder", message);
    }
    used.insert(selected.clone());
    used.extend(first_target.clone());
    for loss in losses {
        let without = loss.without(question);
        if let Ok(decision) = without.decide(scheduler) {
            let target = target(&decision);
            used.insert(decision.selected().place());
            used.extend(target.clone());
            if promises && first_target.is_some() && target.is_none() {
                let place = decision.selected().place();
                let message = format!("without {loss} it goes to {place}, with no failover target");
                tell("NoTargetAfterLoss", message);
            }
            continue;
        }
        match loss.recovery(scheduler, question) {
            Recovery::To(_) => {}
            Recovery::Degraded(place, missing) => {
                used.insert(place.clone());
                let message = format!(
                    "without {loss} placed workloads go to {place}, which lacks {}; new ones are refused",
                    missing.join(", ")
                );
                tell("DegradedAfterLoss", message);
            }
            Recovery::Nowhere(_) => {
                let message = format!(
                    "without {loss} there is no place: workloads at {selected} have nowhere to go"
                );
                tell("NoPlaceAfterLoss", message);
            }
        }
    }
}

/// Capabilities that are asked for, and that nobody has.
fn capabilities(scheduler: &Scheduler, found: &mut Found) {
    let offered: BTreeSet<&str> = scheduler
        .candidates()
        .iter()
        .flat_map(|candidate| candidate.capabilities.iter().map(String::as_str))
        .collect();
    for name in scheduler.tier_names() {
        let Some(tier) = scheduler.tier(name) else { continue };
        let failover = tier.failover.iter().flat_map(|rule| &rule.gates);
        let multi_az = MULTI_AZ.to_owned();
        let asked: BTreeSet<&String> =
            tier.gates.iter().chain(failover).chain([&multi_az]).collect();
        for capability in asked.into_iter().filter(|asked| !offered.contains(asked.as_str())) {
            let hint = did_you_mean(capability, offered.iter().copied());
            let message = format!("asks for {capability:?}, which no Candidate has{hint}");
            put(found, "CapabilityNobodyOffers", "Tier", name, message, "");
        }
    }
}

/// Recovery point objectives that no place keeps, by what the products say of their mechanisms.
fn recovery(catalog: &Catalog, found: &mut Found) {
    for name in catalog.scheduler().tier_names() {
        let Some(tier) = catalog.tier_facts(name) else { continue };
        for product in catalog.products() {
            if let Some(gap) = catalog.tier_gap(product, name, &tier) {
                let message = format!(
                    "promises what it cannot keep: {gap}; raise spec.rpoMinutes, or give {} a better mechanism",
                    product.name
                );
                put(found, "NothingKeepsData", "Tier", name, message, &product.name);
            }
        }
    }
}

/// Weights that can go without any decision changing.
fn weights(scheduler: &Scheduler, cases: &[Case], losses: &[Loss], found: &mut Found) {
    let nothing = Loss::default();
    let outcomes = |scheduler: &Scheduler, tier: &str| -> Vec<(Option<Place>, Option<Place>)> {
        let of_tier = cases.iter().filter(|case| case.tier == tier);
        let nothing = std::slice::from_ref(&nothing);
        let questions = of_tier
            .flat_map(|case| nothing.iter().chain(losses).map(|loss| loss.without(&case.question)));
        questions
            .map(|question| match question.decide(scheduler) {
                Ok(decision) => (Some(decision.selected().place()), target(&decision)),
                Err(_) => (None, None),
            })
            .collect()
    };
    for name in scheduler.tier_names() {
        let Some(tier) = scheduler.tier(name) else { continue };
        let now = outcomes(scheduler, name);
        for (dimension, weight) in numbers(&tier.weights) {
            if weight == 0.0 || weight == 1.0 {
                continue;
            }
            let mut inputs = Inputs::of(scheduler);
            if let Some(tier) = inputs.tiers.get_mut(name) {
                tier.weights = reweighted(&tier.weights, dimension, 0.0);
            }
            if outcomes(&inputs.scheduler(), name) == now {
                let message = format!(
                    "weighs {dimension} {weight}, and without it every decision is the same, whatever single place or provider is lost"
                );
                put(found, "WeightDecidesNothing", "Tier", name, message, "");
            }
        }
    }
}

fn findings(found: Found, cases: &[Case]) -> Vec<Finding> {
    let all: BTreeSet<&str> = cases.iter().map(|case| case.title.as_str()).collect();
    found
        .into_iter()
        .filter_map(|((rule, kind, name, message), cases)| {
            let (token, severity, _) = RULES.get(rule)?;
            let message = match cases.len() {
                0 => message,
                many if many == all.len() => format!("{message} (every product, ha or not)"),
                _ => format!("{message} ({})", some(&cases)),
            };
            Some(Finding { token, severity: *severity, kind, name, message })
        })
        .collect()
}

/// The first few, and how many more.
fn some(all: &BTreeSet<String>) -> String {
    const MOST: usize = 8;
    let first: Vec<&str> = all.iter().take(MOST).map(String::as_str).collect();
    match all.len().saturating_sub(MOST) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
