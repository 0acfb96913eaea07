//! What an edit is said to do is what happens: every workload is made anew, by admission itself,
//! under the catalog as it was and as it is then.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt as _;
use idp_console::fleet;
use idp_core::catalog::{Catalog, Objects, embedded};
use idp_core::insight::simulate::{Simulation, simulate};
use idp_core::insight::{Workload, edit};
use idp_crds::names::PLACEMENT_REASON;
use idp_crds::product::ProductApi;
use idp_webhook::admission::authorizer::Authorizer;
use idp_webhook::admission::secrets::Secrets;
use idp_webhook::admission::verdict::Verdict;
use idp_webhook::admission::{Admission, DecisionMode, WebhookKind, admit, review};
use idp_webhook::metrics::Metrics;
use idp_webhook::placements::Placements;
use idp_webhook::probes::Probes;
use idp_webhook::snapshot::Snapshot;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::configuration::object;

/// The number where it is fast; enough for every kind of claim where it is not.
const CLAIMS: usize = if cfg!(debug_assertions) { 400 } else { 10_000 };

/// Claims of every product, tier, size and both values of `ha`.
fn claims() -> Vec<Value> {
    let examples = ["mysql", "postgresql", "webapp"].map(|name| {
        let path = format!("{}/../package/examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        serde_saphyr::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()
    });
    let tiers = ["low", "medium", "critical", "business_critical"];
    let claim = |number: usize| {
        let mut claim = examples[number % 3].clone();
        claim["metadata"]["name"] = format!("workload-{number}").into();
        claim["metadata"]["namespace"] = format!("team-{}", number % 17).into();
        let parameters = &mut claim["spec"]["parameters"];
        parameters["tier"] = tiers[number / 3 % 4].into();
        parameters["ha"] = (number / 12).is_multiple_of(2).into();
        parameters["environment"] = ["dev", "production"][number / 24 % 2].into();
        parameters["cell"] = format!("cell-{}", number % 11).into();
        if parameters.get("size").is_some() {
            parameters["size"] = ["small", "medium", "large"][number / 48 % 3].into();
        }
        claim
    };
    (0..CLAIMS).map(claim).collect()
}

fn admission(snapshot: &Snapshot, placements: Placements) -> Admission {
    Admission {
        snapshot: Snapshot::strict(snapshot.objects.clone()).unwrap().shared(),
        placements: Arc::new(placements),
        authorizer: Authorizer::NoCluster,
        secrets: Secrets::NotLooked,
        probes: Probes::NoCluster,
        decision_mode: DecisionMode::Admission,
        crossplane: ["crossplane".to_owned()].into(),
        metrics: Metrics::register(&mut Registry::default()),
    }
}

fn ask(
    admission: &Admission,
    snapshot: &Snapshot,
    webhook: WebhookKind,
    operation: &str,
    object: &Value,
) -> Verdict {
    let kind = object["kind"].as_str().unwrap();
    let (group, version) = object["apiVersion"].as_str().unwrap().split_once('/').unwrap();
    let metadata = &object["metadata"];
    let old = (operation != "CREATE").then_some(object);
    let new = (operation != "DELETE").then_some(object);
    let body = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "1", "operation": operation, "dryRun": true,
            "kind": {"group": group, "version": version, "kind": kind},
            "resource": {"group": group, "version": version, "resource": ProductApi::plural(kind)},
            "name": metadata["name"], "namespace": metadata.get("namespace").cloned().unwrap_or("".into()),
            "userInfo": {"username": "alice"}, "object": new, "oldObject": old,
        },
    });
    let body = serde_json::to_vec(&body).unwrap();
    let request = review::read(&body).unwrap();
    // Without a cluster there is nothing to wait for.
    admit(admission, snapshot, webhook, &request).now_or_never().unwrap()
}

