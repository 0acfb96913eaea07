//! The decision against vectors produced by the reference implementation:
//! `tests/golden/open.jsonl.gz`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use idp_core::catalog::{Catalog, embedded};
use idp_core::circuit::breaker;
use idp_core::schedule::tier_weights::{self as weights, TierWeights};
use idp_core::schedule::{Experiment, State, Weights};
use idp_crds::cloud_provider::{CircuitState, CircuitStatus};
use idp_crds::record::Group;
use idp_function::cli::schedule::Answerer;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Vectors of `kind`: the line's text (byte for byte expectations need it) and its value.
fn vectors(kind: &str) -> Vec<(String, Value)> {
    let mut text = String::new();
    let packed = include_bytes!("../golden/open.jsonl.gz");
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let lines =
        text.lines().map(|line| (line.to_owned(), serde_json::from_str::<Value>(line).unwrap()));
    lines.filter(|(_, vector)| vector["kind"] == kind).collect()
}

fn quirks(vector: &Value) -> Vec<&str> {
    vector["quirks"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn answerer() -> Answerer {
    Answerer::of(Catalog::strict(embedded().unwrap()).unwrap().scheduler())
}

/// The text between `start` and the matching end of the JSON value that begins there.
fn json_at<'t>(line: &'t str, key: &str) -> &'t str {
    let at = line.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no {key} in {line}"))
        + key.len()
        + 3;
    let mut stream =
        serde_json::Deserializer::from_str(&line[at..]).into_iter::<serde::de::IgnoredAny>();
    stream.next().unwrap().unwrap();
    &line[at..at + stream.byte_offset()]
}

#[test]
fn schedule() {
    // What the design changes on purpose; such a question is refused, or its answer differs.
    const REFUSED: [&str; 3] = ["negative_weight", "unknown_dimension", "duplicate_region"];
    let vectors = vectors("schedule");
    let input: String = vectors.iter().map(|(line, _)| format!("{line}\n")).collect();
    let mut output = Vec::new();
    let tally = answerer().stream(BufReader::new(input.as_bytes()), &mut output).unwrap();
    assert_eq!(tally.answered, vectors.len() as u64);

    let output = String::from_utf8(output).unwrap();
    let (mut exact, mut differing) = (0, BTreeMap::<&str, usize>::new());
    for ((line, vector), answer_line) in vectors.iter().zip(output.lines()) {
        let answer: Value = serde_json::from_str(answer_line).unwrap();
        assert_eq!(answer["id"], vector["id"]);
        let expected = &vector["expected"];
        let quirks = quirks(vector);
        if quirks.iter().any(|quirk| REFUSED.contains(quirk)) {
            assert_eq!(answer["error"]["kind"], "invalid_input", "{line}");
            *differing.entry("refused").or_default() += 1;
            continue;
        }
        if quirks.contains(&"flag_may_lower_cost_weight")
            && answer["reason"]["weights"] != expected["reason"]["weights"]
        {
            // Never lowers: the weights are those from before the flag.
            let cost = answer["reason"]["weights"]["cost"].as_f64().unwrap();
            assert!(cost > expected["reason"]["weights"]["cost"].as_f64().unwrap(), "{line}");
            *differing.entry("cost not lowered").or_default() += 1;
            continue;
        }
        if let Some(error) = expected.get("error") {
            assert_eq!(answer["error"]["kind"], error["kind"], "{line}");
            assert_eq!(answer["error"]["message"], error["message"], "{line}");
            for list in ["skipped", "gate_failures"] {
                assert_eq!(answer["error"].get(list), error.get(list), "{line}");
            }
        } else {
            assert_eq!(answer["placement"], expected["placement"], "{line}\n{answer_line}");
            // Byte for byte: the reference's keys come first, in its order and spelling.
            let (theirs, ours) = (json_at(line, "reason"), json_at(answer_line, "reason"));
            let theirs = theirs.strip_suffix('}').unwrap();
            if vector["input"]["request"]["tier"] == "business_critical"
                && expected["failover"].is_null()
                && !answer["failover"].is_null()
            {
                let mut without = answer["reason"].clone();
                without.as_object_mut().unwrap().shift_remove("failover");
                let without = idp_crds::json::to_string(&without);
                assert!(without.starts_with(theirs), "{line}\n{answer_line}");
                assert_ne!(answer["failover"]["provider"], answer["placement"]["provider"]);
                *differing.entry("business_critical has a failover target").or_default() += 1;
                continue;
            }
            assert!(ours.starts_with(theirs), "\ntheirs {theirs}\nours   {ours}\n{line}");
            assert_eq!(answer["failover"], expected["failover"], "{line}");
        }
        exact += 1;
    }
    println!(
        "schedule: {} vectors, {exact} exact, differing by design: {differing:?}",
        vectors.len()
    );
    assert_eq!(vectors.len(), exact + differing.values().sum::<usize>());
    assert_eq!(exact, 1644, "vectors that are compared whole");
}

