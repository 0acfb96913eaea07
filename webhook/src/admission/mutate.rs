//! What has to change on an object: labels, defaults, connection secret, decision. Nothing that is
//! right already.

use std::sync::Arc;

use idp_core::schedule::DecisionText;
use idp_crds::contract::ClaimRequest;
use idp_crds::history::{Happened, History};
use idp_crds::names;
use serde_json::{Map, Value, json};

use super::ownership::disown;
use super::patch::{Operation, Patch};
use super::verdict::{Denial, Reason};
use super::workload::Workload;

/// What a workload's object is to be like.
#[derive(Debug, Default)]
pub struct DesiredClaim {
    /// What is asked for; none where that is not looked at, or was wrong before and has not
    /// changed.
    pub asked: Option<ClaimRequest>,
    /// The decision it is to carry; none where there is none to know.
    pub decision: Option<Decision>,
    /// The id at the provider that it is to carry, for backups; none where there is none to know.
    pub id: Option<String>,
    /// What has happened to it, in this review. Both webhooks find the same; when, the first one says.
    pub happened: Vec<Happened>,
    /// The history it is to carry, where it carries another.
    pub history: Option<History>,
    /// Annotations that have been acted on.
    pub consumed: Vec<&'static str>,
    /// Fields of `spec` that Crossplane had set and the change would take away.
    pub put_back: Map<String, Value>,
    /// What the user is told.
    pub warnings: Vec<String>,
}

/// A decision that a workload is to carry.
#[derive(Debug)]
pub enum Decision {
    /// Made before.
    Kept(String),
    /// Made just now.
    Made(Arc<DecisionText>),
}

/// The changes that make `workload` what is desired.
#[must_use]
pub fn patch(workload: &Workload<'_>, desired: &DesiredClaim) -> Patch {
    let mut patch = Patch::default();
    let metadata = &workload.new.metadata;
    for (field, value) in &desired.put_back {
        patch.set(["spec", field], value.clone());
    }
    if let Some(asked) = &desired.asked {
        let labels = [
            (names::CELL, asked.cell.as_str()),
            (names::ENVIRONMENT, asked.environment.as_str()),
            (names::TIER, asked.tier.as_str()),
            (names::PRODUCT, workload.product.name.as_str()),
        ];
        patch.labels(metadata, &labels);
        defaults(&mut patch, &workload.new.spec, asked);
        if let Some(secret) = workload.connection_secret()
            && !workload.new.spec.contains_key("writeConnectionSecretToRef")
            && !desired.put_back.contains_key("writeConnectionSecretToRef")
        {
            patch.set(["spec", "writeConnectionSecretToRef"], json!({"name": secret}));
        }
    }
    let id = desired.id.as_deref().map(|id| (names::ID, id));
    let history = desired.history.as_ref().map(History::to_string);
    let history = history.as_deref().map(|text| (names::HISTORY, text));
    let (kept, made) = match &desired.decision {
        Some(Decision::Kept(text)) => (Some((names::PLACEMENT_REASON, text.as_str())), None),
        Some(Decision::Made(stamp)) => (None, Some(stamp)),
        None => (None, None),
    };
    // A patch makes a map that is not there once.
    let first = made.filter(|_| metadata.annotations.is_none());
    let first = first.map(|stamp| (names::PLACEMENT_REASON, stamp.text()));
    let annotations: Vec<_> = [first, kept, id, history].into_iter().flatten().collect();
    patch.annotations(metadata, &annotations);
    if let (Some(stamp), true) = (made, metadata.annotations.is_some()) {
        patch.decision(metadata, names::PLACEMENT_REASON, stamp);
    }
    if desired.history.is_some() {
        disown(&mut patch, metadata, names::HISTORY);
    }
    // Crossplane's own writes settle nothing that was not admitted, and it would write again.
    if desired.asked.is_some() && desired.decision.is_some() {
        disown(&mut patch, metadata, names::PLACEMENT_REASON);
    }
    for annotation in desired.consumed.iter().filter(|name| metadata.annotation(name).is_some()) {
        patch.remove(["metadata", "annotations", annotation]);
    }
    patch
}

/// Parameters that were not given, or not spelled as they count.
fn defaults(patch: &mut Patch, spec: &Map<String, Value>, asked: &ClaimRequest) {
    let given = spec.get("parameters").and_then(Value::as_object);
    let ha = Value::Bool(asked.ha);
    let all = asked.params.iter().map(|(name, value)| (name.as_str(), value)).chain([("ha", &ha)]);
    for (name, value) in
        all.filter(|(name, value)| given.and_then(|given| given.get(*name)) != Some(value))
    {
        patch.set(["spec", "parameters", name], value.clone());
    }
}

/// The refusal of an object that is not as the mutating webhook left it.
#[must_use]
pub fn overridden(patch: &Patch) -> Denial {
    let paths: Vec<&str> = patch.operations().iter().map(Operation::path).collect();
    let summary = format!(
        "{} must be what the platform sets, and something has changed that after it: look for another mutating webhook",
        paths.join(", ")
    );
    Denial::new(Reason::Conflict, summary)
}
