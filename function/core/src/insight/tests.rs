//! What holds of every answer, whatever the catalog: found by deciding again.

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::names::{DIMENSIONS, PREFER_COST_OPTIMIZATION};
use idp_crds::record::{DecidedBy, Previous};
use idp_crds::status::Place;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::change::{Change, STEPS};
use super::check::{Finding, Severity, check};
use super::comparison::{Asked, Comparison};
use super::counterfactual::Variations;
use super::edit;
use super::fleet::generate;
use super::impact::impact;
use super::loss::{Loss, Recovery};
use super::question::{Inputs, Question};
use super::replay::{Verdict, replay};
use super::simulate::simulate;
use super::{Workload, explain};
use crate::catalog::{Catalog, Objects, embedded};
use crate::schedule::{
    Candidate, Circuit, Experiment, FailoverRule, Provenance, ProviderHealth, Scheduler, State,
    Tier, Weights,
};

/// So many random catalogs, where they are fast and where they are not.
const CASES: u32 = if cfg!(debug_assertions) { 128 } else { 10_000 };

const CAPABILITIES: [&str; 3] = ["pitr", "multi_az", "private_networking"];
const PROVIDERS: [&str; 3] = ["aws", "gcp", "oci"];

fn capabilities() -> impl Strategy<Value = Vec<String>> {
    subsequence(CAPABILITIES.to_vec(), 0..=3)
        .prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

/// On a coarse grid, so that ties are common; some are missing.
fn scores() -> impl Strategy<Value = BTreeMap<String, f64>> {
    let score =
        |name: &'static str| prop::option::weighted(0.9, 0..=20_u32).prop_map(move |s| (name, s));
    DIMENSIONS.map(score).prop_map(|all| {
        let given = all.into_iter().filter_map(|(name, score)| Some((name, score?)));
        given.map(|(name, score)| (name.to_owned(), f64::from(score) / 20.0)).collect()
    })
}

fn weights() -> impl Strategy<Value = Weights> {
    prop::array::uniform4(0..=20_u32).prop_filter_map("all zero", |parts| {
        let sum: u32 = parts.iter().sum();
        let all = DIMENSIONS.iter().zip(parts);
        let all = all.map(|(name, part)| ((*name).to_owned(), f64::from(part) / f64::from(sum)));
        (sum > 0).then(|| Weights::canonical(&all.collect::<BTreeMap<_, _>>()))
    })
}

fn candidate(index: usize) -> impl Strategy<Value = Candidate> {
    let parts = (select(&PROVIDERS[..]), capabilities(), scores(), prop::bool::weighted(0.9));
    parts.prop_map(move |(provider, capabilities, scores, healthy)| Candidate {
        provider: provider.to_owned(),
        region: format!("region-{index}"),
        runtime_cluster: format!("cluster-{index}"),
        network: indexmap::IndexMap::new(),
        capabilities,
        scores,
        healthy,
    })
}

fn tier() -> impl Strategy<Value = Tier> {
    let gates = subsequence(CAPABILITIES.to_vec(), 0..=2)
        .prop_map(|some| some.into_iter().map(str::to_owned).collect::<Vec<String>>());
    let failover = prop::option::of(capabilities().prop_map(|gates| FailoverRule { gates }));
    (gates, weights(), failover).prop_map(|(gates, weights, failover)| Tier {
        rto_minutes: 30,
        rpo_minutes: 5,
        gates,
        weights,
        failover,
    })
}

fn state() -> impl Strategy<Value = State> {
    let health =
        (prop::bool::weighted(0.8), prop::bool::weighted(0.2)).prop_map(|(healthy, open)| {
            let circuit = if open { Circuit::Open } else { Circuit::Closed };
            ProviderHealth { healthy, circuit, ..ProviderHealth::WELL }
        });
    let experiment = (weights(), 2..=8_u32).prop_map(|(weights, tenths)| Experiment {
        id: "trial".to_owned(),
        salt: None,
        description: String::new(),
        weights,
        share: f64::from(tenths) / 10.0,
        tier: "*".to_owned(),
        enabled: true,
    });
    let providers =
        prop::collection::btree_map(select(&PROVIDERS[..]).prop_map(str::to_owned), health, 0..2);
    let experiment = prop::option::weighted(0.3, experiment);
    (providers, experiment, prop::bool::weighted(0.3)).prop_map(|(providers, experiment, flag)| {
        State {
            providers,
            experiments: experiment.into_iter().collect(),
            flags: flag.then(|| PREFER_COST_OPTIMIZATION.to_owned()).into_iter().collect(),
        }
    })
}

/// What decides, and what is asked.
fn asked() -> impl Strategy<Value = (Inputs, Question)> {
    let candidates =
        (1..9_usize).prop_flat_map(|count| (0..count).map(candidate).collect::<Vec<_>>());
    let leave = subsequence(PROVIDERS.to_vec(), 0..=1)
        .prop_map(|some| some.into_iter().map(str::to_owned).collect::<Vec<String>>());
    (candidates, tier(), tier(), state(), any::<bool>(), leave, prop::option::of(0..9_usize))
        .prop_map(|(candidates, a, b, state, ha, leave, not_to)| {
            let mut question = Question::new("orders", "a", ha);
            question.leave = leave;
            let place = not_to.and_then(|at| candidates.get(at)).map(Candidate::place);
            question.not_to = place.into_iter().collect();
            let tiers = BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
            (Inputs { candidates, tiers, state }, question)
        })
}

/// `change` one step smaller; none for what has no size, and for the smallest.
fn smaller(change: &Change) -> Option<Change> {
    let step = |from: f64, to: f64| {
        let back = if to > from { -1.0 } else { 1.0 };
        let smaller = (to * f64::from(STEPS)).round() + back;
        let smaller = smaller / f64::from(STEPS);
        ((smaller - from) * (to - from) > 1e-9).then_some(smaller)
    };
    let mut change = change.clone();
    match &mut change {
        Change::Score { from, to, .. } | Change::Weight { from, to, .. } => *to = step(*from, *to)?,
        _ => return None,
    }
    Some(change)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn each_change_lets_its_place_win_and_a_smaller_one_does_not((inputs, question) in asked()) {
        let scheduler = inputs.scheduler();
        let variations = Variations::new(&scheduler, &question);
        let selected = question.selects(&scheduler);
        for candidate in &inputs.candidates {
            let place = candidate.place();
            let changes = variations.changes(&place);
            for change in &changes {
                let (mut changed, mut again) = (inputs.clone(), question.clone());
                change.apply(&mut changed, &mut again);
                prop_assert_eq!(again.selects(&changed.scheduler()), Some(place.clone()), "{}", change);
                let mut less = smaller(change);
                for _ in 0..3 {
                    let Some(change) = less else { break };
                    prop_assert_ne!(variations.after(&change), Some(place.clone()), "{}", change);
                    less = smaller(&change);
                }
            }
            if selected.is_none() || selected == Some(place.clone()) { continue }
            // Where no change is named, none suffices.
            for dimension in DIMENSIONS {
                let from = candidate.scores.get(dimension).copied().unwrap_or(0.0);
                let best = Change::Score { place: place.clone(), dimension: dimension.to_owned(), from, to: 1.0 };
                let named = changes.iter().any(|c| matches!(c, Change::Score { dimension: d, .. } if d == dimension));
                prop_assert!(named || variations.after(&best) != Some(place.clone()), "{}", best);
                let named = changes.iter().any(|c| matches!(c, Change::Weight { dimension: d, .. } if d == dimension));
                for tenth in (0..=10).filter(|_| !named) {
                    let to = f64::from(tenth) / 10.0;
                    let of = variations.experiment();
                    let change = Change::Weight { experiment: of, tier: "a".to_owned(), dimension: dimension.to_owned(), from: 0.0, to };
                    prop_assert_ne!(variations.after(&change), Some(place.clone()), "{}", change);
                }
            }
            for capability in CAPABILITIES {
                let change = Change::Capability { place: place.clone(), capability: capability.to_owned() };
                let wins = variations.after(&change) == Some(place.clone());
                prop_assert_eq!(wins, changes.contains(&change), "{}", change);
            }
        }
    }

    #[test]
    fn each_flip_unseats_the_winner_and_a_smaller_one_does_not((inputs, question) in asked()) {
        let scheduler = inputs.scheduler();
        let variations = Variations::new(&scheduler, &question);
        let selected = question.selects(&scheduler);
        for flip in variations.flips() {
            prop_assert_ne!(&flip.winner, &selected, "{}", flip.change);
            if let Some(less) = smaller(&flip.change) {
                prop_assert_eq!(variations.after(&less), selected.clone(), "{}", less);
            }
        }
    }

    #[test]
    fn an_explanation_says_what_the_record_says((inputs, question) in asked()) {
        let scheduler = inputs.scheduler();
        let explanation = explain(&scheduler, &question, None);
        prop_assert_eq!(explanation.places.len(), inputs.candidates.len());
        let row = &explanation.places[explanation.places.len() / 2];
        let alone = explain(&scheduler, &question, Some(&row.place));
        prop_assert_eq!((&alone.places[..], &alone.margin), (std::slice::from_ref(row), &explanation.margin));
        let Ok(decision) = question.decide(&scheduler) else {
            prop_assert!(explanation.selected.is_none() && explanation.refused.is_some());
            return Ok(());
        };
        let record = decision.record(Provenance::first(DecidedBy::Function));
        prop_assert_eq!(explanation.selected.clone(), Some(record.place()));
        let weights: Vec<f64> = explanation.weights.values().copied().collect();
        let recorded: Vec<f64> = record.weights.values().filter_map(serde_json::Number::as_f64).collect();
        prop_assert_eq!(weights, recorded);
        for (ranked, row) in record.top_3_candidates.iter().zip(&explanation.places) {
            prop_assert_eq!(Place::new(&ranked.scored.provider, &ranked.scored.region), row.place.clone());
            prop_assert_eq!(ranked.scored.total_score, row.total);
            let sum: f64 = row.parts.iter().map(|part| part.weighted).sum();
            prop_assert_eq!(crate::schedule::score::round4(sum), row.total);
        }
        let ranked = explanation.places.iter().filter(|row| row.rank.is_some()).count();
        prop_assert_eq!(ranked as u64, record.candidates_passed_gates);
        for row in &explanation.places {
            let words = row.rejected.as_ref().map(|why| why.words.clone());
            prop_assert_eq!(words.as_ref(), record.rejected.get(&row.place.to_string()));
        }
    }

    #[test]
    fn what_was_recorded_is_decided_again_byte_for_byte((inputs, question) in asked(), sequence in 1..5_u64) {
        let scheduler = inputs.scheduler();
        let Ok(decision) = question.decide(&scheduler) else { return Ok(()) };
        let previous = question.not_to.first().map(|from| Previous {
            provider: from.provider.clone(), region: from.region.clone(), sequence: sequence - 1,
        });
        let record = decision.record(Provenance {
            sequence, previous, excluded_providers: question.leave.clone(), decided_by: DecidedBy::Admission,
        });
        let text = record.to_annotation();
        prop_assert_eq!(replay(&scheduler, &text), Verdict::Same);

        // Another catalog: told, with the input.
        let mut other = inputs.clone();
        other.tiers.get_mut("a").unwrap().rto_minutes += 1;
        let Verdict::Differs { differences } = replay(&other.scheduler(), &text) else { panic!("it differs") };
        prop_assert!(differences.iter().any(|d| d.path == "/rto_minutes" && d.input == "Tier a"), "{:?}", differences);

        // The same catalog, and a record that was altered.
        let mut altered = record;
        altered.selected.total_score += 0.5;
        let Verdict::Differs { differences } = replay(&scheduler, &altered.to_annotation()) else { panic!("it differs") };
        prop_assert_eq!(&differences[0].path, "/selected/total_score");
        prop_assert_eq!(&differences[0].input, "the record's own text");
    }
}

#[test]
fn a_record_that_does_not_tell_of_everything_left_out_is_replayed_too() {
    let candidate = |index: usize| Candidate {
        provider: if index < 60 { "aws" } else { "gcp" }.to_owned(),
        region: format!("region-{index}"),
        runtime_cluster: "cluster".to_owned(),
        network: indexmap::IndexMap::new(),
        capabilities: Vec::new(),
        scores: BTreeMap::new(),
        healthy: true,
    };
    let tier = Tier {
        rto_minutes: 1,
        rpo_minutes: 1,
        gates: Vec::new(),
        weights: Weights::canonical(&BTreeMap::from([("cost".to_owned(), 1.0)])),
        failover: None,
    };
    let tiers = BTreeMap::from([("a".to_owned(), tier)]);
    let scheduler =
        Scheduler::new((0..70).map(candidate).collect::<Vec<_>>(), tiers, State::default());
    let mut question = Question::new("orders", "a", false);
    question.not_offered = vec!["aws".to_owned()];
    let record = question.decide(&scheduler).unwrap();
    let text = record.record(Provenance::first(DecidedBy::Function)).to_annotation();
    assert_eq!(replay(&scheduler, &text), Verdict::Same);
}

fn shipped() -> Catalog {
    Catalog::strict(embedded().unwrap()).unwrap()
}

/// The shipped catalog after `edit`.
fn edited(edit: impl FnOnce(&mut Objects)) -> Catalog {
    let mut objects = embedded().unwrap();
    edit(&mut objects);
    Catalog::strict(objects).unwrap()
}

#[test]
fn impact_is_deciding_with_the_places_left_out() {
    let catalog = shipped();
    let scheduler = catalog.scheduler();
    let fleet = generate(&catalog, 400);
    let mut losses: Vec<Loss> = scheduler.providers().iter().map(|p| Loss::provider(p)).collect();
    losses.extend(scheduler.candidates().iter().map(|c| Loss::place(c.place())));
    losses.push(Loss { providers: vec!["aws".to_owned(), "gcp".to_owned()], places: Vec::new() });
    for loss in &losses {
        let impact = impact(scheduler, &fleet, loss);
        let hit: Vec<&Workload> =
            fleet.iter().filter(|w| w.place.as_ref().is_some_and(|p| loss.takes(p))).collect();
        assert_eq!((impact.total.hit, impact.hit.len()), (hit.len(), hit.len()), "{loss}");
        let told: BTreeMap<&str, &super::impact::Hit> =
            impact.hit.iter().map(|hit| (hit.workload.as_str(), hit)).collect();
        for workload in hit {
            let mut question = workload.question.clone();
            question.leave.extend(loss.providers.iter().cloned());
            question.not_to.extend(loss.places.iter().cloned());
            question.not_to.extend(workload.place.clone());
            let told = told[workload.to_string().as_str()];
            match question.selects(scheduler) {
                Some(place) => {
                    assert_eq!((told.to.clone(), told.without.len()), (Some(place.to_string()), 0));
                }
                None => assert!(told.to.is_none() || !told.without.is_empty(), "{told:?}"),
            }
        }
        let sum = |of: &dyn Fn(&super::impact::Shift) -> usize| impact.load.values().map(of).sum();
        let (before, after): (usize, usize) = (sum(&|s| s.before), sum(&|s| s.after));
        assert_eq!(before, fleet.len());
        assert_eq!(after + impact.total.nowhere, fleet.len());
        let tallied: usize = impact.by_cell.values().map(|tally| tally.hit).sum();
        assert_eq!(tallied, impact.total.hit);
    }
}

#[test]
fn a_simulation_is_deciding_under_both_catalogs() {
    let now = shipped();
    let then = edited(|objects| {
        edit::remove(objects, "Candidate/aws-us-east-1").unwrap();
        edit::remove(objects, "Product/webapp").unwrap();
    });
    let fleet = generate(&now, 500);
    let simulation = simulate(&now, &then, &fleet);
    let mut changed = 0;
    for workload in &fleet {
        let before = workload.place.clone();
        let after = workload.question.selects(then.scheduler());
        let after = after.filter(|_| workload.product != "webapp");
        changed += usize::from(before != after);
    }
    assert_eq!((simulation.workloads, simulation.changed), (500, changed));
    let webapps = fleet.iter().filter(|workload| workload.product == "webapp").count();
    assert_eq!(simulation.unplaceable, webapps);
    assert_eq!(simulate(&now, &shipped(), &fleet).changed, 0, "no edit changes nothing");
}

/// What a claim says beside tier and `ha` counts where a product reads it, and only there.
#[test]
fn a_simulation_reads_the_claim_under_both_catalogs() {
    let now = shipped();
    let claim = |number: usize| {
        serde_json::json!({
            "apiVersion": "db.platform.example.org/v1alpha1", "kind": "MySQLInstanceClaim",
            "metadata": {"name": format!("w{number}"), "namespace": "team"},
            "spec": {"parameters": {
                "cell": format!("c{number}"), "tier": "low", "environment": "dev",
                "size": if number < 3 { "large" } else { "small" }, "storageGB": 20 + number,
            }},
        })
    };
    let read = |number: usize| Workload::read(&now, &claim(number)).unwrap().unwrap();
    let fleet: Vec<Workload> = (0..10).map(read).collect();
    let then = edited(|objects| {
        let mysql = objects.products.iter_mut().find(|product| product.name == "mysql").unwrap();
        let size = mysql.spec.parameters.iter_mut().find(|p| p.name == "size").unwrap();
        size.choices.retain(|value| value != "large");
    });
    let simulation = simulate(&now, &then, &fleet);
    assert_eq!((simulation.changed, simulation.unplaceable), (3, 3));
    let why = simulation.workloads_changed[0].why.as_ref().unwrap();
    assert!(why.contains("spec.parameters.size"), "{why}");

    // One that no catalog reads speaks for nobody else.
    let odd = Asked { given: Some(r#"{"size":"none","odd":1}"#), ..fleet[9].asked() };
    let closed = edited(|objects| {
        objects.candidates.iter_mut().for_each(|c| c.spec.healthy = c.spec.provider != "aws");
    });
    let mut comparison = Comparison::new(&now, &closed);
    comparison.compare(odd).unwrap();
    let (before, after) = comparison.compare(fleet[9].asked()).unwrap();
    assert!(before.place.is_some() && before.place != after.place, "{before:?} {after:?}");

    let off = edited(|objects| {
        objects.candidates.iter_mut().for_each(|c| {
            c.spec.healthy = c.spec.provider != "aws";
        })
    });
    for (then, distinct) in [(&then, 10), (&off, 1)] {
        let compared = |most: usize| {
            let mut comparison = Comparison::new(&now, then).at_most(most);
            fleet.iter().all(|workload| comparison.compare(workload.asked()).is_some())
        };
        assert!(compared(distinct) && !compared(distinct - 1), "{distinct}");
    }
}

/// `cargo test --release -p idp-core -- --ignored --nocapture a_hundred_thousand`
#[test]
#[ignore = "measures: release builds only"]
fn a_hundred_thousand_are_decided_within_a_second_and_their_loss_told_within_two() {
    let catalog = shipped();
    let fleet = generate(&catalog, 100_000);
    let then = edited(|objects| edit::remove(objects, "Candidate/aws-us-east-1").unwrap());
    let timed = |what: &str, work: &dyn Fn()| {
        let started = std::time::Instant::now();
        work();
        let took = started.elapsed();
        println!("{what}: {took:?}");
        took.as_secs_f64()
    };
    let decided = timed("100 000 decisions", &|| {
        for workload in &fleet {
            assert!(workload.question.decide(catalog.scheduler()).is_ok());
        }
    });
    assert!(decided < 1.0);
    let told = timed("the loss of a provider", &|| {
        let impact = impact(catalog.scheduler(), &fleet, &Loss::provider("aws"));
        assert!(impact.total.hit > 10_000);
    });
    assert!(told < 2.0);
    timed("an edit", &|| assert!(simulate(&catalog, &then, &fleet).changed > 10_000));
}

#[test]
fn an_edit_replaces_what_has_its_name_and_keeps_its_age() {
    let mut objects = embedded().unwrap();
    let count = objects.tiers.len();
    objects.tiers[0].created = "2026-01-01T00:00:00Z".to_owned();
    let mut change = Objects { tiers: vec![objects.tiers[0].clone()], ..Objects::default() };
    change.tiers[0].created.clear();
    change.tiers[0].spec.rto_minutes = 1;
    edit::apply(&mut objects, change);
    assert_eq!((objects.tiers.len(), objects.tiers[0].spec.rto_minutes), (count, 1));
    assert_eq!(objects.tiers[0].created, "2026-01-01T00:00:00Z");
    let wrong = edit::remove(&mut objects, "Tier/lo").unwrap_err();
    assert!(wrong.contains("did you mean") && wrong.contains("business-critical"), "{wrong}");
    assert!(
        edit::remove(&mut objects, "Pod/x").is_err() && edit::remove(&mut objects, "x").is_err()
    );
}

fn tokens(findings: &[Finding], severity: Severity) -> BTreeSet<(&str, &str)> {
    let of = findings.iter().filter(|finding| finding.severity == severity);
    of.map(|finding| (finding.token, finding.name.as_str())).collect()
}

#[test]
fn the_shipped_catalog_keeps_its_promises_after_any_single_loss() {
    let findings = check(&shipped());
    assert_eq!(tokens(&findings, Severity::Error), BTreeSet::new());
    // Two clouds have `multi_az`: when one is lost the other has no second. docs/src/how-to/check.md
    // says so.
    assert_eq!(
        tokens(&findings, Severity::Warning),
        BTreeSet::from([("NoTargetAfterLoss", "low"), ("NoTargetAfterLoss", "business_critical")])
    );
}

#[test]
fn the_checker_finds_what_is_wrong() {
    // The reference's: the failover target needs what only one cloud has.
    let reference = edited(|objects| {
        for tier in objects.tiers.iter_mut().filter(|tier| tier.name == "business-critical") {
            tier.spec.failover.required_capabilities = None;
        }
    });
    let errors = check(&reference);
    let errors = tokens(&errors, Severity::Error);
    assert!(errors.contains(&("NoTarget", "business_critical")), "{errors:?}");
    assert!(errors.contains(&("NoPlaceAfterLoss", "business_critical")), "{errors:?}");

    let misspelt = edited(|objects| {
        objects.tiers[1].spec.required_capabilities = vec!["pitrr".to_owned()];
    });
    let name = embedded().unwrap().tiers[1].name.replace('-', "_");
    let findings = check(&misspelt);
    let errors = tokens(&findings, Severity::Error);
    assert!(errors.contains(&("CapabilityNobodyOffers", name.as_str())), "{errors:?}");
    assert!(errors.contains(&("NoPlace", name.as_str())), "{errors:?}");
    assert!(findings.iter().any(|f| f.message.contains("did you mean \"pitr\"")), "{findings:?}");

    let dead = edited(|objects| {
        let worst = objects.candidates.iter_mut().find(|c| c.name == "oci-eu-frankfurt-1").unwrap();
        worst.spec.scores.clear();
        let twin = objects.candidates.iter().find(|c| c.name == "aws-us-east-1").unwrap().clone();
        let eu = objects.candidates.iter_mut().find(|c| c.name == "aws-eu-west-1").unwrap();
        eu.spec.scores = twin.spec.scores;
    });
    let findings = check(&dead);
    let warnings = tokens(&findings, Severity::Warning);
    assert!(warnings.contains(&("TieByOrder", "business_critical")), "{warnings:?}");
    assert!(warnings.iter().any(|(token, _)| *token == "DeadCandidate"), "{warnings:?}");
}

#[test]
fn names_of_what_is_lost_are_known_or_the_nearest_is_told() {
    let catalog = shipped();
    let named = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Loss::named(&names, catalog.scheduler())
    };
    assert_eq!(named(&["aws", "gcp/us-central1"]).unwrap().to_string(), "aws and gcp/us-central1");
    let wrong = named(&["awss", "gcp/us-central2"]).unwrap_err();
    assert!(
        wrong[0].contains("did you mean \"aws\"") && wrong[1].contains("gcp/us-central1"),
        "{wrong:?}"
    );
    let mut question = Question::new("orders", "business_critical", true);
    let lost = named(&["aws"]).unwrap().recovery(catalog.scheduler(), &question);
    let without = vec!["cross_region_replication".to_owned()];
    assert_eq!(lost, Recovery::Degraded(Place::new("gcp", "us-central1"), without));
    question.tier = "unknown".to_owned();
    assert!(matches!(
        Loss::default().recovery(catalog.scheduler(), &question),
        Recovery::Nowhere(_)
    ));
}