/// Where admission places a claim, and where it would fail over to.
fn placed(admission: &Admission, snapshot: &Snapshot, claim: &Value) -> [Option<String>; 2] {
    let verdict = ask(admission, snapshot, WebhookKind::Mutating, "CREATE", claim);
    let Verdict::Allowed { patch, .. } = verdict else { return [None, None] };
    let mut claim = claim.clone();
    let patch = serde_json::to_value(patch.operations()).unwrap();
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    json_patch::patch(&mut claim, &patch).unwrap();
    let text = claim["metadata"]["annotations"][PLACEMENT_REASON].as_str().unwrap();
    let record: Value = serde_json::from_str(text).unwrap();
    let place = |place: &Value| {
        Some(format!("{}/{}", place.get("provider")?.as_str()?, place["region"].as_str()?))
    };
    [place(&record["selected"]), place(&record["failover"])]
}

/// What happened, in the simulation's words.
fn happened(claims: &[Value], now: &Snapshot, then: &Snapshot) -> Simulation {
    let by = |snapshot: &Snapshot| admission(snapshot, Placements::offline());
    let (before, after) = (by(now), by(then));
    let mut happened = Simulation { workloads: claims.len(), ..Simulation::default() };
    for claim in claims {
        let [from, target] = placed(&before, now, claim);
        let [to, next_target] = placed(&after, then, claim);
        happened.targets_lost += usize::from(target.is_some() && next_target.is_none());
        happened.targets_gained += usize::from(target.is_none() && next_target.is_some());
        if from != to {
            happened.changed += 1;
            happened.unplaceable += usize::from(to.is_none());
            happened.newly_placeable += usize::from(from.is_none());
            let shown = |place: &Option<String>| place.clone().unwrap_or("nowhere".to_owned());
            *happened.moves.entry(format!("{} -> {}", shown(&from), shown(&to))).or_default() += 1;
        }
    }
    happened
}

/// The claims as they are when they have been placed by `snapshot`.
fn running(claims: &[Value], snapshot: &Snapshot) -> Placements {
    let placements = Placements::offline();
    let objects: Vec<_> = claims
        .iter()
        .map(|claim| Arc::new(serde_json::from_value(claim.clone()).unwrap()))
        .collect();
    fleet::place(&objects, snapshot, &placements);
    assert_eq!(placements.list(|_| true).len(), claims.len());
    placements
}

fn with(object: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut object = object.clone();
    change(&mut object);
    object
}

/// Edits of every kind, each with what it is to show.
fn edits() -> BTreeMap<&'static str, Value> {
    let experiment = json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "Experiment",
        "metadata": {"name": "cheap", "labels": {"platform.example.org/catalog": "true"}},
        "spec": {
            "description": "", "tier": "*", "trafficShare": 0.5, "enabled": true,
            "variantWeights": {"latency": 0.0, "dr": 0.0, "maturity": 0.0, "cost": 1.0},
        },
    });
    BTreeMap::from([
        (
            "a tier's weights",
            with(&object("Tier", "low"), |tier| {
                tier["spec"]["weights"] =
                    json!({"latency": 0.3, "dr": 0.1, "maturity": 0.25, "cost": 0.35});
            }),
        ),
        (
            "a place is switched off",
            with(&object("Candidate", "aws-us-east-1"), |place| {
                place["spec"]["healthy"] = false.into();
            }),
        ),
        (
            "a place lacks what some need",
            with(&object("Candidate", "aws-us-east-1"), |place| {
                place["spec"]["settings"].as_object_mut().unwrap().remove("replica");
            }),
        ),
        (
            "a cloud is switched off",
            with(&object("CloudProvider", "aws"), |cloud| cloud["spec"]["healthy"] = false.into()),
        ),
        (
            "a product takes less",
            with(&object("Product", "mysql"), |product| {
                for parameter in product["spec"]["parameters"].as_array_mut().unwrap() {
                    if parameter["name"] == "size" {
                        let all = parameter["enum"].as_array_mut().unwrap();
                        all.retain(|value| value != "large");
                    }
                }
            }),
        ),
        ("an experiment", experiment),
    ])
}

