//! One case of a test, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use idp_core::catalog::{Catalog, Named, Objects};
use idp_core::compose::product::Product;
use idp_crds::contract::{ClaimRequest, update};
use idp_crds::names::{RESOURCE, STATEFUL, reference_name};
use idp_crds::{CloudProviderSpec, ProductSpec};
use serde_json::{Map, Value, json};

use super::expect::{differences, key_of, label, place};
use super::spec::{Observation, PlacementTest, State, Step};
use super::valid::Schemas;
use crate::cli::CliError;
use crate::cli::input::Document;
use crate::cli::renderer::{Rendered, Renderer};

/// The catalog that a case is played by, its products compiled.
#[derive(Clone, Copy)]
pub(super) struct Played<'t> {
    pub(super) objects: &'t Objects,
    pub(super) products: &'t [Arc<Product>],
    pub(super) schemas: &'t Schemas,
}

/// A workload on its way through the steps.
struct Player<'t> {
    catalog: Played<'t>,
    objects: &'t Objects,
    namespaced: bool,
    renderer: Renderer,
    now: Now,
}

/// How far a workload has come.
#[derive(Clone)]
struct Now {
    claim: Value,
    /// What is asked for, and what exists, by composition-resource-name.
    desired: BTreeMap<String, Value>,
    observed: BTreeMap<String, Value>,
    place: Option<String>,
    /// The providers that are switched off.
    down: Vec<String>,
}

/// Plays a case: everything that was not as expected, by step.
pub(super) fn play(
    test: &PlacementTest,
    catalog: Played<'_>,
    claim: &Value,
    parameters: &Map<String, Value>,
    seen: &mut dyn FnMut(&Rendered),
) -> Result<Vec<String>, CliError> {
    let mut claim = claim.clone();
    set(&mut claim, parameters);
    let mut player = Player {
        catalog,
        objects: catalog.objects,
        namespaced: test.spec.namespaced,
        renderer: catalog.renderer(&[])?,
        now: Now {
            claim,
            desired: BTreeMap::new(),
            observed: BTreeMap::new(),
            place: None,
            down: Vec::new(),
        },
    };
    let mut failures = Vec::new();
    for (number, step) in (1..).zip(&test.spec.steps) {
        let title = match &step.name {
            Some(name) => format!("step {number} ({name})"),
            None => format!("step {number}"),
        };
        let before = step.variant.then(|| player.now.clone());
        let wrong = player.step(step, seen)?;
        if let Some(before) = before {
            player.switch_off(&before.down)?;
            player.now = before;
        }
        failures.extend(wrong.into_iter().map(|wrong| format!("{title}: {wrong}")));
    }
    Ok(failures)
}

impl Played<'_> {
    /// Renders with the catalog, `down` switched off.
    pub(super) fn renderer(self, down: &[String]) -> Result<Renderer, CliError> {
        let mut objects = self.objects.clone();
        for name in down {
            match objects.providers.iter_mut().find(|provider| provider.name == *name) {
                Some(provider) => provider.spec.healthy = false,
                None => objects.providers.push(Named {
                    name: name.clone(),
                    created: String::new(),
                    spec: CloudProviderSpec { healthy: false, circuit_breaker: Default::default() },
                }),
            }
        }
        let products = self.products.to_vec();
        match Catalog::new(&objects, products, &BTreeSet::new()) {
            (catalog, wrong) if wrong.is_empty() => Ok(Renderer::new(catalog)),
            (_, wrong) => Err(CliError::catalog(&wrong)),
        }
    }
}

fn set(claim: &mut Value, parameters: &Map<String, Value>) {
    if let Some(given) = claim.pointer_mut("/spec/parameters").and_then(Value::as_object_mut) {
        given.extend(parameters.clone());
    }
}

