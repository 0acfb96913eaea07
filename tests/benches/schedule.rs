//! What a placement costs, by the number of candidates: the decision alone, and with its record as
//! the annotation's text.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use idp_core::catalog::{Catalog, embedded};
use idp_core::schedule::{
    Candidate, Exclusion, FailoverRule, PlacementQuery, Provenance, Scheduler, State, Tier, Weights,
};
use idp_crds::record::DecidedBy;
use idp_function::cli::schedule::Answerer;
use serde_json::json;

/// A small platform's candidates (the default catalog's own), and ever larger ones.
const SIZES: [usize; 4] = [7, 100, 1_000, 10_000];

/// As the programs have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

fn scheduler(size: usize) -> Scheduler {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let default = catalog.scheduler();
    let candidates: Vec<Candidate> = if size == default.candidates().len() {
        default.candidates().to_vec()
    } else {
        (0..size).map(candidate).collect()
    };
    let weights = [("latency", 0.35), ("dr", 0.25), ("maturity", 0.2), ("cost", 0.2)]
        .map(|(name, w)| (name.to_owned(), w));
    let tier = Tier {
        rto_minutes: 120,
        rpo_minutes: 15,
        gates: vec!["pitr".to_owned(), "private_networking".to_owned()],
        weights: Weights::canonical(weights.iter().map(|(name, weight)| (name, weight))),
        failover: Some(FailoverRule { gates: vec!["pitr".to_owned()] }),
    };
    Scheduler::new(candidates, BTreeMap::from([("medium".to_owned(), tier)]), State::default())
}

/// One of many: eight clouds, scores and capabilities that differ from place to place.
fn candidate(at: usize) -> Candidate {
    let score = |factor: usize| f64::from(u32::try_from(at * factor % 101).unwrap()) / 100.0;
    let capability =
        |name: &str, but_every: usize| (!at.is_multiple_of(but_every)).then(|| name.to_owned());
    Candidate {
        provider: format!("cloud-{}", at % 8),
        region: format!("region-{at}"),
        runtime_cluster: format!("cluster-{at}"),
        network: [("vpc_id".to_owned(), json!(format!("vpc-{at}")))].into_iter().collect(),
        capabilities: [
            capability("pitr", 7),
            capability("private_networking", 11),
            capability("multi_az", 3),
        ]
        .into_iter()
        .flatten()
        .collect(),
        scores: [("latency", 37), ("dr", 53), ("maturity", 71), ("cost", 89)]
            .map(|(d, f)| (d.to_owned(), score(f)))
            .into(),
        healthy: !at.is_multiple_of(13),
    }
}

const REQUEST: PlacementQuery<'_> = PlacementQuery {
    name: "orders",
    tier: "medium",
    ha: true,
    exclude: Exclusion { providers: &[], places: &[] },
    unfit: &[],
};

/// Which place.
#[divan::bench(args = SIZES)]
fn decision(bencher: Bencher, candidates: usize) {
    let scheduler = scheduler(candidates);
    bencher.bench(|| scheduler.decide(black_box(&REQUEST)).unwrap().selected().region.len());
}

/// Which place, and why, as text.
#[divan::bench(args = SIZES)]
fn decision_with_its_record(bencher: Bencher, candidates: usize) {
    let scheduler = scheduler(candidates);
    bencher.bench(|| {
        let decision = scheduler.decide(black_box(&REQUEST)).unwrap();
        decision.record(Provenance::first(DecidedBy::Admission)).to_annotation()
    });
}

/// A catalog of that size, made: once per change of it.
#[divan::bench(args = SIZES)]
fn catalog(bencher: Bencher, candidates: usize) {
    let prepared = scheduler(candidates);
    let tiers = BTreeMap::from([("medium".to_owned(), prepared.tier("medium").unwrap().clone())]);
    bencher
        .with_inputs(|| (prepared.candidates().to_vec(), tiers.clone()))
        .bench_values(|(candidates, tiers)| Scheduler::new(candidates, tiers, State::default()));
}

/// Lines of `idp schedule`.
#[divan::bench(args = [7, 1_000, 5_000])]
fn line(bencher: Bencher, candidates: usize) {
    lines(bencher, candidates, &json!({}));
}

/// The same with health, a circuit, a flag and an experiment, the same on every line.
#[divan::bench(args = [7, 1_000, 5_000])]
fn line_with_a_state(bencher: Bencher, candidates: usize) {
    let experiment = json!({"id": "e", "tier": "*", "variant_weights": {"cost": 1.0}, "traffic_percentage": 0.5, "enabled": true});
    let state = json!({
        "health": {"cloud-1": false}, "circuit": {"cloud-2": {"failures": 9, "age_seconds": 1.0}}, "flags": {"cost_optimization": true}, "experiments": [experiment],
    });
    lines(bencher, candidates, &state);
}

fn lines(bencher: Bencher, candidates: usize, state: &serde_json::Value) {
    const LINES: usize = 100;
    let answerer = Answerer::of(&scheduler(candidates));
    let text: String = (0..LINES)
        .map(|at| {
            let mut input = state.clone();
            input["request"] = json!({"name": format!("w{at}"), "tier": "medium"});
            format!("{}\n", json!({"id": at, "kind": "schedule", "input": input}))
        })
        .collect();
    bencher.counter(ItemsCount::new(LINES)).bench(|| {
        answerer.stream(std::io::BufReader::new(text.as_bytes()), std::io::sink()).unwrap()
    });
}
