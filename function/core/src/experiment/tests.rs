//! Simulated experiments: drawn as the scheduler draws sides, outcomes by a generator of numbers that is the
//! same everywhere.

use super::*;
use crate::schedule::{Experiment, Weights, tier_weights};

/// SplitMix64 over 0 to 1.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(((z ^ (z >> 31)) >> 32) as u32) / f64::from(u32::MAX)
    }
}

/// How often a variant's provider refuses, beside the control's 5 %.
fn simulated(number: u64, workloads: usize, refused: f64) -> Report {
    let experiment = Experiment {
        id: format!("experiment-{number}"),
        description: String::new(),
        weights: Weights::default(),
        share: 0.5,
        tier: "*".to_owned(),
        enabled: true,
        salt: None,
    };
    let mut numbers = Numbers(number);
    // Three places, as weighted scores choose them.
    let places = [(0.9, 0.5), (0.7, 0.45), (0.8, 0.9)].map(|(latency, cost)| {
        BTreeMap::from([("latency".to_owned(), latency), ("cost".to_owned(), cost)])
    });
    let all: Vec<Participant<'_>> = (0..workloads)
        .map(|workload| {
            let group = tier_weights::group(&experiment, &format!("workload-{workload}"));
            let often = if group == Group::Variant { refused } else { 0.05 };
            Participant {
                group,
                ready: Some(numbers.next() < 0.9),
                failing: numbers.next() < often,
                moved: numbers.next() < 0.1,
                // Most soon, some very late.
                ready_after: Some(-200.0 * (1.0 - numbers.next()).max(1e-9).ln()),
                scores: &places[(numbers.next() * 2.999) as usize],
            }
        })
        .collect();
    report(experiment.share, &all)
}

fn differs(report: &Report) -> bool {
    report.outcomes.iter().any(|outcome| matches!(outcome.says, Says::Less | Says::More))
}

#[test]
fn of_a_thousand_experiments_without_a_difference_at_most_one_in_twenty_is_said_to_have_one() {
    let reports: Vec<Report> = (0..1000).map(|number| simulated(number, 400, 0.05)).collect();
    let alarms = reports.iter().filter(|report| differs(report)).count();
    let broken = reports.iter().filter(|r| matches!(r.split, Split::Broken(_))).count();
    println!("{alarms} false alarms, {broken} splits called broken, of 1000");
    assert!(alarms <= 50, "{alarms} false alarms of 1000");
    assert!(broken <= 3, "{broken} good splits of 1000 are called broken");
}

/// The size that docs/src/how-to/experiment.md promises to find.
#[test]
fn a_true_difference_of_the_documented_size_is_found() {
    let found = (0..200).filter(|number| {
        let report = simulated(10_000 + number, 2000, 0.10);
        let refused = report.outcomes.iter().find(|o| o.name == "refused by the provider");
        refused.unwrap().says == Says::More
    });
    let found = found.count();
    println!("{found} of 200 true differences were found");
    assert!(found >= 180, "{found} of 200 true differences were found");
}

#[test]
fn few_workloads_tell_nothing() {
    let report = simulated(1, 50, 0.9);
    assert!(report.outcomes.iter().all(|outcome| outcome.says == Says::TooFew), "{report:#?}");
    assert!(report.outcomes.iter().all(|outcome| outcome.difference.is_none()));
    assert_eq!(super::report(0.5, &[]).split, Split::TooFew);
}

#[test]
fn a_side_that_loses_workloads_breaks_the_split() {
    let scores = BTreeMap::new();
    let one = |group| Participant {
        group,
        ready: Some(true),
        failing: false,
        moved: false,
        ready_after: None,
        scores: &scores,
    };
    let sides = |control, variant| {
        let control = std::iter::repeat_n(one(Group::Control), control);
        let all: Vec<_> =
            control.chain(std::iter::repeat_n(one(Group::Variant), variant)).collect();
        report(0.5, &all).split
    };
    assert!(matches!(sides(1000, 850), Split::Broken(_)));
    assert!(matches!(sides(1000, 980), Split::Good(_)));
}