#[test]
fn claims_carry_the_same_annotation() {
    let vectors = vectors("claim");
    let answerer = answerer();
    for (line, vector) in &vectors {
        let mut output = Vec::new();
        let question =
            json!({"id": vector["id"], "kind": "schedule", "input": vector["input"]}).to_string();
        answerer.stream(BufReader::new(question.as_bytes()), &mut output).unwrap();
        let answer = String::from_utf8(output).unwrap();
        let theirs =
            vector["expected"]["claim"]["metadata"]["annotations"]["platform.example.org/placement-reason"].as_str().unwrap();
        let mut ours: Value = serde_json::from_str(json_at(&answer, "reason")).unwrap();
        if !theirs.contains("\"failover\"")
            && vector["input"]["request"]["tier"] == "business_critical"
        {
            ours.as_object_mut().unwrap().shift_remove("failover");
        }
        let ours = idp_crds::json::to_string(&ours);
        assert!(ours.starts_with(theirs.strip_suffix('}').unwrap()), "{line}\n{ours}");
    }
    println!("claim: {} vectors", vectors.len());
}

#[test]
fn bucket() {
    let vectors = vectors("bucket");
    for (line, vector) in &vectors {
        let (id, name) = (
            vector["input"]["experiment_id"].as_str().unwrap(),
            vector["input"]["name"].as_str().unwrap(),
        );
        let expected = &vector["expected"];
        assert_eq!(json!(weights::bucket_u32(id, name)), expected["bucket_u32"], "{line}");
        assert_eq!(json!(weights::bucket(id, name)), expected["bucket"], "{line}");
        for (share, group) in expected["group"].as_object().unwrap() {
            let experiment = Experiment {
                id: id.to_owned(),
                description: String::new(),
                weights: Weights::default(),
                share: share.parse().unwrap(),
                tier: "*".to_owned(),
                enabled: true,
                salt: None,
            };
            assert_eq!(json!(weights::group(&experiment, name)), *group, "{line}");
        }
    }
    println!("bucket: {} vectors", vectors.len());
}