impl Player<'_> {
    fn step(
        &mut self,
        step: &Step,
        seen: &mut dyn FnMut(&Rendered),
    ) -> Result<Vec<String>, CliError> {
        let before = self.now.clone();
        if let Some(change) = &step.set {
            set(&mut self.now.claim, &change.parameters);
        }
        let mut wrong = Vec::new();
        if let Some(down) = &step.down {
            let is_known = |name: &String| {
                let of_candidate = self.objects.candidates.iter().any(|c| c.spec.provider == *name);
                of_candidate || self.objects.providers.iter().any(|p| p.name == *name)
            };
            let unknown = down.iter().filter(|name| !is_known(name));
            wrong.extend(unknown.map(|name| format!("down: there is no provider {name:?}")));
            self.switch_off(down)?;
        }
        for (name, observation) in &step.observe {
            self.observe(name, observation, &mut wrong);
        }
        let leave: Vec<String> = step
            .annotate
            .iter()
            .flat_map(|annotate| annotate.failover.split(','))
            .map(|provider| provider.trim().to_owned())
            .collect();
        let rendered = match self.changed(&before).and_then(|()| self.render(&leave)) {
            Ok(rendered) => rendered,
            Err(CliError::Refused { reasons, .. }) => {
                // What is refused changes nothing.
                self.now.claim = before.claim;
                refused(step, &reasons, &mut wrong);
                return Ok(wrong);
            }
            Err(error) => return Err(error),
        };
        seen(&rendered);
        if self.render(&leave).ok().as_ref() != Some(&rendered) {
            wrong.push("deterministic: rendered again it is something else".to_owned());
        }
        let invalid = self.catalog.schemas.errors(self.objects, &self.now.claim, &rendered);
        wrong.extend(invalid.into_iter().map(|error| format!("schema-valid: {error}")));
        if let Some(expected) = &step.expect.refused {
            wrong.push(format!("refused: expected {}, and it is not refused", expected.join(", ")));
        }
        let deletes = self.deletes(&rendered, &mut wrong);
        let is_offered = |provider: &str| self.is_offered(provider);
        wrong.extend(differences(&step.expect, &rendered, &deletes, &is_offered));
        let here = place(&rendered);
        if let Some(there) =
            self.now.place.as_ref().filter(|there| **there != here && leave.is_empty())
        {
            wrong.push(format!("sticky: it moved from {there} to {here}, and nobody has asked"));
        }
        self.now.place = Some(here);
        self.keep(rendered);
        Ok(wrong)
    }

    fn switch_off(&mut self, down: &[String]) -> Result<(), CliError> {
        if self.now.down != down {
            self.renderer = self.catalog.renderer(down)?;
            self.now.down = down.to_vec();
        }
        Ok(())
    }

    /// Whether a workload that exists may change so, as admission says.
    fn changed(&self, before: &Now) -> Result<(), CliError> {
        let spec = |claim: &Value| claim.get("spec")?.as_object().cloned();
        let (Some(product), Some(old), Some(new)) =
            (self.product(), spec(&before.claim), spec(&self.now.claim))
        else {
            return Ok(());
        };
        if before.place.is_none() || old == new {
            return Ok(());
        }
        let tiers: Vec<String> =
            self.objects.tiers.iter().map(|tier| reference_name(&tier.name)).collect();
        let tiers = || tiers.iter().map(String::as_str);
        let read = |spec: &Map<String, Value>| ClaimRequest::read(&product.spec, spec, tiers());
        // What cannot be read is refused by whoever renders it.
        let (Ok(old), Ok(new)) = (read(&old), read(&new)) else { return Ok(()) };
        match update::check(&product.spec, &old, &new) {
            errors if errors.is_empty() => Ok(()),
            errors => {
                let reasons = errors.iter().map(ToString::to_string).collect();
                Err(CliError::refused("the change", reasons))
            }
        }
    }

    fn render(&self, leave: &[String]) -> Result<Rendered, CliError> {
        let document = Document { origin: "claim".to_owned(), object: self.now.claim.clone() };
        let observed = self
            .now
            .observed
            .values()
            .map(|object| Document { origin: "observed".to_owned(), object: object.clone() });
        let observed: Vec<Document> = observed.collect();
        self.renderer.render(&document, self.namespaced, leave, &observed)
    }

    fn observe(&mut self, name: &str, observation: &Observation, wrong: &mut Vec<String>) {
        let nothing = Map::new();
        let (state, status) = match observation {
            Observation::State(state) => (*state, &nothing),
            Observation::Object(seen) => (seen.state, &seen.status),
        };
        let of_name = self.now.desired.iter().filter(|(_, object)| label(object, RESOURCE) == name);
        let keys: Vec<String> = of_name.map(|(key, _)| key.clone()).collect();
        if keys.is_empty() {
            let mut known: Vec<&str> =
                self.now.desired.values().map(|o| label(o, RESOURCE)).collect();
            known.dedup();
            wrong.push(format!(
                "observe: there is no resource {name}; there are {}",
                known.join(", ")
            ));
        }
        for key in keys {
            if state == State::Gone {
                self.now.observed.remove(&key);
            } else if let Some(object) = self.now.desired.get(&key) {
                self.now.observed.insert(key, read_back(object, state, status));
            }
        }
    }

    /// The names of what exists and is not asked for any more. Nothing of it may hold data.
    fn deletes(&self, rendered: &Rendered, wrong: &mut Vec<String>) -> Vec<String> {
        let gone = self.now.observed.iter().filter(|(key, _)| {
            !rendered.resources.iter().any(|object| key_of(object) == Some(key.as_str()))
        });
        let mut names = Vec::new();
        for (key, object) in gone {
            if label(object, STATEFUL) == "true" {
                wrong.push(format!(
                    "no stateful delete: {key} holds data, and is not asked for any more"
                ));
            }
            names.push(label(object, RESOURCE).to_owned());
        }
        names.sort();
        names
    }

    fn product(&self) -> Option<&Named<ProductSpec>> {
        let text =
            |field: &str| self.now.claim.get(field).and_then(Value::as_str).unwrap_or_default();
        let group = text("apiVersion").split('/').next().unwrap_or_default();
        let mut products = self.objects.products.iter();
        products.find(|product| product.spec.api.has(group, text("kind")))
    }

    fn is_offered(&self, provider: &str) -> bool {
        self.product().is_some_and(|product| product.spec.providers.contains_key(provider))
    }

    /// What Crossplane keeps of an answer.
    fn keep(&mut self, rendered: Rendered) {
        if let (Some(claim), Some(status)) =
            (self.now.claim.as_object_mut(), rendered.composite.get("status"))
        {
            claim.insert("status".to_owned(), status.clone());
        }
        let resources = rendered.resources.into_iter();
        self.now.desired =
            resources.filter_map(|object| Some((key_of(&object)?.to_owned(), object))).collect();
        self.now.observed.retain(|key, _| self.now.desired.contains_key(key));
    }
}

