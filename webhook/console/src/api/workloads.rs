//! What runs where: all of it, one with its explanation, and the decisions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use idp_crds::history::{Happened, History};
use idp_crds::names::{HISTORY, PLACEMENT_REASON};
use idp_crds::place::Place;
use idp_crds::record::Record;
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ask::{Asked, Asker, Problem};
use super::experiments::Side;
use crate::Sources;
use crate::placements::Placed;
use crate::query::{Found, Question, WrongQuestion};

/// A place.
#[derive(Serialize, ToSchema)]
pub struct PlaceItem {
    /// The cloud.
    provider: String,
    /// The cloud's region.
    region: String,
}

impl From<&Place> for PlaceItem {
    fn from(place: &Place) -> Self {
        PlaceItem { provider: place.provider.clone(), region: place.region.clone() }
    }
}

/// A part in an experiment.
#[derive(Serialize, ToSchema)]
pub struct Part {
    /// The experiment's name.
    name: String,
    /// The side.
    group: Side,
}

impl Part {
    fn of(placed: &Placed) -> Option<Self> {
        let part = placed.facts.experiment.as_deref()?;
        Some(Part { name: part.experiment.clone(), group: part.group.into() })
    }
}

/// What identifies a workload.
#[derive(Serialize, ToSchema)]
pub struct Reference {
    /// The object's API group.
    group: String,
    /// Its kind.
    kind: String,
    /// Its namespace; empty for what has none.
    namespace: String,
    /// Its name.
    name: String,
}

impl From<&Placed> for Reference {
    fn from(placed: &Placed) -> Self {
        Reference {
            group: placed.group.clone(),
            kind: placed.kind.clone(),
            namespace: placed.namespace.clone(),
            name: placed.name.clone(),
        }
    }
}

/// What runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    #[serde(flatten)]
    reference: Reference,
    /// The product.
    product: String,
    /// The tier.
    tier: String,
    /// The cell.
    cell: String,
    /// The environment.
    environment: String,
    /// Where it is; none while it has no place.
    place: Option<PlaceItem>,
    /// The decision's number: each move adds 1.
    sequence: u64,
    /// `Steady` or `Moving`; empty until it is carried out.
    phase: String,
    /// The weighted score of its place; none where the decision is of another place, or unknown.
    score: Option<f64>,
    /// Where it goes when the place fails.
    failover: Option<PlaceItem>,
    /// Whether it is ready; none while nobody has said.
    ready: Option<bool>,
    /// Whether its provider refuses what it is asked.
    failing: bool,
    /// The experiment it takes part in.
    experiment: Option<Part>,
    /// Places, `<provider>/<region>`, that still hold its data.
    retained: Vec<String>,
}

impl From<&Placed> for Workload {
    fn from(placed: &Placed) -> Self {
        let place = PlaceItem { provider: placed.provider.clone(), region: placed.region.clone() };
        Workload {
            reference: placed.into(),
            product: placed.product.clone(),
            tier: placed.tier.clone(),
            cell: placed.cell.clone(),
            environment: placed.environment.clone(),
            place: (!placed.provider.is_empty()).then_some(place),
            sequence: placed.sequence,
            phase: placed.phase.clone(),
            score: placed.facts.score,
            failover: placed.facts.failover.as_ref().map(PlaceItem::from),
            ready: placed.facts.ready,
            failing: placed.facts.failing,
            experiment: Part::of(placed),
            retained: placed.retained.clone(),
        }
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    /// What is on it.
    items: Vec<T>,
    /// How many are on all pages.
    total: usize,
    /// Which page it is, from 0.
    page: usize,
    /// The next one; none after the last.
    next: Option<usize>,
}

impl<T: for<'p> From<&'p Placed>> From<Found<'_>> for Page<T> {
    fn from(found: Found<'_>) -> Self {
        Page {
            items: found.rows.into_iter().map(T::from).collect(),
            total: found.total,
            page: found.page,
            next: (found.page < found.last).then_some(found.page + 1),
        }
    }
}

impl From<WrongQuestion> for Problem {
    fn from(wrong: WrongQuestion) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, wrong.to_string())
    }
}

/// What runs where; what is given narrows it down.
#[utoipa::path(get, path = "/api/v1/workloads", tag = "workloads", params(Question),
    responses((status = 200, body = Page<Workload>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(sources): State<Sources>,
    Asker(visible): Asker,
    Asked(question): Asked<Question>,
) -> Result<Json<Page<Workload>>, Problem> {
    question.check()?;
    let all = sources.placements.list(|placed| visible.shows(placed));
    Ok(Json(question.find(&all).into()))
}

/// Where a workload was decided to go.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionItem {
    /// Of which workload: its whole record is there.
    workload: Reference,
    /// The decision's number.
    sequence: u64,
    /// Where it went.
    place: PlaceItem,
    /// The place's weighted score.
    score: Option<f64>,
    /// Where it goes when the place fails.
    failover: Option<PlaceItem>,
    /// The experiment that was in force.
    experiment: Option<Part>,
}

impl From<&Placed> for DecisionItem {
    fn from(placed: &Placed) -> Self {
        DecisionItem {
            workload: placed.into(),
            sequence: placed.sequence,
            place: PlaceItem { provider: placed.provider.clone(), region: placed.region.clone() },
            score: placed.facts.score,
            failover: placed.facts.failover.as_ref().map(PlaceItem::from),
            experiment: Part::of(placed),
        }
    }
}

