//! Routes of before there were versions, kept as they are: `/api/products`, `/api/providers/health`,
//! `/api/placements`, `/api/events`.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use super::ask::{Asked, Asker, Current, Known, Problem};
use super::configuration::health as all_health;
use crate::Sources;
use crate::placements::Placed;

/// What these routes are asked; what is wrong is said as plain text.
pub(super) struct Plain<T>(T);

impl<T: FromRequestParts<Sources, Rejection = Problem>> FromRequestParts<Sources> for Plain<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, sources: &Sources) -> Result<Self, Response> {
        T::from_request_parts(parts, sources).await.map(Plain).map_err(|problem| {
            let text = format!("{}\n", problem.detail);
            let (mut head, _) = problem.into_response().into_parts();
            head.headers.remove(axum::http::header::CONTENT_TYPE);
            (head.status, head.headers, text).into_response()
        })
    }
}

/// Every product, with the parameters that it takes: see `/api/v1/products`.
#[utoipa::path(get, path = "/api/products", tag = "unversioned", responses((status = 200, body = Object), (status = "default", body = String, content_type = "text/plain")))]
#[deprecated]
pub(super) async fn products(
    _: Plain<Known>,
    Plain(Current(snapshot)): Plain<Current>,
) -> Json<Value> {
    let products = snapshot.catalog.products().iter().map(|product| {
        let spec = &product.spec;
        let providers: Vec<&str> = product.providers().map(|(name, _)| name).collect();
        json!({
            "name": product.name,
            "description": spec.description,
            "apiVersion": spec.api.api_version(),
            "kind": spec.api.claim_kind,
            "providers": providers,
            "parameters": spec.parameters,
        })
    });
    Json(json!({ "products": products.collect::<Vec<_>>() }))
}

/// Every provider's health: see `/api/v1/providers`.
#[utoipa::path(get, path = "/api/providers/health", tag = "unversioned", responses((status = 200, body = Object), (status = "default", body = String, content_type = "text/plain")))]
#[deprecated]
pub(super) async fn health(
    _: Plain<Known>,
    Plain(Current(snapshot)): Plain<Current>,
) -> Json<Value> {
    let all: Map<String, Value> =
        all_health(&snapshot).into_iter().map(|provider| provider.short()).collect();
    Json(json!({ "providers": all }))
}

/// Which placements to list.
#[derive(Deserialize, IntoParams, Default)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    provider: Option<String>,
    region: Option<String>,
    product: Option<String>,
    tier: Option<String>,
    namespace: Option<String>,
}

impl Filter {
    fn wants(&self, placed: &Placed) -> bool {
        let Filter { provider, region, product, tier, namespace } = self;
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        is(provider, &placed.provider)
            && is(region, &placed.region)
            && is(product, &placed.product)
            && is(tier, &placed.tier)
            && is(namespace, &placed.namespace)
    }
}

/// What runs where: see `/api/v1/workloads`.
#[utoipa::path(get, path = "/api/placements", tag = "unversioned", params(Filter), responses((status = 200, body = Object), (status = "default", body = String, content_type = "text/plain")))]
#[deprecated]
pub(super) async fn list(
    State(sources): State<Sources>,
    Plain(Asker(visible)): Plain<Asker>,
    Plain(Asked(filter)): Plain<Asked<Filter>>,
) -> Json<Value> {
    let placements =
        sources.placements.list(|placed| filter.wants(placed) && visible.shows(placed));
    Json(json!({ "placements": placements }))
}

/// That something has changed: see `/api/v1/events`.
#[utoipa::path(get, path = "/api/events", tag = "unversioned", responses((status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = String, content_type = "text/plain")))]
#[deprecated]
pub(super) async fn events(asker: Plain<Known>, state: State<Sources>) -> impl IntoResponse {
    crate::events::changes(asker.0, state).await
}
