//! What holds of every decision, whatever the catalog.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use idp_core::catalog::{Catalog, Objects};
use idp_core::schedule::tier_weights::TierWeights;
use idp_core::schedule::{
    Candidate, Circuit, Exclusion, Experiment, FailoverRule, PlacementQuery, Provenance,
    ProviderHealth, ScheduleError, Scheduler, State, Tier, Weights, gates, health,
};
use idp_crds::names::{DIMENSIONS, PREFER_COST_OPTIMIZATION};
use idp_crds::record::{DecidedBy, Group, Record};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const CAPABILITIES: [&str; 4] =
    ["pitr", "multi_az", "private_networking", "cross_region_replication"];
const PROVIDERS: [&str; 4] = ["aws", "gcp", "oci", "azure"];

/// Everything a decision is made from.
#[derive(Debug, Clone)]
struct Question {
    candidates: Vec<Candidate>,
    tier: Tier,
    state: State,
    ha: bool,
    leave: Vec<String>,
}

impl Question {
    fn scheduler(&self) -> Scheduler {
        Scheduler::new(
            self.candidates.clone(),
            BTreeMap::from([("tier".to_owned(), self.tier.clone())]),
            self.state.clone(),
        )
    }

    fn decide(&self) -> Result<Record, ScheduleError> {
        let exclude = Exclusion { providers: &self.leave, places: &[] };
        let scheduler = self.scheduler();
        let decision = scheduler.decide(&PlacementQuery {
            name: "orders",
            tier: "tier",
            ha: self.ha,
            exclude,
            unfit: &[],
        })?;
        Ok(decision.record(Provenance::first(DecidedBy::Function)))
    }

    /// The places that pass; none when nothing does.
    fn passing(&self) -> BTreeSet<String> {
        let all = self.candidates.iter().map(|c| format!("{}/{}", c.provider, c.region));
        self.decide()
            .map(|record| all.filter(|place| !record.rejected.contains_key(place)).collect())
            .unwrap_or_default()
    }

    fn find(&self, provider: &str, region: &str) -> &Candidate {
        self.candidates.iter().find(|c| c.provider == provider && c.region == region).unwrap()
    }
}

