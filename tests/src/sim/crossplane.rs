//! What Crossplane does around a function: it calls until the requirements are stable, collects
//! what is observed and not desired, applies what is desired, and patches the status, in this
//! order.

use std::collections::BTreeMap;

use bytes::Bytes;
use idp_core::structs::{from_struct, to_struct};
use idp_crds::kinds::kind;
use idp_function::run::Function;
use idp_function::wire::v1;
use prost::Message as _;
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::object::{Cloud, Object};

/// What another step of the pipeline desires.
const OTHER_STEP: &str = "other-step/bucket";

/// Which protocol Crossplane speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// 1.20: `extra_resources`, no capabilities.
    One,
    /// 2.x: `required_resources`, and it says so.
    Two,
}

/// Where a reconcile breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// What is not desired is gone; nothing is applied.
    AfterCollection,
    /// The first of what is desired is applied.
    DuringApply,
    /// Everything is applied; the status is not patched.
    BeforeStatus,
}

/// What goes wrong in one reconcile.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// How many reconciles old the observed composed resources are.
    pub stale_objects: usize,
    /// The same of the composite.
    pub stale_composite: usize,
    /// A requirement that is never met.
    pub missing: Option<&'static str>,
    /// Where it breaks off.
    pub crash: Option<Crash>,
}

/// What a reconcile did.
#[derive(Debug)]
pub struct Reconciled {
    /// The function's last answer.
    pub answer: v1::RunFunctionResponse,
    /// What the answer desires, beside the other step's.
    pub desired: BTreeMap<String, Value>,
    /// What was collected, and how it looked to the function.
    pub removed: Vec<(String, Object)>,
    /// The composite that the function saw.
    pub seen_composite: Value,
    /// The composed resources that the function saw.
    pub seen_objects: BTreeMap<String, Object>,
}

/// One composite resource, its composed resources, and everything around them.
pub struct Crossplane {
    function: Function,
    generation: Generation,
    /// The configuration objects.
    pub configuration: Configuration,
    /// The composite resource.
    pub composite: Value,
    /// The composed resources that exist, by composition-resource-name.
    pub objects: BTreeMap<String, Object>,
    connection: BTreeMap<String, Bytes>,
    /// What could have been read, and when what was read last was so: a cache lags, but never goes
    /// back.
    history: Vec<(Value, BTreeMap<String, Object>)>,
    read_composite: usize,
    read_objects: usize,
    count: u64,
}