#[test]
fn breaker() {
    let vectors = vectors("breaker");
    let name = |state| match state {
        CircuitState::Closed => "closed",
        CircuitState::Open => "open",
        CircuitState::HalfOpen => "half_open",
    };
    for (line, vector) in &vectors {
        let input = &vector["input"];
        let threshold = input["failure_threshold"].as_u64().unwrap();
        let cooldown = SignedDuration::from_secs_f64(input["cooldown_seconds"].as_f64().unwrap());
        // What opens ours is how many fail at once; here each failure is one more.
        let (mut circuit, mut failing) = (CircuitStatus::default(), 0);
        let operations = input["ops"].as_array().unwrap();
        for (operation, expected) in
            operations.iter().zip(vector["expected"]["results"].as_array().unwrap())
        {
            let since_start = SignedDuration::from_secs_f64(operation[1].as_f64().unwrap());
            let now = Timestamp::UNIX_EPOCH + since_start;
            let result = match operation[0].as_str().unwrap() {
                "failure" => {
                    failing += 1;
                    if failing >= threshold {
                        breaker::trip(&mut circuit, now);
                    }
                    Value::Null
                }
                "success" => {
                    failing = 0;
                    breaker::close(&mut circuit, now);
                    Value::Null
                }
                asked => {
                    breaker::cool(&mut circuit, cooldown, now);
                    match asked {
                        "allow" => json!(circuit.state != CircuitState::Open),
                        "state" => json!([name(circuit.state), failing]),
                        other => panic!("{other}"),
                    }
                }
            };
            assert_eq!(result, *expected, "{operation} in {line}");
        }
    }
    println!("breaker: {} vectors", vectors.len());
}

#[test]
fn experiments() {
    let vectors = vectors("experiments");
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let mut skipped = 0;
    for (line, vector) in &vectors {
        // A registry, as the reference has one: creating replaces in place, bad ones change
        // nothing.
        let mut registry: Vec<Experiment> = Vec::new();
        let mut refused_by_us = false;
        let operations = vector["input"]["ops"].as_array().unwrap();
        for (operation, expected) in
            operations.iter().zip(vector["expected"]["results"].as_array().unwrap())
        {
            let id = operation["id"].as_str().unwrap();
            let place = registry.iter().position(|e| e.id == id);
            if operation["op"] == "delete" {
                assert_eq!(*expected, json!(place.is_some()), "{line}");
                place.map(|at| registry.remove(at));
                continue;
            }
            let weights = operation["variant_weights"].as_object().unwrap();
            let as_map = weights.iter().map(|(k, v)| (k.clone(), v.as_f64().unwrap())).collect();
            let errors = idp_crds::validate::weights(
                "w",
                &as_map,
                idp_crds::names::EXPERIMENT_WEIGHTS_TOLERANCE,
            );
            let share = operation["traffic_percentage"].as_f64().unwrap();
            let valid = errors.is_empty() && (0.0..=1.0).contains(&share);
            if *expected == "created" {
                // Negative weights: accepted there, refused here.
                refused_by_us |= !valid;
                let experiment = Experiment {
                    id: id.to_owned(),
                    description: operation["description"].as_str().unwrap().to_owned(),
                    weights: Weights(
                        weights
                            .iter()
                            .map(|(k, v)| (k.clone(), v.as_number().unwrap().clone()))
                            .collect(),
                    ),
                    share,
                    tier: operation["tier"].as_str().unwrap().to_owned(),
                    enabled: operation.get("enabled").is_none_or(|e| e == true),
                    salt: None,
                };
                match place {
                    Some(at) => registry[at] = experiment,
                    None => registry.push(experiment),
                }
            } else {
                assert!(!valid, "{operation} in {line}");
            }
        }
        skipped += usize::from(refused_by_us);
        let order: Vec<&str> = registry.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(json!(order), vector["expected"]["order"], "{line}");
        let state = State { experiments: registry, ..State::default() };
        let queries = vector["input"]["queries"].as_array().unwrap();
        for (query, expected) in
            queries.iter().zip(vector["expected"]["resolved"].as_array().unwrap())
        {
            let tier = query["tier"].as_str().unwrap();
            let base = &catalog.scheduler().tier(tier).unwrap().weights;
            let weights = TierWeights::new(tier, base, &state);
            let experiment = weights.experiment(query["name"].as_str().unwrap());
            let side = experiment.as_ref().map_or(Group::Control, |experiment| experiment.group);
            let resolved = json!({"weights": weights.of(side), "experiment": experiment});
            assert_eq!(resolved.to_string(), expected.to_string(), "{query} in {line}");
        }
    }
    println!(
        "experiments: {} vectors ({skipped} with weights that would be refused when applied)",
        vectors.len()
    );
}
