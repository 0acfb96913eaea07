//! The read API: what can be asked for, which clouds are healthy, what runs where.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use idp_core::catalog::Objects;
use idp_crds::cloud_provider::CircuitState;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Sources;
use crate::access::{AccessError, Viewer, Visible};
use crate::placements::Placed;
use crate::snapshot::Snapshot;

/// `/api/products`, `/api/providers/health`, `/api/placements`.
pub fn router(sources: Sources) -> Router {
    Router::new()
        .route("/api/products", get(products))
        .route("/api/providers/health", get(health))
        .route("/api/placements", get(list))
        .with_state(sources)
}

/// What answers a tool that may not see something.
#[must_use]
pub fn refusal(error: &AccessError) -> Response {
    match error {
        AccessError::Unauthenticated => {
            let how =
                "bring a token of the cluster's: Authorization: Bearer $(kubectl create token …)\n";
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], how).into_response()
        }
        AccessError::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
        }
    }
}

/// The catalog of this moment; before it has been read there is no answer.
pub struct Current(pub Arc<Snapshot>);

impl FromRequestParts<Sources> for Current {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(_: &mut Parts, sources: &Sources) -> Result<Self, Self::Rejection> {
        let unread = (StatusCode::SERVICE_UNAVAILABLE, "the catalog is not read yet\n");
        sources.snapshot.get().map(Current).ok_or(unread)
    }
}

/// Whoever may ask at all, and what they see.
pub struct Asker(pub Visible);

impl FromRequestParts<Sources> for Asker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, sources: &Sources) -> Result<Self, Response> {
        let known = sources.visible(&parts.headers).await;
        known.map(|(_, visible)| Asker(visible)).map_err(|error| refusal(&error))
    }
}

impl Sources {
    /// Who asks, and what they see.
    pub(super) async fn visible(
        &self,
        headers: &HeaderMap,
    ) -> Result<(Viewer, Visible), AccessError> {
        let viewer = self.access.viewer(headers).await?;
        let visible = self.access.visible(&viewer, &self.placements).await?;
        Ok((viewer, visible))
    }
}

/// Every product, with the parameters that it takes.
async fn products(_: Asker, Current(snapshot): Current) -> Json<Value> {
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

/// Every provider that a CloudProvider or a Candidate names.
async fn health(_: Asker, Current(snapshot): Current) -> Json<Value> {
    let objects = &snapshot.objects;
    let mut names: Vec<&str> =
        objects.providers.iter().map(|provider| provider.name.as_str()).collect();
    names.extend(objects.candidates.iter().map(|candidate| candidate.spec.provider.as_str()));
    names.sort_unstable();
    names.dedup();
    let all: Map<String, Value> =
        names.into_iter().map(|name| (name.to_owned(), provider_health(objects, name))).collect();
    Json(json!({ "providers": all }))
}

fn provider_health(objects: &Objects, name: &str) -> Value {
    let healthy = objects
        .providers
        .iter()
        .find(|provider| provider.name == name)
        .is_none_or(|provider| provider.spec.healthy);
    let status = objects.statuses.get(name).cloned().unwrap_or_default();
    let circuit = match status.state {
        CircuitState::Closed => "closed",
        CircuitState::Open => "open",
        CircuitState::HalfOpen => "half_open",
    };
    json!({ "healthy": healthy, "circuit": circuit, "failures": status.consecutive_failures })
}

/// Which placements to list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Filter {
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

/// What runs where; `?provider=aws&tier=low` and the like narrow it down.
async fn list(
    State(sources): State<Sources>,
    Asker(visible): Asker,
    Query(filter): Query<Filter>,
) -> Json<Value> {
    let placements =
        sources.placements.list(|placed| filter.wants(placed) && visible.shows(placed));
    Json(json!({ "placements": placements }))
}
