//! What is decided by: products, tiers, candidates, providers' health and circuits, flags.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::Path;
use idp_core::compose::product::Product;
use idp_crds::cloud_provider::{CircuitState, CircuitStatus};
use idp_crds::names::reference_name;
use idp_crds::product::ParameterSpec;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ask::{Current, Insider, Known, Problem};
use crate::snapshot::Snapshot;

/// A managed service that can be asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductItem {
    /// Its name.
    name: String,
    /// What it is.
    description: String,
    /// `apiVersion` of its claims.
    api_version: String,
    /// `kind` of its claims.
    kind: String,
    /// Whether it holds data: a move then keeps what it leaves.
    stateful: bool,
    /// Where it is offered.
    providers: Vec<String>,
    /// The keys of its connection secret.
    connection_keys: Vec<String>,
    /// What may be set beside `cell`, `tier`, `environment` and `ha`.
    #[schema(value_type = Vec<Parameter>)]
    parameters: Vec<ParameterSpec>,
}

/// A parameter of a product.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // Describes idp_crds::product::ParameterSpec; a test holds answers to it.
pub struct Parameter {
    /// The field's name under `spec.parameters`.
    name: String,
    /// What it is for.
    description: String,
    /// `string`, `integer`, `boolean` or `stringList`.
    r#type: String,
    /// Whether it must be given.
    required: bool,
    /// The value when it is not given.
    #[schema(required = false)]
    default: Value,
    /// The values it may take; any when there are none.
    #[schema(required = false)]
    r#enum: Vec<Value>,
    /// The least value.
    minimum: Option<i64>,
    /// The greatest value.
    maximum: Option<i64>,
    /// The greatest length.
    max_length: Option<u32>,
    /// `any`, `immutable` or `increaseOnly`.
    update: String,
}

impl ProductItem {
    fn of(product: &Product) -> Self {
        let spec = &product.spec;
        ProductItem {
            name: product.name.clone(),
            description: spec.description.clone(),
            api_version: spec.api.api_version(),
            kind: spec.api.claim_kind.clone(),
            stateful: spec.stateful,
            providers: product.providers().map(|(name, _)| name.to_owned()).collect(),
            connection_keys: spec.connection_keys.clone(),
            parameters: spec.parameters.clone(),
        }
    }
}

/// All of a kind.
#[derive(Serialize, ToSchema)]
pub struct Items<T> {
    /// Every one.
    items: Vec<T>,
}

impl<T> Items<T> {
    pub(super) fn of(items: impl IntoIterator<Item = T>) -> Json<Self> {
        Json(Items { items: items.into_iter().collect() })
    }
}

