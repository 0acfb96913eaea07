//! Experiments, with what became of each side, and whether that means anything.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use idp_core::catalog::Named;
use idp_core::experiment::{Estimate, Outcome, Report, Says, Split};
use idp_crds::ExperimentSpec;
use idp_crds::record::Group;
use serde::Serialize;
use utoipa::ToSchema;

use super::ask::{Asker, Current, Insider, Problem};
use super::configuration::Items;
use crate::Sources;
use crate::trial;

/// The sides of an experiment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The tier's own weights.
    Control,
    /// The experiment's weights.
    Variant,
}

impl From<Group> for Side {
    fn from(group: Group) -> Self {
        match group {
            Group::Control => Side::Control,
            Group::Variant => Side::Variant,
        }
    }
}

/// Other weights for a share of the placements, and what came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentItem {
    /// The object's name.
    name: String,
    /// What is being tried.
    description: String,
    /// Whether it is in force.
    enabled: bool,
    /// The tier it applies to, or `*`.
    tier: String,
    /// The share of placements that get the variant.
    traffic_share: f64,
    /// The variant's weights.
    variant_weights: BTreeMap<String, f64>,
    /// Whether the variant weighs as every tier does that it applies to: an A/A experiment, which tries the
    /// measuring itself.
    is_aa: bool,
    /// Workloads on the tier's own weights, of those that the asker sees.
    control: usize,
    /// Workloads on the experiment's.
    variant: usize,
    /// Whether they are split as was asked for.
    split: SplitItem,
    /// What became of them.
    outcomes: Vec<OutcomeItem>,
}

/// Whether workloads are split as was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SplitItem {
    /// `tooFew`, `good`, or `broken`: nothing else of the experiment can be believed then.
    state: &'static str,
    /// How likely a split at least so far off is by chance.
    chance: Option<f64>,
}

impl From<Split> for SplitItem {
    fn from(split: Split) -> Self {
        let (state, chance) = match split {
            Split::TooFew => ("tooFew", None),
            Split::Good(chance) => ("good", Some(chance)),
            Split::Broken(chance) => ("broken", Some(chance)),
        };
        SplitItem { state, chance }
    }
}

/// An outcome on both sides.
#[derive(Serialize, ToSchema)]
pub struct OutcomeItem {
    /// What it is.
    name: String,
    /// On the tier's own weights.
    control: EstimateItem,
    /// On the experiment's.
    variant: EstimateItem,
    /// The variant less the control, by an interval that holds for all outcomes together at 95 %; none where there
    /// are too few.
    difference: Option<EstimateItem>,
    /// `tooFew`, `noDifference` (none can be told), `less` or `more` (of the variant).
    says: &'static str,
}

/// A share or a mean.
#[derive(Serialize, ToSchema)]
pub struct EstimateItem {
    /// Of how many workloads.
    count: usize,
    /// What was seen.
    value: f64,
    /// The lower end of its interval; none where there is none.
    low: Option<f64>,
    /// The upper end.
    high: Option<f64>,
}

impl From<&Estimate> for EstimateItem {
    fn from(Estimate { count, interval }: &Estimate) -> Self {
        let end = |number: f64| number.is_finite().then_some(number);
        EstimateItem {
            count: *count,
            value: interval.value,
            low: end(interval.low),
            high: end(interval.high),
        }
    }
}

impl From<&Outcome> for OutcomeItem {
    fn from(outcome: &Outcome) -> Self {
        let count = outcome.control.count + outcome.variant.count;
        let difference = outcome.difference.map(|interval| Estimate { count, interval });
        OutcomeItem {
            name: outcome.name.clone(),
            control: (&outcome.control).into(),
            variant: (&outcome.variant).into(),
            difference: difference.as_ref().map(EstimateItem::from),
            says: match outcome.says {
                Says::TooFew => "tooFew",
                Says::NoDifference => "noDifference",
                Says::Less => "less",
                Says::More => "more",
            },
        }
    }
}

impl ExperimentItem {
    fn of(experiment: &Named<ExperimentSpec>, is_aa: bool, report: &Report) -> Self {
        let spec = experiment.spec.clone();
        ExperimentItem {
            name: experiment.name.clone(),
            description: spec.description,
            enabled: spec.enabled,
            tier: spec.tier,
            traffic_share: spec.traffic_share,
            variant_weights: spec.variant_weights,
            is_aa,
            control: report.control,
            variant: report.variant,
            split: report.split.into(),
            outcomes: report.outcomes.iter().map(OutcomeItem::from).collect(),
        }
    }
}

/// The experiments with their outcomes. For those who may list candidates.
#[utoipa::path(get, path = "/api/v1/experiments", tag = "experiments",
    responses((status = 200, body = Items<ExperimentItem>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(sources): State<Sources>,
    Asker(visible): Asker,
    _: Insider,
    Current(snapshot): Current,
) -> Json<Items<ExperimentItem>> {
    let all = sources.placements.list(|p| p.facts.experiment.is_some() && visible.shows(p));
    Items::of(snapshot.objects.experiments.iter().map(|experiment| {
        let report = trial::report(experiment, &all);
        ExperimentItem::of(experiment, trial::is_aa(&snapshot, experiment), &report)
    }))
}

/// One experiment with its outcomes. For those who may list candidates.
#[utoipa::path(get, path = "/api/v1/experiments/{name}", tag = "experiments",
    params(("name" = String, Path, description = "The experiment's name.")),
    responses((status = 200, body = ExperimentItem), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(sources): State<Sources>,
    Asker(visible): Asker,
    _: Insider,
    Current(snapshot): Current,
    Path(name): Path<String>,
) -> Result<Json<ExperimentItem>, Problem> {
    let experiment = snapshot.objects.experiments.iter().find(|e| e.name == name);
    let Some(experiment) = experiment else { return Err(Problem::absent(&name)) };
    let all = sources.placements.list(|p| p.facts.experiment.is_some() && visible.shows(p));
    let report = trial::report(experiment, &all);
    Ok(Json(ExperimentItem::of(experiment, trial::is_aa(&snapshot, experiment), &report)))
}
