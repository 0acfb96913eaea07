//! What holds of every decision, over any catalog.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::record::{DecidedBy, Record};
use idp_function::schedule::{
    Candidate, Circuit, Exclusion, FailoverRule, Provenance, ProviderHealth, Request, Scheduler, State, Tier, Weights,
};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

const CAPABILITIES: [&str; 4] = ["pitr", "multi_az", "private_networking", "cross_region_replication"];
const DIMENSIONS: [&str; 4] = ["latency", "dr", "maturity", "cost"];
const PROVIDERS: [&str; 4] = ["aws", "gcp", "oci", "azure"];

/// A catalog and a question.
#[derive(Debug, Clone)]
struct Case {
    candidates: Vec<Candidate>,
    gates: Vec<String>,
    weights: Vec<f64>,
    failover: Option<Vec<String>>,
    state: State,
    ha: bool,
    leave: Vec<String>,
    not: Vec<(String, String)>,
}

impl Case {
    fn scheduler_of(&self, candidates: Vec<Candidate>) -> Scheduler {
        let weights: Vec<(String, f64)> = DIMENSIONS.iter().map(|d| (*d).to_owned()).zip(self.weights.iter().copied()).collect();
        let tier = Tier {
            rto_minutes: 60,
            rpo_minutes: 60,
            gates: self.gates.clone(),
            weights: Weights::canonical(weights.iter().map(|(name, weight)| (name, weight))),
            failover: self.failover.clone().map(|gates| FailoverRule { gates }),
        };
        Scheduler::new(candidates, BTreeMap::from([("tier".to_owned(), tier)]), self.state.clone())
    }

    fn scheduler(&self) -> Scheduler {
        self.scheduler_of(self.candidates.clone())
    }

    /// The record; none where nothing can be selected.
    fn decide(&self, scheduler: &Scheduler) -> Option<Record> {
        let places: Vec<(&str, &str)> = self.not.iter().map(|(p, r)| (p.as_str(), r.as_str())).collect();
        let exclude = Exclusion { providers: &self.leave, places: &places };
        let request = Request { name: "orders", tier: "tier", ha: self.ha, exclude };
        Some(scheduler.decide(&request).ok()?.record(Provenance::first(DecidedBy::Admission)))
    }

    fn find(&self, provider: &str, region: &str) -> &Candidate {
        self.candidates.iter().find(|c| c.provider == provider && c.region == region).unwrap()
    }

    /// Whether it may be considered at all.
    fn is_open(&self, candidate: &Candidate) -> bool {
        let provider = self.state.providers.get(&candidate.provider);
        let up = provider.is_none_or(|health| health.healthy && health.circuit == Circuit::Closed);
        let excluded = self.leave.contains(&candidate.provider)
            || self.not.iter().any(|(p, r)| *p == candidate.provider && *r == candidate.region);
        candidate.healthy && up && !excluded
    }

    fn has_all(&self, candidate: &Candidate, gates: &[String]) -> bool {
        let ha = !self.ha || candidate.capabilities.iter().any(|c| c == "multi_az");
        ha && gates.iter().all(|gate| candidate.capabilities.contains(gate))
    }
}

fn capabilities() -> impl Strategy<Value = Vec<String>> {
    subsequence(CAPABILITIES.to_vec(), 0..=4).prop_map(|all| all.into_iter().map(str::to_owned).collect())
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    // Few distinct scores, so that there are ties.
    let scores = prop::collection::vec((0_u32..=4).prop_map(|n| f64::from(n) / 4.0), 4);
    let one = (0..PROVIDERS.len(), capabilities(), scores, prop::bool::weighted(0.9));
    prop::collection::vec(one, 1..12).prop_map(|all| {
        let candidate = |(at, (provider, capabilities, scores, healthy)): (usize, (usize, _, Vec<f64>, _))| Candidate {
            provider: PROVIDERS[provider].to_owned(),
            region: format!("region-{at}"),
            runtime_cluster: format!("cluster-{at}"),
            network: [("vpc_id".to_owned(), format!("vpc-{at}").into())].into_iter().collect(),
            capabilities,
            scores: DIMENSIONS.iter().map(|d| (*d).to_owned()).zip(scores).collect(),
            healthy,
        };
        all.into_iter().enumerate().map(candidate).collect()
    })
}

fn state() -> impl Strategy<Value = State> {
    let health = (any::<bool>(), any::<bool>())
        .prop_map(|(healthy, closed)| ProviderHealth { healthy, circuit: if closed { Circuit::Closed } else { Circuit::Open } });
    let providers = prop::collection::btree_map((0..PROVIDERS.len()).prop_map(|at| PROVIDERS[at].to_owned()), health, 0..3);
    providers.prop_map(|providers| State { providers, experiments: Vec::new(), flags: BTreeSet::new() })
}