fn refused(step: &Step, reasons: &[String], wrong: &mut Vec<String>) {
    let Some(expected) = &step.expect.refused else {
        wrong.push(format!("it is refused: {}", reasons.join("; ")));
        return;
    };
    for part in expected {
        if !reasons.iter().any(|reason| reason.contains(part.as_str())) {
            wrong.push(format!("refused: expected {part}, found {}", reasons.join("; ")));
        }
    }
}

/// An object as it is read back.
fn read_back(object: &Value, state: State, more: &Map<String, Value>) -> Value {
    let mut object = object.clone();
    let condition = |kind: &str, is: bool, reason: &str| {
        json!({
            "type": kind, "status": if is { "True" } else { "False" }, "reason": reason,
            "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let conditions = match state {
        State::Ready => vec![
            condition("Synced", true, "ReconcileSuccess"),
            condition("Ready", true, "Available"),
        ],
        State::Failed => vec![condition("Synced", false, "ReconcileError")],
        State::Created | State::Gone => Vec::new(),
    };
    let mut status = Map::from_iter([("conditions".to_owned(), Value::Array(conditions))]);
    status.extend(more.clone());
    if let Some(fields) = object.as_object_mut() {
        fields.insert("status".to_owned(), Value::Object(status));
    }
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.insert("creationTimestamp".to_owned(), json!("2026-01-01T00:00:00Z"));
        metadata.insert("generation".to_owned(), json!(1));
    }
    object
}
