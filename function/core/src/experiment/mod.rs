//! Whether the two sides of an experiment differ, and whether the experiment can be believed at all.
//!
//! Everything is compared at once, so that what counts is how often *anything* is said to differ that does not:
//! at most [`FALSE_ALARMS`] of experiments without a difference (Bonferroni over the outcomes that can be
//! compared). What cannot be told is said so. A look at an experiment that is still running is one more look:
//! whoever stops at the first difference has more false alarms than that.

pub mod interval;

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::record::Group;

use interval::{Interval, Sample, Share, split_by_chance};

/// How often an experiment without any difference may be said to have one.
pub const FALSE_ALARMS: f64 = 0.05;
/// With fewer workloads on a side nothing is compared.
pub const FEWEST: usize = 30;
/// A split that comes by chance less often than this is broken.
pub const BROKEN: f64 = 0.001;

/// One workload's part in an experiment, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Participant<'a> {
    /// Its side.
    pub group: Group,
    /// Whether it is ready; none while nobody has said.
    pub ready: Option<bool>,
    /// Whether its provider refuses what it is asked.
    pub failing: bool,
    /// Whether it has moved since it was placed first.
    pub moved: bool,
    /// Seconds until it was ready.
    pub ready_after: Option<f64>,
    /// The raw scores of its place, by dimension. Weighted scores say nothing here: each side weighs
    /// otherwise.
    pub scores: &'a BTreeMap<String, f64>,
}

/// What is to be said of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How many workloads are on the tier's own weights.
    pub control: usize,
    /// How many are on the experiment's.
    pub variant: usize,
    /// Whether they are split as was asked for.
    pub split: Split,
    /// What became of them.
    pub outcomes: Vec<Outcome>,
}

/// Whether workloads are split as was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Split {
    /// Too few to tell.
    TooFew,
    /// As well as by chance: how likely at least so much is.
    Good(f64),
    /// It is not by chance, and nothing else of the experiment can be believed: the share or the salt has
    /// been changed on the way, or one side's workloads are deleted more often.
    Broken(f64),
}

/// An outcome on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What it is.
    pub name: String,
    /// On the tier's own weights.
    pub control: Estimate,
    /// On the experiment's.
    pub variant: Estimate,
    /// The variant less the control; none where that cannot be told.
    pub difference: Option<Interval>,
    /// In a word.
    pub says: Says,
}

/// A share or a mean of one side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Of how many workloads.
    pub count: usize,
    /// With its interval at 95 %.
    pub interval: Interval,
}

/// What an outcome says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// There are fewer than [`FEWEST`] on a side.
    TooFew,
    /// No difference can be told. That there is none is not said.
    NoDifference,
    /// The variant has less of it.
    Less,
    /// The variant has more of it.
    More,
}

/// Numbers of both sides.
enum Measured {
    Shares(Share, Share),
    Means(Sample, Sample),
}

impl Measured {
    fn counts(&self) -> (usize, usize) {
        match self {
            Measured::Shares(control, variant) => (control.whole, variant.whole),
            Measured::Means(control, variant) => (control.count, variant.count),
        }
    }

    fn outcome(&self, name: String, alpha: f64) -> Outcome {
        let (intervals, difference) = match self {
            Measured::Shares(control, variant) => (
                [control, variant].map(|side| side.interval(FALSE_ALARMS)),
                variant.less(*control, alpha),
            ),
            Measured::Means(control, variant) => (
                [control, variant].map(|side| side.interval(FALSE_ALARMS)),
                variant.less(*control, alpha),
            ),
        };
        let (controls, variants) = self.counts();
        let says = match difference {
            _ if !self.is_enough() => Says::TooFew,
            difference if difference.holds_nothing() => Says::NoDifference,
            difference if difference.value < 0.0 => Says::Less,
            _ => Says::More,
        };
        let [control, variant] = intervals;
        Outcome {
            name,
            control: Estimate { count: controls, interval: control },
            variant: Estimate { count: variants, interval: variant },
            difference: (says != Says::TooFew).then_some(difference),
            says,
        }
    }

    fn is_enough(&self) -> bool {
        let (control, variant) = self.counts();
        control.min(variant) >= FEWEST
    }
}

/// What is to be said of an experiment that gives the variant to `share` of the workloads.
#[must_use]
pub fn report(share: f64, all: &[Participant<'_>]) -> Report {
    let of = |group| all.iter().filter(move |one| one.group == group);
    let [control, variant] = [Group::Control, Group::Variant].map(|group| of(group).count());
    let shares = |is: &dyn Fn(&Participant<'_>) -> Option<bool>| {
        let side = |group| {
            let known: Vec<bool> = of(group).filter_map(is).collect();
            Share { part: known.iter().filter(|is| **is).count(), whole: known.len() }
        };
        Measured::Shares(side(Group::Control), side(Group::Variant))
    };
    let means = |value: &dyn Fn(&Participant<'_>) -> Option<f64>| {
        let side = |group| Sample::of(&of(group).filter_map(value).collect::<Vec<_>>());
        Measured::Means(side(Group::Control), side(Group::Variant))
    };
    let mut measured = vec![
        ("not ready".to_owned(), shares(&|one| Some(!one.ready?))),
        ("refused by the provider".to_owned(), shares(&|one| Some(one.failing))),
        ("moved".to_owned(), shares(&|one| Some(one.moved))),
        ("seconds from creation to last becoming ready".to_owned(), means(&|one| one.ready_after)),
    ];
    let dimensions: BTreeSet<&str> =
        all.iter().flat_map(|one| one.scores.keys()).map(String::as_str).collect();
    for dimension in dimensions {
        let value = means(&|one| one.scores.get(dimension).copied());
        measured.push((format!("score: {dimension}"), value));
    }
    let compared = measured.iter().filter(|(_, measured)| measured.is_enough()).count();
    // A handful of outcomes.
    let alpha = FALSE_ALARMS / f64::from(u16::try_from(compared.max(1)).unwrap_or(u16::MAX));
    let outcomes =
        measured.into_iter().map(|(name, measured)| measured.outcome(name, alpha)).collect();
    let split = match split_by_chance(Share { part: variant, whole: control + variant }, share) {
        None => Split::TooFew,
        Some(chance) if chance < BROKEN => Split::Broken(chance),
        Some(chance) => Split::Good(chance),
    };
    Report { control, variant, split, outcomes }
}

#[cfg(test)]
mod tests;
