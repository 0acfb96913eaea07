//! The verdicts of the reference implementation: `tests/golden/validation-open.jsonl.gz`.

use std::collections::BTreeMap;
use std::io::Read as _;

use idp_tests::https::Connection;
use serde_json::{Map, Value, json};

use super::fixture::{Outcome, Review, Webhook};

fn vectors(kind: &str) -> Vec<Value> {
    let mut text = String::new();
    let packed = include_bytes!("../../golden/validation-open.jsonl.gz");
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|vector| vector["kind"] == kind).collect()
}

/// A request as a claim: name and namespace are metadata, the rest parameters.
fn claim_of(product: &str, body: &Map<String, Value>) -> Value {
    let (group, kind) = match product {
        "mysql" | "mysql_legacy" => ("db.platform.example.org", "MySQLInstanceClaim"),
        "postgresql" => ("db.platform.example.org", "PostgreSQLInstanceClaim"),
        "webapp" => ("compute.platform.example.org", "WebAppClaim"),
        other => ("db.platform.example.org", other),
    };
    let mut parameters = body.clone();
    let name = parameters.shift_remove("name").unwrap_or_default();
    let namespace = parameters.shift_remove("namespace").unwrap_or_default();
    json!({
        "apiVersion": format!("{group}/v1alpha1"), "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": {"parameters": parameters}
    })
}

