//! What the function asks Crossplane for: the least that answers the call, since a write to what was
//! asked for wakes the composite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use idp_core::catalog::embedded_files;
use idp_core::structs::{from_struct, to_struct};
use idp_function::run::Function;
use idp_function::wire::v1;
use idp_function::wire::v1::resource_selector::Match;
use idp_tests::selectors::{resource, selected};
use prost::Message as _;
use serde_json::{Value, json};

/// The default catalog as an API server keeps it.
fn catalog() -> Vec<Value> {
    let objects = embedded_files()
        .flat_map(|(_, text)| serde_saphyr::from_multiple::<Option<Value>>(text).unwrap());
    let in_cluster = |(at, mut object): (usize, Value)| {
        object["metadata"]["uid"] = json!(format!("00000000-0000-4000-8000-{at:012}"));
        object["metadata"]["resourceVersion"] = json!(at.to_string());
        object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        object
    };
    objects.flatten().enumerate().map(in_cluster).collect()
}

/// A composite of MySQL, and what is composed of it.
struct Workload {
    composite: Value,
    resources: BTreeMap<String, v1::Resource>,
}

/// What came of a reconcile.
struct Reconciled {
    answer: v1::RunFunctionResponse,
    calls: usize,
    /// Every selector of the last answer: kind and name, or `*`.
    required: Vec<String>,
}

impl Workload {
    fn new() -> Self {
        let composite = json!({
            "apiVersion": "db.platform.example.org/v1alpha1", "kind": "XMySQLInstance",
            "metadata": {
                "name": "orders-x7k2p", "uid": "9b8f0b2e-7a0e-4c44-9a3e-111111111111",
                "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {},
            },
            "spec": {"parameters": {
                "cell": "c1", "tier": "business_critical", "environment": "production", "size": "small", "storageGB": 20,
            }},
        });
        Workload { composite, resources: BTreeMap::new() }
    }

    /// Placed by the whole catalog.
    fn placed(objects: &[Value]) -> Self {
        let mut workload = Workload::new();
        let first = workload.reconcile(objects);
        workload.settle(&first.answer);
        workload
    }

    fn settle(&mut self, answer: &v1::RunFunctionResponse) {
        let desired = answer.desired.clone().unwrap();
        let status: Value =
            from_struct(desired.composite.unwrap().resource.as_ref().unwrap()).unwrap();
        self.composite["status"] = status["status"].clone();
        self.composite["spec"]["resourceRefs"] =
            json!([{"apiVersion": "a/v1", "kind": "A", "name": "a"}]);
        self.resources = desired.resources;
    }

    fn placement(&self) -> &Value {
        &self.composite["status"]["placement"]
    }

    /// Calls as Crossplane does: until the requirements are stable.
    fn reconcile(&self, objects: &[Value]) -> Reconciled {
        let function = Function::new();
        let mut request = v1::RunFunctionRequest {
            meta: Some(v1::RequestMeta {
                tag: "tag".to_owned(),
                capabilities: vec![v1::Capability::RequiredResources.into()],
            }),
            // As generated Compositions say.
            input: Some(to_struct(&json!({"product": "mysql", "annotations": "trusted"})).unwrap()),
            observed: Some(v1::State {
                composite: Some(resource(&self.composite)),
                resources: self.resources.clone(),
            }),
            ..v1::RunFunctionRequest::default()
        };
        let mut before = None;
        for calls in 1..=6 {
            let answer = function.answer(&request);
            let kept = answer.desired.as_ref().unwrap();
            for key in self.resources.keys() {
                assert!(kept.resources.contains_key(key), "{key} is gone in call {calls}");
            }
            let requirements = answer.requirements.clone().unwrap();
            if Some(&requirements) == before.as_ref() {
                let required = requirements.resources.values().map(text).collect();
                return Reconciled { answer, calls, required };
            }
            let met = requirements.resources.iter();
            request.required_resources =
                met.map(|(key, selector)| (key.clone(), selected(objects, selector))).collect();
            before = Some(requirements);
        }
        panic!("the requirements are not stable");
    }
}

fn text(selector: &v1::ResourceSelector) -> String {
    match &selector.r#match {
        Some(Match::MatchName(name)) => format!("{} {name}", selector.kind),
        _ => format!("{} *", selector.kind),
    }
}

fn place(placement: &Value) -> String {
    format!("{}-{}", placement["provider"].as_str().unwrap(), placement["region"].as_str().unwrap())
}

const ALL: [&str; 6] =
    ["Candidate *", "CloudProvider *", "Experiment *", "FeatureFlag *", "Product mysql", "Tier *"];

fn sorted(mut required: Vec<String>) -> Vec<String> {
    required.sort();
    required
}

#[test]
fn who_has_to_decide_asks_for_everything() {
    let reconciled = Workload::new().reconcile(&catalog());
    assert_eq!(
        (sorted(reconciled.required), reconciled.calls),
        (ALL.map(str::to_owned).to_vec(), 2)
    );
}

#[test]
fn a_placed_workload_asks_for_its_product_its_candidate_and_its_tier_and_nothing_else() {
    let objects = catalog();
    let workload = Workload::placed(&objects);
    let here = place(workload.placement());
    assert_eq!(workload.placement().get("candidate"), None, "its name is the usual one");
    let reconciled = workload.reconcile(&objects);
    let own = [&*format!("Candidate {here}"), "Product mysql", "Tier business-critical"];
    assert_eq!(
        (sorted(reconciled.required), reconciled.calls),
        (own.map(str::to_owned).to_vec(), 2)
    );
    // The whole catalog would have said the same.
    let mut again = Workload::placed(&objects);
    again.settle(&reconciled.answer);
    assert_eq!(again.placement(), workload.placement());
    let keys = |workload: &Workload| workload.resources.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&again), keys(&workload));
}

