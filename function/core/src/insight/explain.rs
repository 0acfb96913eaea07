//! Why here, and for every other place what is missing.

use std::cmp::Ordering;

use idp_crds::record::ExperimentGroup;
use idp_crds::status::Place;
use indexmap::IndexMap;
use serde::Serialize;

use super::counterfactual::{Flip, Variations};
use super::question::{numbers, score, total};
use super::{Change, Question, as_optional_text, as_text};
use crate::schedule::score::round4;
use crate::schedule::{Candidate, Rejection, Scheduler};

/// A decision, questioned.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The workload.
    pub name: String,
    /// The tier that is asked for.
    pub tier: String,
    /// Whether the workload must survive the loss of a zone.
    pub ha: bool,
    /// The capabilities that a place needs, in order.
    pub gates: Vec<String>,
    /// What counts how much, after experiment and flag.
    pub weights: IndexMap<String, f64>,
    /// The experiment in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experiment: Option<ExperimentGroup>,
    /// Where it goes.
    #[serde(serialize_with = "as_optional_text")]
    pub selected: Option<Place>,
    /// Why nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Where it would fail over to.
    #[serde(serialize_with = "as_optional_text")]
    pub failover: Option<Place>,
    /// By how much the winner wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
    /// Every place: first those in the ranking, best first, then the others in their order.
    pub places: Vec<Row>,
    /// The catalog's digest.
    pub catalog: String,
}

/// By how much the winner wins, and what would unseat it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Margin {
    /// Who comes next.
    #[serde(serialize_with = "as_optional_text")]
    pub runner_up: Option<Place>,
    /// By how much it is behind; 0 where only the candidates' order decides.
    pub by: f64,
    /// The smallest changes of one weight and of one score of the winner that let another place
    /// win, the smallest first.
    pub flips: Vec<Flip>,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Which.
    #[serde(serialize_with = "as_text")]
    pub place: Place,
    /// 1 is the selected one; none where it is not in the ranking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// The sum of its weighted scores, rounded to 4 decimals.
    pub total: f64,
    /// How far that is behind the selected place's; negative where it is ahead, and something else
    /// keeps it out.
    pub behind: f64,
    /// What it is the sum of.
    pub parts: Vec<Part>,
    /// Why it is not in the ranking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejected>,
    /// The single changes after each of which it would be selected; none where none suffices.
    pub changes: Vec<Change>,
}

/// One score of a place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Of what.
    pub dimension: String,
    /// The score.
    pub score: f64,
    /// How much it counts.
    pub weight: f64,
    /// The product of both.
    pub weighted: f64,
}

/// Why a place is not in the ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// A word that stays the same.
    pub token: &'static str,
    /// The words that records have.
    pub words: String,
    /// The capabilities that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// The token of a place whose provider the product is not offered on.
pub const NOT_OFFERED: &str = "NotOffered";

impl Rejected {
    /// Of a candidate, in answer to `question`.
    #[must_use]
    pub fn new(question: &Question, candidate: &Candidate, why: &Rejection) -> Self {
        if *why == Rejection::Excluded && question.not_offered.contains(&candidate.provider) {
            let words = format!("the product is not offered on {}", candidate.provider);
            return Rejected { token: NOT_OFFERED, words, missing: Vec::new() };
        }
        let missing = match why {
            Rejection::MissingCapabilities(missing) => missing.clone(),
            _ => Vec::new(),
        };
        Rejected { token: why.token(), words: why.to_string(), missing }
    }
}

/// Explains what `scheduler` answers to `question`; `only` one place, where one is given: among
/// thousands, finding the changes for each takes its time.
#[must_use]
pub fn explain(scheduler: &Scheduler, question: &Question, only: Option<&Place>) -> Explanation {
    let decision = question.decide(scheduler);
    let variations = Variations::new(scheduler, question);
    let weights = variations.weights();
    let selected = decision.as_ref().ok().map(|decision| decision.selected().place());
    let best = decision.as_ref().ok().map(|decision| total(decision.selected(), weights));
    let mut places: Vec<Row> = variations
        .standings()
        .iter()
        .map(|(candidate, why)| {
            let total = total(candidate, weights);
            Row {
                place: candidate.place(),
                rank: None,
                total,
                behind: best.map_or(0.0, |best| round4(best - total)),
                parts: numbers(weights)
                    .map(|(dimension, weight)| {
                        let score = score(candidate, dimension);
                        let dimension = dimension.to_owned();
                        Part { dimension, score, weight, weighted: score * weight }
                    })
                    .collect(),
                rejected: why.as_ref().map(|why| Rejected::new(question, candidate, why)),
                changes: match only {
                    Some(only) if *only != candidate.place() => Vec::new(),
                    _ => variations.changes(&candidate.place()),
                },
            }
        })
        .collect();
    // Stable: the candidates' order decides between equals, as it does in the decision.
    places.sort_by(|a, b| {
        let ranked = |row: &Row| row.rejected.is_none().then_some(row.total);
        ranked(b).partial_cmp(&ranked(a)).unwrap_or(Ordering::Equal)
    });
    for (at, row) in places.iter_mut().take_while(|row| row.rejected.is_none()).enumerate() {
        row.rank = Some(at + 1);
    }
    let margin = selected.as_ref().map(|_| {
        let next = places.get(1).filter(|row| row.rejected.is_none());
        Margin {
            runner_up: next.map(|row| row.place.clone()),
            by: next.map_or(0.0, |row| row.behind),
            flips: variations.flips(),
        }
    });
    places.retain(|row| only.is_none_or(|only| *only == row.place));
    Explanation {
        name: question.name.clone(),
        tier: question.tier.clone(),
        ha: question.ha,
        gates: scheduler.gates(&question.tier, question.ha).unwrap_or_default(),
        weights: numbers(weights).map(|(name, weight)| (name.to_owned(), weight)).collect(),
        experiment: decision.as_ref().ok().and_then(|decision| decision.experiment().cloned()),
        failover: decision
            .as_ref()
            .ok()
            .and_then(|decision| decision.failover())
            .map(|target| target.candidate.place()),
        refused: decision.as_ref().err().map(ToString::to_string),
        selected,
        margin,
        places,
        catalog: scheduler.digest().to_owned(),
    }
}
