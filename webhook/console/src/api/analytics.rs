//! Counts over what runs, under the reference's names: of live objects, so that no restart loses any.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ask::{Asker, Problem};
use crate::Sources;
use crate::placements::Placed;

/// Counts over the workloads that the asker sees.
#[derive(Serialize, ToSchema, Debug)]
pub struct Analytics {
    /// Workloads that have a place.
    pub total_placements: usize,
    /// Workloads that have one or ask for one.
    pub total_requests: usize,
    /// The share of those without a place. What admission refuses leaves no object behind: it is counted by the
    /// metric `idp_gate_rejections_total`.
    pub gate_rejection_rate: f64,
    /// By provider.
    pub provider_distribution: BTreeMap<String, Count>,
    /// By `<provider>/<region>`.
    pub region_distribution: BTreeMap<String, Count>,
    /// By tier.
    pub tier_distribution: BTreeMap<String, Count>,
    /// The mean weighted score, by provider.
    pub avg_score_by_provider: BTreeMap<String, f64>,
    /// By experiment: workloads on each side.
    pub experiments: BTreeMap<String, BTreeMap<String, usize>>,
    /// Workloads that move now.
    pub moving: usize,
    /// How often workloads have moved, all of them together.
    pub moves: u64,
    /// Workloads that have left something behind.
    pub retaining: usize,
    /// Workloads that are ready.
    pub ready: usize,
    /// Workloads whose provider refuses what it is asked.
    pub failing: usize,
}

/// A part of all placements.
#[derive(Serialize, ToSchema, Debug, PartialEq)]
pub struct Count {
    /// How many.
    pub count: usize,
    /// Of a hundred, to one decimal.
    pub percentage: f64,
}

/// Rounded as the reference rounds: by the exact value.
fn rounded(number: f64, decimals: usize) -> f64 {
    format!("{number:.decimals$}").parse().unwrap_or(number)
}

// Counts of workloads are far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn distribution<'p>(
    placed: &[&'p Placed],
    key: impl Fn(&'p Placed) -> String,
) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for one in placed {
        *counts.entry(key(one)).or_default() += 1;
    }
    let share = |count| rounded(100.0 * ratio(count, placed.len()), 1);
    counts.into_iter().map(|(k, count)| (k, Count { count, percentage: share(count) })).collect()
}

impl Analytics {
    /// Of these workloads.
    #[must_use]
    pub fn of(all: &[Placed]) -> Self {
        let placed: Vec<&Placed> = all.iter().filter(|one| !one.provider.is_empty()).collect();
        let mut scores: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        let mut experiments: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for one in &placed {
            if let Some(score) = one.facts.score {
                let (sum, count) = scores.entry(one.provider.clone()).or_default();
                *sum += score;
                *count += 1;
            }
            if let Some(part) = &one.facts.experiment {
                let sides = experiments.entry(part.experiment.clone()).or_insert_with(|| {
                    ["control", "variant"].map(|side| (side.to_owned(), 0)).into()
                });
                let side = format!("{:?}", part.group).to_lowercase();
                *sides.entry(side).or_default() += 1;
            }
        }
        let mean = |(sum, count): (f64, usize)| rounded(sum * ratio(1, count), 4);
        let count = |is: fn(&Placed) -> bool| all.iter().filter(|one| is(one)).count();
        Analytics {
            total_placements: placed.len(),
            total_requests: all.len(),
            gate_rejection_rate: rounded(ratio(all.len() - placed.len(), all.len()), 4),
            provider_distribution: distribution(&placed, |one| one.provider.clone()),
            region_distribution: distribution(&placed, Placed::place),
            tier_distribution: distribution(&placed, |one| one.tier.clone()),
            avg_score_by_provider: scores.into_iter().map(|(k, all)| (k, mean(all))).collect(),
            experiments,
            moving: count(|one| one.phase == "Moving"),
            moves: all.iter().map(|one| one.sequence.saturating_sub(1)).sum(),
            retaining: count(|one| !one.retained.is_empty()),
            ready: count(|one| one.facts.ready == Some(true)),
            failing: count(|one| one.facts.failing),
        }
    }
}

/// Counts over what runs.
#[utoipa::path(get, path = "/api/v1/analytics", tag = "workloads",
    responses((status = 200, body = Analytics), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(State(sources): State<Sources>, Asker(visible): Asker) -> Json<Analytics> {
    Json(Analytics::of(&sources.placements.list(|placed| visible.shows(placed))))
}