fn capabilities() -> impl Strategy<Value = Vec<String>> {
    subsequence(CAPABILITIES.to_vec(), 0..=4)
        .prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

/// Scores on a coarse grid, so that ties are common; some are missing.
fn scores() -> impl Strategy<Value = BTreeMap<String, f64>> {
    let dimension =
        |name: &'static str| prop::option::weighted(0.9, 0..=10u32).prop_map(move |s| (name, s));
    DIMENSIONS.map(dimension).prop_map(|all| {
        all.into_iter()
            .filter_map(|(name, score)| Some((name.to_owned(), f64::from(score?) / 10.0)))
            .collect()
    })
}

fn weight_set() -> impl Strategy<Value = Weights> {
    prop::array::uniform4(0..=20u32).prop_filter_map("all zero", |parts| {
        let sum: u32 = parts.iter().sum();
        let weights = DIMENSIONS
            .iter()
            .zip(parts)
            .map(|(name, part)| ((*name).to_owned(), f64::from(part) / f64::from(sum)));
        (sum > 0).then(|| Weights::canonical(&weights.collect::<BTreeMap<_, _>>()))
    })
}

fn candidate(index: usize) -> impl Strategy<Value = Candidate> {
    (select(&PROVIDERS[..]), capabilities(), scores(), prop::bool::weighted(0.85)).prop_map(
        move |(provider, capabilities, scores, healthy)| Candidate {
            provider: provider.to_owned(),
            region: format!("region-{index}"),
            runtime_cluster: format!("cluster-{index}"),
            network: indexmap(json!({"vpc_id": format!("vpc-{index}")})),
            capabilities,
            scores,
            healthy,
        },
    )
}

fn indexmap<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn tier() -> impl Strategy<Value = Tier> {
    let failover = prop::option::of(capabilities().prop_map(|gates| FailoverRule { gates }));
    (capabilities(), weight_set(), failover).prop_map(|(gates, weights, failover)| Tier {
        rto_minutes: 30,
        rpo_minutes: 5,
        gates,
        weights,
        failover,
    })
}

fn state() -> impl Strategy<Value = State> {
    let health =
        (prop::bool::weighted(0.85), prop::bool::weighted(0.15)).prop_map(|(healthy, open)| {
            let circuit = if open { Circuit::Open } else { Circuit::Closed };
            ProviderHealth { healthy, circuit, ..ProviderHealth::WELL }
        });
    let experiment = (weight_set(), 0..=10u32).prop_map(|(weights, tenths)| Experiment {
        id: "trial".to_owned(),
        description: String::new(),
        weights,
        share: f64::from(tenths) / 10.0,
        tier: "*".to_owned(),
        enabled: true,
        salt: None,
    });
    let providers =
        prop::collection::btree_map(select(&PROVIDERS[..]).prop_map(str::to_owned), health, 0..3);
    (providers, prop::option::of(experiment), any::<bool>()).prop_map(
        |(providers, experiment, flag)| State {
            providers,
            experiments: experiment.into_iter().collect(),
            flags: flag.then(|| PREFER_COST_OPTIMIZATION.to_owned()).into_iter().collect(),
        },
    )
}

fn question() -> impl Strategy<Value = Question> {
    let candidates =
        (1..16usize).prop_flat_map(|count| (0..count).map(candidate).collect::<Vec<_>>());
    let leave = subsequence(PROVIDERS.to_vec(), 0..=1)
        .prop_map(|some| some.into_iter().map(str::to_owned).collect());
    (candidates, tier(), state(), any::<bool>(), leave).prop_map(
        |(candidates, tier, state, ha, leave)| Question { candidates, tier, state, ha, leave },
    )
}

fn bytes(question: &Question) -> String {
    question.decide().map_or_else(|error| format!("{error:?}"), |record| record.to_annotation())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_winner_passes_every_gate_and_nothing_that_passes_beats_it(question in question()) {
        let Ok(record) = question.decide() else { return Ok(()) };
        let winner = question.find(&record.selected.provider, &record.selected.region);
        prop_assert!(gates::passes(winner, &gates::effective(&question.tier.gates, question.ha)));
        prop_assert!(health::unhealthy_reasons(winner, &question.state).is_empty());
        prop_assert!(!question.leave.contains(&winner.provider));
        let ranking: Vec<f64> = record.top_3_candidates.iter().map(|ranked| ranked.scored.total_score).collect();
        prop_assert!(ranking.is_sorted_by(|a, b| a >= b), "{ranking:?}");
        prop_assert_eq!(ranking[0], record.selected.total_score);
        // Each of the others alone is no better.
        for other in question.passing() {
            let (provider, region) = other.split_once('/').unwrap();
            let alone = Question { candidates: vec![question.find(provider, region).clone()], ..question.clone() };
            prop_assert!(alone.decide().unwrap().selected.total_score <= record.selected.total_score);
        }
    }

    #[test]
    fn a_stricter_tier_never_enlarges_what_passes(question in question(), more in capabilities()) {
        let mut stricter = question.clone();
        stricter.tier.gates.extend(more.into_iter().filter(|gate| !question.tier.gates.contains(gate)));
        prop_assert!(stricter.passing().is_subset(&question.passing()));
        let highly_available = Question { ha: true, ..question.clone() };
        prop_assert!(highly_available.passing().is_subset(&question.passing()));
    }

    #[test]
    fn a_losing_candidate_changes_nothing_but_the_counts(question in question(), at in any::<prop::sample::Index>(), unhealthy: bool) {
        let Ok(before) = question.decide() else { return Ok(()) };
        // Where nothing is required, everything healthy is in the running.
        let failover_gates = question.tier.failover.as_ref().map(|rule| &rule.gates);
        let can_only_be_unhealthy = question.tier.gates.is_empty() || failover_gates.is_some_and(Vec::is_empty);
        let loser = Candidate {
            provider: "aws".to_owned(),
            region: "nowhere".to_owned(),
            runtime_cluster: "none".to_owned(),
            network: indexmap(json!({})),
            capabilities: Vec::new(),
            scores: DIMENSIONS.iter().map(|d| ((*d).to_owned(), 1.0)).collect(),
            healthy: !(unhealthy || can_only_be_unhealthy),
        };
        let mut more = question.clone();
        more.candidates.insert(at.index(question.candidates.len() + 1), loser);
        let after = more.decide().unwrap();
        let counts = |record: &Record| Record {
            candidates_evaluated: 0, candidates_healthy: 0, unhealthy_skipped: Vec::new(), rejected: indexmap(json!({})),
            catalog: String::new(), ..record.clone()
        };
        prop_assert_eq!(counts(&before), counts(&after));
    }

    #[test]
    fn what_is_excluded_counts_as_if_it_were_not_there(
        question in question(), leave in subsequence(PROVIDERS.to_vec(), 0..=2), places in prop::collection::vec(0..16usize, 0..=2),
    ) {
        let providers: Vec<String> = leave.into_iter().map(str::to_owned).collect();
        let places: Vec<(&str, &str)> =
            places.iter().filter_map(|at| question.candidates.get(*at)).map(|c| (c.provider.as_str(), c.region.as_str())).collect();
        let exclude = Exclusion { providers: &providers, places: &places };
        let mut others = question.clone();
        others.candidates.retain(|c| !providers.contains(&c.provider) && !places.contains(&(&c.provider, &c.region)));
        let decide = |scheduler: &Scheduler, exclude| {
            let decision = scheduler.decide(&PlacementQuery { name: "orders", tier: "tier", ha: question.ha, exclude, unfit: &[] });
            // Who is rejected, and the catalog's digest, differ as they should.
            decision.map(|d| Record { rejected: indexmap(json!({})), catalog: String::new(), ..d.record(Provenance::first(DecidedBy::Function)) })
        };
        let (all, fewer) = (question.scheduler(), others.scheduler());
        // Twice: the second time from what the first has worked out.
        for _ in 0..2 {
            prop_assert_eq!(format!("{:?}", decide(&all, exclude)), format!("{:?}", decide(&fewer, Exclusion::default())));
        }
    }

    #[test]
    fn a_failover_target_is_healthy_fit_and_with_another_provider(question in question()) {
        let Ok(record) = question.decide() else { return Ok(()) };
        match (&record.failover, &question.tier.failover) {
            (Some(target), Some(rule)) => {
                prop_assert_ne!(&target.provider, &record.selected.provider);
                prop_assert!(!question.leave.contains(&target.provider));
                let target = question.find(&target.provider, &target.region);
                prop_assert!(gates::passes(target, &gates::effective(&rule.gates, question.ha)));
                prop_assert!(health::unhealthy_reasons(target, &question.state).is_empty());
            }
            (Some(_), None) => prop_assert!(false, "the tier asks for none"),
            (None, Some(rule)) => {
                // Then there really is none.
                let gates = gates::effective(&rule.gates, question.ha);
                prop_assert!(!question.candidates.iter().any(|c| c.provider != record.selected.provider
                    && !question.leave.contains(&c.provider) && gates::passes(c, &gates)
                    && health::unhealthy_reasons(c, &question.state).is_empty()));
            }
            (None, None) => {}
        }
    }

    #[test]
    fn the_same_question_gives_the_same_bytes(question in question()) {
        prop_assert_eq!(bytes(&question), bytes(&question.clone()));
    }

    #[test]
    fn the_order_of_configuration_objects_does_not_matter(
        question in question(), keys in prop::collection::vec(any::<u32>(), 16), flip: bool
    ) {
        let read = |order: &[usize]| {
            let mut objects = Objects::default();
            for at in order {
                objects.add("test", configured(*at, &question.candidates[*at])).unwrap();
            }
            objects.add("test", json!({
                "apiVersion": "platform.example.org/v1alpha1", "kind": "Tier", "metadata": {"name": "tier"},
                "spec": {"rtoMinutes": 30, "rpoMinutes": 5, "requiredCapabilities": question.tier.gates,
                    "weights": question.tier.weights, "failover": {"enabled": flip}},
            })).unwrap();
            let catalog = Catalog::strict(objects).unwrap();
            let request = PlacementQuery { name: "orders", tier: "tier", ha: question.ha, exclude: Exclusion::default(), unfit: &[] };
            let decided = catalog.scheduler().decide(&request);
            decided.map_or_else(|e| format!("{e:?}"), |d| d.record(Provenance::first(DecidedBy::Function)).to_annotation())
        };
        let in_order: Vec<usize> = (0..question.candidates.len()).collect();
        let mut shuffled = in_order.clone();
        shuffled.sort_by_key(|at| keys[*at]);
        prop_assert_eq!(read(&in_order), read(&shuffled));
    }

    #[test]
    fn weights_sum_to_one_and_the_cost_flag_never_lowers_cost(base in weight_set(), state in state(), name in "[a-z]{1,12}") {
        let cost = |weights: &Weights| weights.0.iter().find(|(d, _)| d == "cost").map_or(0.0, |(_, w)| w.as_f64().unwrap());
        let without = State { flags: BTreeSet::new(), ..state.clone() };
        let with = State { flags: BTreeSet::from([PREFER_COST_OPTIMIZATION.to_owned()]), ..state };
        let plain = TierWeights::new("tier", &base, &without);
        let preferred = TierWeights::new("tier", &base, &with);
        let experiment = plain.experiment(&name);
        let side = experiment.as_ref().map_or(Group::Control, |experiment| experiment.group);
        prop_assert_eq!(experiment, preferred.experiment(&name), "the flag moves nobody to the other side of an experiment");
        let (plain, preferred) = (plain.of(side), preferred.of(side));
        // A weight is rounded to 4 decimals.
        prop_assert!(cost(preferred) >= cost(plain) - 0.00005, "{:?} {:?}", plain, preferred);
        // Where cost is all there is, nothing is left to share.
        let others: f64 = plain.0.iter().filter(|(d, _)| d != "cost").map(|(_, w)| w.as_f64().unwrap()).sum();
        for weights in [plain, preferred] {
            let sum: f64 = weights.0.iter().map(|(_, w)| w.as_f64().unwrap()).sum();
            prop_assert!((sum - 1.0).abs() < 0.00025 || others == 0.0, "{:?} sums to {}", weights, sum);
            prop_assert!(weights.0.iter().all(|(_, w)| w.as_f64().unwrap() >= 0.0));
        }
    }
}

/// A candidate as a configuration object, with a rank of its own.
fn configured(order: usize, candidate: &Candidate) -> Value {
    json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "Candidate", "metadata": {"name": candidate.region},
        "spec": {
            "provider": candidate.provider, "region": candidate.region, "runtimeCluster": candidate.runtime_cluster,
            "order": order, "capabilities": candidate.capabilities, "scores": candidate.scores, "healthy": candidate.healthy,
            "network": candidate.network,
        },
    })
}