#[test]
fn a_candidate_of_any_name_is_found_again_by_it() {
    let mut objects = catalog();
    for object in objects.iter_mut().filter(|object| object["kind"] == "Candidate") {
        object["metadata"]["name"] =
            json!(format!("place-{}", object["metadata"]["uid"].as_str().unwrap()));
    }
    let mut workload = Workload::placed(&objects);
    let name = workload.placement()["candidate"].as_str().unwrap().to_owned();
    let own = [&*format!("Candidate {name}"), "Product mysql", "Tier business-critical"];
    assert_eq!(sorted(workload.reconcile(&objects).required), own.map(str::to_owned).to_vec());
    // Not known, or wrong: found among all, and written down.
    for wrong in [json!(null), json!("elsewhere"), json!("no/name at all")] {
        workload.composite["status"]["placement"]["candidate"] = wrong;
        let reconciled = workload.reconcile(&objects);
        assert!(
            reconciled.required.contains(&"Candidate *".to_owned()),
            "{:?}",
            reconciled.required
        );
        assert!(!reconciled.required.contains(&"CloudProvider *".to_owned()));
        let mut after = Workload::placed(&objects);
        after.settle(&reconciled.answer);
        assert_eq!(after.placement()["candidate"], name.as_str());
    }
}

#[test]
fn a_candidate_or_a_tier_that_is_gone_keeps_everything_and_is_told() {
    let objects = catalog();
    let workload = Workload::placed(&objects);
    let here = place(workload.placement());
    let without = |kind: &str, name: &str| -> Vec<Value> {
        let gone = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
        objects.iter().filter(|object| !gone(object)).cloned().collect()
    };
    for (kind, name, said) in [
        ("Candidate", here.as_str(), "is not a Candidate any more"),
        ("Tier", "business-critical", "spec.parameters.tier"),
        ("Product", "mysql", "there is no Product"),
    ] {
        let reconciled = workload.reconcile(&without(kind, name));
        let conditions = &reconciled.answer.conditions;
        assert!(conditions.iter().any(|c| c.message().contains(said)), "{kind}: {conditions:?}");
        assert!(!reconciled.required.contains(&"CloudProvider *".to_owned()), "{kind}");
    }
}

#[test]
fn a_decision_that_is_written_down_is_taken_over_without_the_rest_of_the_catalog() {
    let objects = catalog();
    let decided = Workload::placed(&objects);
    let mut record: Value =
        serde_json::from_str(decided.placement()["reason"].as_str().unwrap()).unwrap();
    let here = place(decided.placement());
    let mut workload = Workload::new();
    let annotate = |workload: &mut Workload, record: &Value| {
        workload.composite["metadata"]["annotations"] =
            json!({"platform.example.org/placement-reason": record.to_string()});
    };
    // Admission's first decision.
    annotate(&mut workload, &record);
    let reconciled = workload.reconcile(&objects);
    let own = [&*format!("Candidate {here}"), "Product mysql", "Tier business-critical"];
    assert_eq!(sorted(reconciled.required), own.map(str::to_owned).to_vec());
    workload.settle(&reconciled.answer);
    assert_eq!(place(workload.placement()), here);

    // A move: the new place's Candidate and the old one's, until it is carried out.
    let there = record["top_3_candidates"][1].clone();
    record["selected"]["provider"] = there["provider"].clone();
    record["selected"]["region"] = there["region"].clone();
    record["sequence"] = json!(2);
    annotate(&mut workload, &record);
    let moving = workload.reconcile(&objects);
    let mut both = own.map(str::to_owned).to_vec();
    both.push(format!("Candidate {}", place(&there)));
    assert_eq!(sorted(moving.required), sorted(both));
    workload.settle(&moving.answer);
    assert_eq!(place(workload.placement()), place(&there));
    let own = [&*format!("Candidate {}", place(&there)), "Product mysql", "Tier business-critical"];
    assert_eq!(sorted(workload.reconcile(&objects).required), own.map(str::to_owned).to_vec());

    // A place that is none: who is placed stays, who is nowhere has to decide.
    record["selected"]["region"] = json!("nowhere-1");
    record["sequence"] = json!(3);
    annotate(&mut workload, &record);
    assert_eq!(
        workload.reconcile(&objects).answer.desired.unwrap().resources.len(),
        workload.resources.len()
    );
    let mut new = Workload::new();
    annotate(&mut new, &record);
    let reconciled = new.reconcile(&objects);
    assert!(reconciled.required.contains(&"CloudProvider *".to_owned()));
    new.settle(&reconciled.answer);
    assert_eq!(place(new.placement()), here, "decided anew");
}

#[test]
fn the_order_of_objects_makes_no_difference() {
    let objects = catalog();
    let function = Function::new();
    let request = |objects: &[Value]| v1::RunFunctionRequest {
        observed: Some(v1::State {
            composite: Some(resource(&Workload::new().composite)),
            ..v1::State::default()
        }),
        required_resources: idp_crds::kinds::KINDS
            .iter()
            .map(|kind| {
                let items = objects.iter().filter(|o| o["kind"] == kind.name).map(resource);
                (kind.requirement.to_owned(), v1::Resources { items: items.collect() })
            })
            .collect(),
        ..v1::RunFunctionRequest::default()
    };
    let in_order = function.answer(&request(&objects)).encode_to_vec();
    let mut shuffled = objects;
    for step in [3, 7, 11] {
        let half = shuffled.len() / step;
        shuffled.rotate_left(half);
        shuffled.reverse();
        for by in [&function, &Function::new()] {
            assert_eq!(by.answer(&request(&shuffled)).encode_to_vec(), in_order);
        }
    }
}