/// What can be asked for, with its parameters.
#[utoipa::path(get, path = "/api/v1/products", tag = "configuration",
    responses((status = 200, body = Items<ProductItem>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn products(_: Known, Current(snapshot): Current) -> Json<Items<ProductItem>> {
    Items::of(snapshot.catalog.products().iter().map(|product| ProductItem::of(product)))
}

/// One product.
#[utoipa::path(get, path = "/api/v1/products/{name}", tag = "configuration",
    params(("name" = String, Path, description = "The product's name.")),
    responses((status = 200, body = ProductItem), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn product(
    _: Known,
    Current(snapshot): Current,
    Path(name): Path<String>,
) -> Result<Json<ProductItem>, Problem> {
    let product = snapshot.catalog.product(&name);
    product.map(|product| Json(ProductItem::of(product))).ok_or_else(|| Problem::absent(&name))
}

/// A class of service.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierItem {
    /// As claims spell it.
    name: String,
    /// How soon it must be back, minutes.
    rto_minutes: i64,
    /// How much may be lost, minutes.
    rpo_minutes: i64,
    /// What a place must be able to do, in the order checked.
    required_capabilities: Vec<String>,
    /// How much each dimension counts.
    weights: BTreeMap<String, f64>,
    /// Whether decisions name a place to go to when the selected one fails.
    failover: bool,
}

/// The tiers. For those who may list candidates.
#[utoipa::path(get, path = "/api/v1/tiers", tag = "configuration",
    responses((status = 200, body = Items<TierItem>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn tiers(_: Insider, Current(snapshot): Current) -> Json<Items<TierItem>> {
    Items::of(snapshot.objects.tiers.iter().map(|tier| TierItem {
        name: reference_name(&tier.name),
        rto_minutes: tier.spec.rto_minutes,
        rpo_minutes: tier.spec.rpo_minutes,
        required_capabilities: tier.spec.required_capabilities.clone(),
        weights: tier.spec.weights.clone(),
        failover: tier.spec.failover.enabled,
    }))
}

/// A place where workloads can run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CandidateItem {
    /// The object's name.
    name: String,
    /// The cloud.
    provider: String,
    /// The cloud's region.
    region: String,
    /// The cluster that serves workloads there.
    runtime_cluster: String,
    /// What it can do.
    capabilities: Vec<String>,
    /// How good it is, per dimension.
    scores: BTreeMap<String, f64>,
    /// The operator's switch for this place.
    healthy: bool,
    /// Ties go to the lower one.
    order: i64,
}

/// The places, with their scores. For those who may list candidates.
#[utoipa::path(get, path = "/api/v1/candidates", tag = "configuration",
    responses((status = 200, body = Items<CandidateItem>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn candidates(
    _: Insider,
    Current(snapshot): Current,
) -> Json<Items<CandidateItem>> {
    Items::of(snapshot.objects.candidates.iter().map(|candidate| {
        let spec = candidate.spec.clone();
        CandidateItem {
            name: candidate.name.clone(),
            provider: spec.provider,
            region: spec.region,
            runtime_cluster: spec.runtime_cluster,
            capabilities: spec.capabilities,
            scores: spec.scores,
            healthy: spec.healthy,
            order: spec.order,
        }
    }))
}

/// A cloud's health.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderItem {
    /// The cloud.
    name: String,
    /// The operator's switch.
    healthy: bool,
    /// The circuit breaker.
    circuit: CircuitItem,
    /// Workloads that fail there now by the provider's fault.
    failures: u32,
    /// When the circuit opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<String>,
    /// Its places whose own circuit is not closed, or where workloads fail.
    places: Vec<PlaceCircuitItem>,
    /// Workloads that fail at the same time and open a circuit.
    failure_threshold: u32,
    /// Seconds until one placement may try again.
    cooldown_seconds: u32,
}

/// The circuit of a place.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceCircuitItem {
    /// The provider's region.
    region: String,
    /// Its circuit breaker.
    circuit: CircuitItem,
    /// Workloads that fail there now by the provider's fault.
    failures: u32,
    /// When the circuit opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<String>,
}

/// The states of a circuit breaker.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CircuitItem {
    /// Placements go through.
    Closed,
    /// None do.
    Open,
    /// One does, to try.
    HalfOpen,
}

impl From<CircuitState> for CircuitItem {
    fn from(state: CircuitState) -> Self {
        match state {
            CircuitState::Closed => CircuitItem::Closed,
            CircuitState::Open => CircuitItem::Open,
            CircuitState::HalfOpen => CircuitItem::HalfOpen,
        }
    }
}

/// Every provider that a CloudProvider or a Candidate names.
pub(super) fn health(snapshot: &Snapshot) -> Vec<ProviderItem> {
    let objects = &snapshot.objects;
    let said = objects.providers.iter().map(|provider| provider.name.as_str());
    let named = objects.candidates.iter().map(|candidate| candidate.spec.provider.as_str());
    let names: BTreeSet<&str> = said.chain(named).collect();
    let items = names.into_iter().map(|name| {
        let spec = objects.providers.iter().find(|provider| provider.name == name);
        let breaker = spec.map(|p| p.spec.circuit_breaker.clone()).unwrap_or_default();
        let status = objects.statuses.get(name).cloned().unwrap_or_default();
        let opened_at = |circuit: CircuitStatus| circuit.opened_at.map(|time| time.0.to_string());
        let places = status.places.into_iter().map(|place| PlaceCircuitItem {
            region: place.region,
            circuit: place.circuit.state.into(),
            failures: place.circuit.failing,
            opened_at: opened_at(place.circuit),
        });
        ProviderItem {
            name: name.to_owned(),
            healthy: spec.is_none_or(|provider| provider.spec.healthy),
            circuit: status.circuit.state.into(),
            failures: status.circuit.failing,
            places: places.collect(),
            opened_at: opened_at(status.circuit),
            failure_threshold: breaker.failure_threshold,
            cooldown_seconds: breaker.cooldown_seconds,
        }
    });
    items.collect()
}

impl ProviderItem {
    /// As the older route has it: by name, three fields.
    pub(super) fn short(self) -> (String, Value) {
        let Self { name, healthy, circuit, failures, .. } = self;
        let value =
            serde_json::json!({ "healthy": healthy, "circuit": circuit, "failures": failures });
        (name, value)
    }
}

/// Which clouds are healthy, by the operator's switch and by the circuit breaker.
#[utoipa::path(get, path = "/api/v1/providers", tag = "configuration",
    responses((status = 200, body = Items<ProviderItem>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn providers(_: Known, Current(snapshot): Current) -> Json<Items<ProviderItem>> {
    Items::of(health(&snapshot))
}

/// A switch for the scheduler.
#[derive(Serialize, ToSchema)]
pub struct FlagItem {
    /// The object's name.
    name: String,
    /// Whether it is on.
    enabled: bool,
    /// What it is for.
    description: String,
}

/// The feature flags. For those who may list candidates.
#[utoipa::path(get, path = "/api/v1/flags", tag = "configuration",
    responses((status = 200, body = Items<FlagItem>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn flags(_: Insider, Current(snapshot): Current) -> Json<Items<FlagItem>> {
    Items::of(snapshot.objects.flags.iter().map(|flag| FlagItem {
        name: flag.name.clone(),
        enabled: flag.spec.enabled,
        description: flag.spec.description.clone(),
    }))
}