fn cases() -> impl Strategy<Value = Case> {
    let leave = subsequence(PROVIDERS.to_vec(), 0..=2);
    let weights = prop::collection::vec(0.0..1.0_f64, 4);
    let failover = prop::option::weighted(0.8, capabilities());
    (candidates(), capabilities(), weights, failover, state(), any::<bool>(), leave, any::<Option<Index>>()).prop_map(
        |(candidates, gates, weights, failover, state, ha, leave, not)| {
            let not = not.map(|index| index.get(&candidates)).map(|c| (c.provider.clone(), c.region.clone()));
            let leave = leave.into_iter().map(str::to_owned).collect();
            Case { gates, weights, failover, state, ha, leave, not: not.into_iter().collect(), candidates }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_winner_is_open_and_passes_every_gate_and_none_that_does_scores_higher(case in cases()) {
        let record = case.decide(&case.scheduler());
        let open: Vec<&Candidate> = case.candidates.iter().filter(|c| case.is_open(c) && case.has_all(c, &case.gates)).collect();
        let Some(record) = record else {
            prop_assert!(open.is_empty(), "somebody would have done: {open:?}");
            return Ok(());
        };
        let winner = case.find(&record.selected.provider, &record.selected.region);
        prop_assert!(open.contains(&winner));
        prop_assert_eq!(record.candidates_passed_gates, open.len() as u64);
        let score = |c: &Candidate| -> f64 { DIMENSIONS.iter().zip(&case.weights).map(|(d, w)| c.scores[*d] * w).sum() };
        for other in open {
            // Totals are compared as they are shown: with four decimals.
            prop_assert!(score(winner) >= score(other) - 1e-4, "{other:?} beats {winner:?}");
        }
    }

    #[test]
    fn a_stricter_tier_never_enlarges_the_set(case in cases(), more in capabilities()) {
        let mut stricter = case.clone();
        stricter.gates.extend(more.into_iter().filter(|gate| !case.gates.contains(gate)));
        let passing = |case: &Case| case.decide(&case.scheduler()).map_or(0, |record| record.candidates_passed_gates);
        prop_assert!(passing(&stricter) <= passing(&case));
        let mut available = case.clone();
        available.ha = true;
        prop_assert!(passing(&available) <= passing(&case));
    }

    #[test]
    fn a_loser_changes_nothing_but_the_counts(case in cases(), at: Index) {
        let Some(record) = case.decide(&case.scheduler()) else { return Ok(()) };
        let removed = at.get(&case.candidates).clone();
        let shown = record.top_3_candidates.iter().map(|r| (&r.scored.provider, &r.scored.region));
        let shown = shown.chain(record.failover.iter().map(|f| (&f.provider, &f.region)));
        prop_assume!(!shown.into_iter().any(|(provider, region)| *provider == removed.provider && *region == removed.region));
        let others = case.candidates.iter().filter(|c| **c != removed).cloned().collect();
        let without = case.decide(&case.scheduler_of(others)).unwrap();
        prop_assert_eq!(without.selected, record.selected);
        prop_assert_eq!(without.top_3_candidates, record.top_3_candidates);
        prop_assert_eq!(without.failover, record.failover);
    }

    #[test]
    fn the_failover_shares_no_provider_and_passes_its_own_gates(case in cases()) {
        let Some(record) = case.decide(&case.scheduler()) else { return Ok(()) };
        let fits = |c: &Candidate| {
            case.is_open(c) && c.provider != record.selected.provider
                && case.failover.as_ref().is_some_and(|gates| case.has_all(c, gates))
        };
        match &record.failover {
            Some(failover) => prop_assert!(fits(case.find(&failover.provider, &failover.region))),
            None => prop_assert!(!case.candidates.iter().any(fits), "there is one that would do"),
        }
    }

    #[test]
    fn input_order_decides_between_equals_only(case in cases(), turn: Index) {
        let Some(record) = case.decide(&case.scheduler()) else { return Ok(()) };
        // Distinct totals: the order then says nothing.
        let mut totals: Vec<String> = record.top_3_candidates.iter().map(|r| format!("{:.4}", r.scored.total_score)).collect();
        totals.dedup();
        prop_assume!(totals.len() == record.top_3_candidates.len() && (record.candidates_passed_gates <= 3 || totals.len() == 3));
        let mut turned = case.candidates.clone();
        turned.rotate_left(turn.index(case.candidates.len()));
        let again = case.decide(&case.scheduler_of(turned)).unwrap();
        prop_assert_eq!(again.selected, record.selected);
    }

    #[test]
    fn the_same_question_gives_the_same_bytes(case in cases()) {
        let text = |case: &Case| case.decide(&case.scheduler()).map(|record| record.to_annotation().unwrap());
        let first = text(&case);
        prop_assert_eq!(&first, &text(&case));
        if let Some(text) = first {
            prop_assert_eq!(Record::parse(&text).unwrap().to_annotation().unwrap(), text);
        }
    }
}