/// The decisions in force: one of each workload that has a place.
#[utoipa::path(get, path = "/api/v1/decisions", tag = "workloads", params(Question),
    responses((status = 200, body = Page<DecisionItem>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn decisions(
    State(sources): State<Sources>,
    Asker(visible): Asker,
    Asked(question): Asked<Question>,
) -> Result<Json<Page<DecisionItem>>, Problem> {
    question.check()?;
    let decided = |placed: &Placed| !placed.provider.is_empty() && visible.shows(placed);
    let all = sources.placements.list(decided);
    Ok(Json(question.find(&all).into()))
}

/// One workload, and why it is where it is.
#[derive(Serialize, ToSchema)]
pub struct Detail {
    #[serde(flatten)]
    workload: Workload,
    /// The parts of each score, and who lost why; none where no decision is recorded.
    explanation: Option<Explanation>,
    /// The decision record as it is stamped on the claim.
    #[schema(value_type = Option<Object>)]
    decision: Option<Map<String, Value>>,
    /// What it says of itself: Kubernetes conditions.
    #[schema(value_type = Vec<Object>)]
    conditions: Vec<Value>,
    /// What has happened to it, the newest last: `event`, `at`, `by`, `sequence`, and where they apply `from`,
    /// `to` and `why`.
    #[schema(value_type = Vec<Object>)]
    history: Vec<Happened>,
}

/// Why a place was selected.
#[derive(Serialize, ToSchema)]
pub struct Explanation {
    /// What the tier asks of every place.
    gates: Vec<String>,
    /// The best places, the selected one first.
    ranked: Vec<RankedItem>,
    /// Who is not in the ranking.
    rejected: Vec<RejectedItem>,
    /// What the selected place goes without.
    degraded: Vec<String>,
}

/// A place in the ranking.
#[derive(Serialize, ToSchema)]
pub struct RankedItem {
    /// 1 is the best.
    rank: u64,
    /// `<provider>/<region>`.
    place: String,
    /// The weighted score.
    score: f64,
    /// What it is the sum of.
    parts: Vec<ScorePart>,
}

/// A dimension's part of a score.
#[derive(Serialize, ToSchema)]
pub struct ScorePart {
    /// The dimension.
    dimension: String,
    /// How much it counts.
    weight: f64,
    /// How good the place is in it.
    score: f64,
    /// Their product.
    contribution: f64,
}

/// A place that lost.
#[derive(Serialize, ToSchema)]
pub struct RejectedItem {
    /// `<provider>/<region>`.
    place: String,
    /// Why.
    reason: String,
}

impl Explanation {
    pub(super) fn of(record: &Record) -> Self {
        let ranked = record.top_3_candidates.iter().map(|ranked| {
            let scored = &ranked.scored;
            let parts = record.weights.iter().map(|(dimension, weight)| {
                let weight = weight.as_f64().unwrap_or_default();
                let score = scored.subscores.get(dimension).and_then(serde_json::Number::as_f64);
                let score = score.unwrap_or_default();
                let contribution = weight * score;
                ScorePart { dimension: dimension.clone(), weight, score, contribution }
            });
            RankedItem {
                rank: ranked.rank,
                place: format!("{}/{}", scored.provider, scored.region),
                score: scored.total_score,
                parts: parts.collect(),
            }
        });
        let rejected = record.rejected.iter();
        let rejected =
            rejected.map(|(place, why)| RejectedItem { place: place.clone(), reason: why.clone() });
        Explanation {
            gates: record.gates.clone(),
            ranked: ranked.collect(),
            rejected: rejected.collect(),
            degraded: record.degraded.clone(),
        }
    }
}

/// The record of a workload's decision as text: what the function has written, or what is stamped.
pub(crate) fn reason(object: &DynamicObject) -> Option<&str> {
    let reason = object.data.pointer("/status/placement/reason").and_then(Value::as_str);
    reason.or_else(|| object.annotations().get(PLACEMENT_REASON).map(String::as_str))
}

/// What has happened to a workload, as it carries it.
pub(crate) fn history(object: &DynamicObject) -> History {
    let text = object.annotations().get(HISTORY);
    text.and_then(|text| History::parse(text)).unwrap_or_default()
}

/// One workload with its decision, its explanation and its conditions.
#[utoipa::path(get, path = "/api/v1/workloads/{group}/{kind}/{namespace}/{name}", tag = "workloads",
    params(("group" = String, Path, description = "The object's API group."), ("kind" = String, Path, description = "Its kind."),
        ("namespace" = String, Path, description = "Its namespace, `-` for what has none."), ("name" = String, Path, description = "Its name.")),
    responses((status = 200, body = Detail), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(sources): State<Sources>,
    Asker(visible): Asker,
    Path((group, kind, namespace, name)): Path<(String, String, String, String)>,
) -> Result<Json<Detail>, Problem> {
    let found = sources.find(&visible, [&group, &kind, &namespace, &name]);
    let Some(placed) = found else {
        return Err(Problem::absent(&format!("{kind}.{group} {namespace}/{name}")));
    };
    let object = sources.read(&placed).await;
    let object =
        object.map_err(|e| Problem::new(StatusCode::SERVICE_UNAVAILABLE, e.to_string()))?;
    let text = object.as_deref().and_then(reason);
    let conditions = object.as_ref().and_then(|o| o.data.pointer("/status/conditions"));
    Ok(Json(Detail {
        workload: (&placed).into(),
        explanation: text.and_then(|t| Record::parse(t).ok()).as_ref().map(Explanation::of),
        decision: text.and_then(|text| serde_json::from_str(text).ok()),
        conditions: conditions.and_then(Value::as_array).cloned().unwrap_or_default(),
        history: object.as_deref().map(|o| history(o).all().to_vec()).unwrap_or_default(),
    }))
}