impl Crossplane {
    /// A composite of a claim, just made.
    pub fn new(generation: Generation, kind: &str) -> Self {
        let composite = json!({
            "apiVersion": "sim.example.org/v1", "kind": kind,
            "metadata": {
                "name": "orders-x7k2p", "uid": "20000000-0000-4000-8000-000000000001", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"crossplane.io/claim-name": "orders", "crossplane.io/claim-namespace": "team"}, "annotations": {},
            },
            "spec": {"parameters": {"cell": "cell-1", "tier": "low", "environment": "production"}},
        });
        Crossplane {
            function: Function::new(),
            generation,
            configuration: Configuration::default(),
            composite,
            objects: BTreeMap::new(),
            connection: BTreeMap::new(),
            history: Vec::new(),
            read_composite: 0,
            read_objects: 0,
            count: 0,
        }
    }

    /// One reconcile.
    pub fn reconcile(&mut self, faults: Faults) -> Reconciled {
        self.history.push((self.composite.clone(), self.objects.clone()));
        let now = self.history.len() - 1;
        self.read_composite = self.read_composite.max(now.saturating_sub(faults.stale_composite));
        self.read_objects = self.read_objects.max(now.saturating_sub(faults.stale_objects));
        let (composite, objects) = (
            self.history[self.read_composite].0.clone(),
            self.history[self.read_objects].1.clone(),
        );
        let answer = self.call(&composite, &objects, faults.missing);
        let desired = desired(&answer);
        let mut reconciled = Reconciled {
            answer,
            desired,
            removed: Vec::new(),
            seen_composite: composite,
            seen_objects: objects,
        };
        if reconciled.answer.results.iter().any(|result| result.severity() == v1::Severity::Fatal) {
            self.patch_conditions(&reconciled.answer);
            return reconciled;
        }
        self.collect(&mut reconciled);
        if faults.crash == Some(Crash::AfterCollection) {
            return reconciled;
        }
        // The API server refuses an update of what has changed since it was read.
        let unchanged = reconciled.seen_composite == self.composite;
        self.refer(&reconciled.desired);
        let applied = if faults.crash == Some(Crash::DuringApply) { 1 } else { usize::MAX };
        for (key, object) in reconciled.desired.iter().take(applied) {
            self.count += 1;
            let object = match self.objects.get(key) {
                Some(existing) => existing.applied(object.clone(), self.count),
                None => Some(Object::new(object.clone(), self.count)),
            };
            if let Some(object) = object {
                self.objects.insert(key.clone(), object);
            }
        }
        if faults.crash.is_none() && unchanged {
            self.patch_status(&reconciled.answer);
        }
        reconciled
    }

    /// The providers' turn.
    pub fn work(&mut self, clouds: &BTreeMap<String, Cloud>) {
        for object in self.objects.values_mut() {
            self.count += 1;
            let cloud = object
                .label("platform.example.org/provider")
                .and_then(|provider| clouds.get(provider));
            object.work(cloud.copied().unwrap_or_default(), self.count);
        }
    }

    /// An annotation of the composite, set or removed.
    pub fn annotate(&mut self, name: &str, value: Option<String>) {
        let annotations = self.composite["metadata"]["annotations"].as_object_mut().unwrap();
        match value {
            Some(value) => annotations.insert(name.to_owned(), json!(value)),
            None => annotations.remove(name),
        };
    }

    /// An annotation of the composite.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.composite["metadata"]["annotations"].get(name)?.as_str()
    }

    /// Calls until the requirements are stable.
    fn call(
        &self,
        composite: &Value,
        objects: &BTreeMap<String, Object>,
        missing: Option<&'static str>,
    ) -> v1::RunFunctionResponse {
        const MOST_CALLS: usize = 6;
        let mut request = self.request(composite, objects);
        let mut before = None;
        for _ in 0..MOST_CALLS {
            let answer = self.ask(&request);
            if answer.requirements == before {
                return answer;
            }
            let wanted = answer.requirements.clone().unwrap_or_default();
            let meet = |wanted: &BTreeMap<String, v1::ResourceSelector>| {
                let is_missing = |selector: &v1::ResourceSelector| {
                    kind(&selector.kind).map(|kind| kind.requirement) == missing
                };
                let met = wanted.iter().filter(|(_, selector)| !is_missing(selector));
                met.map(|(key, selector)| (key.clone(), self.configuration.selected(selector)))
                    .collect()
            };
            match self.generation {
                Generation::One => request.extra_resources = meet(&wanted.extra_resources),
                Generation::Two => request.required_resources = meet(&wanted.resources),
            }
            before = answer.requirements;
        }
        panic!("the requirements are not stable after {MOST_CALLS} calls");
    }

    /// One call, made twice: the same request gives the same bytes, and what others desire is
    /// untouched.
    fn ask(&self, request: &v1::RunFunctionRequest) -> v1::RunFunctionResponse {
        let answer = self.function.answer(request);
        assert_eq!(
            answer.encode_to_vec(),
            self.function.answer(request).encode_to_vec(),
            "the same request, another answer"
        );
        let (others, ours) = (request.desired.as_ref().unwrap(), answer.desired.as_ref().unwrap());
        for (key, resource) in &others.resources {
            assert_eq!(
                ours.resources.get(key),
                Some(resource),
                "what another step desires was changed"
            );
        }
        if let Some(composite) = &ours.composite {
            let composite: Value = from_struct(composite.resource.as_ref().unwrap()).unwrap();
            assert_eq!(
                composite["status"]["otherStep"],
                json!({"says": "hello"}),
                "another step's status was changed"
            );
        }
        answer
    }

    fn request(
        &self,
        composite: &Value,
        objects: &BTreeMap<String, Object>,
    ) -> v1::RunFunctionRequest {
        let resources =
            objects.iter().map(|(key, object)| (key.clone(), resource(&object.observed(key))));
        let others = json!({"apiVersion": "other.example.org/v1", "kind": "Bucket", "metadata": {"name": "others"}, "spec": {}});
        let status = json!({"status": {"otherStep": {"says": "hello"}}});
        let capabilities = match self.generation {
            Generation::One => Vec::new(),
            Generation::Two => {
                vec![v1::Capability::Capabilities.into(), v1::Capability::RequiredResources.into()]
            }
        };
        v1::RunFunctionRequest {
            meta: Some(v1::RequestMeta { tag: "tag".to_owned(), capabilities }),
            // As generated Compositions say.
            input: Some(to_struct(&json!({"annotations": "trusted"})).unwrap()),
            observed: Some(v1::State {
                composite: Some(v1::Resource {
                    connection_details: self.connection.clone(),
                    ..resource(composite)
                }),
                resources: resources.collect(),
            }),
            desired: Some(v1::State {
                composite: Some(resource(&status)),
                resources: [(OTHER_STEP.to_owned(), resource(&others))].into_iter().collect(),
            }),
            ..v1::RunFunctionRequest::default()
        }
    }

    /// Garbage collection: what was observed and is not desired.
    fn collect(&mut self, reconciled: &mut Reconciled) {
        for key in
            reconciled.seen_objects.keys().filter(|key| !reconciled.desired.contains_key(*key))
        {
            if let Some(object) = self.objects.remove(key) {
                reconciled.removed.push((key.clone(), object));
            }
        }
    }

    /// What is going to be made is written down before it is made.
    fn refer(&mut self, desired: &BTreeMap<String, Value>) {
        let references = desired.values().map(|object| {
            json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "name": object["metadata"]["name"]})
        });
        self.composite["spec"]["resourceRefs"] = references.collect();
    }

    fn patch_status(&mut self, answer: &v1::RunFunctionResponse) {
        let composite = answer.desired.as_ref().unwrap().composite.as_ref().unwrap();
        let desired: Value = from_struct(composite.resource.as_ref().unwrap()).unwrap();
        let conditions = self.composite["status"]["conditions"].take();
        self.composite["status"] = desired["status"].clone();
        self.composite["status"]["conditions"] = conditions;
        self.connection = composite.connection_details.clone();
        self.patch_conditions(answer);
    }

    fn patch_conditions(&mut self, answer: &v1::RunFunctionResponse) {
        let before = self.composite["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let said = answer.conditions.iter().map(|condition| {
            let status = condition.status().as_str_name().trim_start_matches("STATUS_CONDITION_").to_owned();
            json!({"type": condition.r#type, "status": status, "reason": condition.reason, "message": condition.message()})
        });
        let mut conditions: Vec<Value> = said.collect();
        let others = before
            .into_iter()
            .filter(|old| !answer.conditions.iter().any(|new| old["type"] == new.r#type));
        conditions.extend(others.collect::<Vec<_>>());
        self.composite["status"]["conditions"] = json!(conditions);
    }
}

fn resource(object: &Value) -> v1::Resource {
    v1::Resource { resource: Some(to_struct(object).unwrap()), ..v1::Resource::default() }
}

fn desired(answer: &v1::RunFunctionResponse) -> BTreeMap<String, Value> {
    let resources = answer
        .desired
        .iter()
        .flat_map(|desired| &desired.resources)
        .filter(|(key, _)| *key != OTHER_STEP);
    resources
        .map(|(key, resource)| {
            (key.clone(), from_struct(resource.resource.as_ref().unwrap()).unwrap())
        })
        .collect()
}