#[test]
fn a_simulation_is_what_happens_and_what_admission_warns_of() {
    let claims = claims();
    let now = Snapshot::strict(embedded().unwrap()).unwrap();
    let fleet: Vec<Workload> =
        claims.iter().map(|claim| Workload::read(&now.catalog, claim).unwrap().unwrap()).collect();
    let admission = admission(&now, running(&claims, &now));
    let mut effects = 0;
    for (what, object) in edits() {
        let mut objects = now.objects.clone();
        let mut change = Objects::default();
        change.add("", object.clone()).unwrap();
        edit::apply(&mut objects, change);
        let then = Snapshot::strict(objects.clone()).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        let after = Catalog::strict(objects).unwrap();
        let simulation = simulate(&now.catalog, &after, &fleet);
        let happened = happened(&claims, &now, &then);
        let numbers = |s: &Simulation| {
            let counts = [s.workloads, s.changed, s.unplaceable, s.newly_placeable];
            (counts, [s.targets_lost, s.targets_gained], s.moves.clone())
        };
        assert_eq!(numbers(&simulation), numbers(&happened), "{what}");
        println!("{what}: {:?}", numbers(&happened));
        effects += usize::from(happened.changed > 0);

        let verdict = ask(&admission, &now, WebhookKind::Validating, "UPDATE", &object);
        let Verdict::Allowed { warnings, .. } = verdict else { panic!("{what}: {verdict:?}") };
        let says = |count: usize, words: &str| {
            let line = format!("{count} of {} workloads", claims.len());
            warnings.iter().any(|w| w.starts_with(&line) && w.contains(words))
        };
        for (count, words) in [
            (happened.changed, "would be placed elsewhere or nowhere"),
            (happened.unplaceable, "could not be placed any more"),
            (happened.targets_lost, "would name no failover target any more"),
        ] {
            assert_eq!(says(count, words), count > 0, "{what}: {words}: {warnings:#?}");
        }
        // Whatever the API server has to cut off is lost.
        assert!(warnings.iter().all(|w| w.len() <= 256), "{what}: {warnings:#?}");
    }
    assert_eq!(effects, 6, "every edit does something");
}

#[test]
fn the_end_of_a_place_is_warned_of_too_and_what_changes_nothing_is_not() {
    let claims = claims();
    let now = Snapshot::strict(embedded().unwrap()).unwrap();
    let admission = admission(&now, running(&claims, &now));
    let warnings = |operation: &str, object: &Value| match ask(
        &admission,
        &now,
        WebhookKind::Validating,
        operation,
        object,
    ) {
        Verdict::Allowed { warnings, .. } => warnings,
        Verdict::Denied(denial) => panic!("{denial:?}"),
    };
    let place = object("Candidate", "aws-us-east-1");
    assert_eq!(warnings("UPDATE", &place), Vec::<String>::new());
    // Nothing has been placed there yet, or it could not go.
    let told = warnings("DELETE", &place);
    assert!(told.iter().any(|w| w.contains("would be placed elsewhere or nowhere")), "{told:?}");
    let words = with(&object("Product", "mysql"), |product| {
        product["spec"]["description"] = "in other words".into();
    });
    assert_eq!(warnings("UPDATE", &words), Vec::<String>::new());
}

/// More different requests than are decided for: said, not left out.
#[test]
fn what_is_not_computed_is_said() {
    let claims: Vec<Value> = (0..1100)
        .map(|number| {
            let mut claim = claims()[0].clone();
            claim["metadata"]["name"] = format!("w{number}").into();
            claim["spec"]["parameters"]["storageGB"] = (20 + number).into();
            claim
        })
        .collect();
    let now = Snapshot::strict(embedded().unwrap()).unwrap();
    let admission = admission(&now, running(&claims, &now));
    // A product's parameters count where it reads them otherwise than before.
    let edited = edits().remove("a product takes less").unwrap();
    let verdict = ask(&admission, &now, WebhookKind::Validating, "UPDATE", &edited);
    let Verdict::Allowed { warnings, .. } = verdict else { panic!("{verdict:?}") };
    assert!(warnings.iter().any(|w| w.contains("is not computed here")), "{warnings:?}");
    // And a tier's edit asks for none of them.
    let tier = edits().remove("a place is switched off").unwrap();
    let verdict = ask(&admission, &now, WebhookKind::Validating, "UPDATE", &tier);
    let Verdict::Allowed { warnings, .. } = verdict else { panic!("{verdict:?}") };
    assert!(warnings.iter().any(|w| w.starts_with("1100 of 1100 workloads")), "{warnings:?}");
}