#[tokio::test]
async fn requests() {
    let webhook = Webhook::start().await;
    let (mut agree, mut raw) = (0, 0);
    let mut differ: BTreeMap<String, usize> = BTreeMap::new();
    let vectors = vectors("request");
    for vector in &vectors {
        let (input, expected) = (&vector["input"], &vector["expected"]);
        let Some(body) = input["body"].as_object() else {
            // What is no JSON, or no object, is no review either.
            assert_eq!(expected["valid"], false, "{vector}");
            assert_eq!(
                not_a_review(&mut webhook.connect().await, "application/json", &input["raw_body"])
                    .await,
                400,
                "{vector}"
            );
            raw += 1;
            continue;
        };
        let mut claim = claim_of(input["product"].as_str().unwrap(), body);
        if let Some(content_type) = input["content_type"].as_str() {
            assert_eq!(expected["valid"], false, "{vector}");
            assert_eq!(
                not_a_review(&mut webhook.connect().await, content_type, &claim).await,
                415,
                "{vector}"
            );
            raw += 1;
            continue;
        }
        let mut quirks: Vec<&str> =
            vector["quirks"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if body.values().any(|value| {
            value.is_f64() && value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }) {
            quirks.push("a whole number is an integer however it is written, as in Kubernetes");
        }
        if body.get("version") == Some(&"17".into()) {
            quirks.push("PostgreSQL 17 is offered, which the reference did not know");
        }
        // A namespaced object has a namespace: the API server sees to that before any webhook.
        if !claim["metadata"]["namespace"].is_string() {
            claim["metadata"]["namespace"] = "team-alpha".into();
        }
        if claim["metadata"]["name"].is_null() {
            claim["metadata"].as_object_mut().unwrap().shift_remove("name");
        }
        let outcome = webhook.admit(&Review::create(claim)).await;
        if outcome.denied.is_none() == (expected["valid"] == true) {
            agree += 1;
        } else {
            let causes = outcome
                .denied
                .as_ref()
                .map(|status| status["details"]["causes"].clone())
                .unwrap_or_default();
            let unknown = |cause: &Value| {
                cause["message"]
                    .as_str()
                    .is_some_and(|message| message.contains("is not a parameter"))
            };
            if causes
                .as_array()
                .is_some_and(|causes| !causes.is_empty() && causes.iter().all(unknown))
            {
                quirks.push("an unknown parameter is refused, as the design has it");
            }
            assert!(!quirks.is_empty(), "{vector}\n{outcome:?}");
            *differ.entry(quirks.join(" ")).or_default() += 1;
        }
    }
    println!(
        "request: {} vectors: {agree} verdicts agree; {raw} at the level of HTTP, all refused; we differ: {differ:#?}",
        vectors.len()
    );
    assert_eq!(agree + raw + differ.values().sum::<usize>(), vectors.len());
    assert_eq!(agree, 596, "verdicts that agree");
}

async fn not_a_review(connection: &mut Connection, content_type: &str, body: &Value) -> u16 {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    connection.send("/mutate", content_type, text.as_bytes()).await.unwrap().status
}

/// Counts how the verdict on a configuration object compares; `why` says why it may differ, where
/// it does.
fn tally(counts: &mut BTreeMap<String, usize>, vector: &Value, outcome: &Outcome, why: &str) {
    let agrees = outcome.denied.is_none() == (vector["expected"]["valid"] == true);
    assert!(agrees || !why.is_empty(), "{vector}\n{outcome:?}");
    *counts.entry(if agrees { "agree".to_owned() } else { why.to_owned() }).or_default() += 1;
}

#[tokio::test]
async fn experiments() {
    let webhook = Webhook::start().await;
    let mut counts = BTreeMap::new();
    for vector in vectors("experiment") {
        let Some(body) = vector["input"]["body"].as_object() else {
            *counts.entry("no object".to_owned()).or_default() += 1;
            continue;
        };
        let mut spec = body.clone();
        let id = spec.shift_remove("id").unwrap_or_default();
        for (theirs, ours) in
            [("variant_weights", "variantWeights"), ("traffic_percentage", "trafficShare")]
        {
            if let Some(value) = spec.shift_remove(theirs) {
                spec.insert(ours.to_owned(), value);
            }
        }
        let negative = |weights: &Value| {
            weights
                .as_object()
                .is_some_and(|w| w.values().any(|v| v.as_f64().is_some_and(|v| v < 0.0)))
        };
        let why = if negative(&body.get("variant_weights").cloned().unwrap_or_default()) {
            "negative weights are refused"
        } else if !body.get("traffic_percentage").is_none_or(Value::is_number) {
            "a share is a number"
        } else if !body.get("tier").is_none_or(Value::is_string)
            || !id.is_string()
            || !body.get("description").is_none_or(Value::is_string)
        {
            "texts are texts"
        } else if id == "" {
            "an object has a name"
        } else if !body.contains_key("description") {
            "a description is not required"
        } else if body.get("enabled").is_some_and(|enabled| !enabled.is_boolean()) {
            "a switch is true or false"
        } else {
            ""
        };
        let object = json!({
            "apiVersion": "platform.example.org/v1alpha1", "kind": "Experiment", "metadata": {"name": id, "labels": {"platform.example.org/catalog": "true"}}, "spec": spec
        });
        tally(&mut counts, &vector, &webhook.validate(&Review::create(object)).await, why);
    }
    println!("experiment: {counts:#?}");
    assert_eq!(counts.values().sum::<usize>(), 47);
}

#[tokio::test]
async fn flags_and_health() {
    let webhook = Webhook::start().await;
    let mut counts = BTreeMap::new();
    for (kind, object_kind, field) in
        [("flag", "FeatureFlag", "enabled"), ("health", "CloudProvider", "healthy")]
    {
        for vector in vectors(kind) {
            let input = &vector["input"];
            let text =
                input["raw_body"].as_str().map_or_else(|| input["body"].to_string(), str::to_owned);
            let Ok(Value::Object(spec)) = serde_json::from_str::<Value>(&text) else {
                *counts.entry("no object".to_owned()).or_default() += 1;
                continue;
            };
            let why = match spec.get(field) {
                Some(Value::Bool(_)) => "",
                Some(_) => "a switch is true or false",
                None if field == "healthy" => "healthy unless said otherwise",
                None => "",
            };
            let object = json!({
                "apiVersion": "platform.example.org/v1alpha1", "kind": object_kind, "metadata": {"name": "aws", "labels": {"platform.example.org/catalog": "true"}}, "spec": spec
            });
            tally(&mut counts, &vector, &webhook.validate(&Review::create(object)).await, why);
        }
    }
    println!("flag, health: {counts:#?}");
    assert_eq!(counts.values().sum::<usize>(), 18);
}
