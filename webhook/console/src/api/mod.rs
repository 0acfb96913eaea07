//! The read API, `/api/v1`: every route stands in one table, of which both the router and its OpenAPI document
//! are made.
//!
//! - [`configuration`]: products, tiers, candidates, providers, flags;
//! - [`workloads`]: what runs where, one of them with its explanation, decisions;
//! - [`experiments`]: with what became of each side; [`analytics`]: counts over what runs;
//! - [`what_if`]: where something would go;
//! - [`unversioned`]: three older routes, kept as they are;
//! - [`ask`]: who asks, for what, and what is answered where that cannot be.

pub mod analytics;
pub mod ask;
pub mod configuration;
pub mod experiments;
pub mod unversioned;
pub mod what_if;
pub mod workloads;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Sources;
use crate::access::Access;

/// Where the document is.
pub const DOCUMENT: &str = "/api/v1/openapi.json";

/// Every route. What stands here is served and described; nothing else is.
#[allow(deprecated)] // The older routes are: the document says so.
fn table() -> OpenApiRouter<Sources> {
    OpenApiRouter::with_openapi(frame())
        .routes(routes!(configuration::products))
        .routes(routes!(configuration::product))
        .routes(routes!(configuration::tiers))
        .routes(routes!(configuration::candidates))
        .routes(routes!(configuration::providers))
        .routes(routes!(configuration::flags))
        .routes(routes!(workloads::list))
        .routes(routes!(workloads::one))
        .routes(routes!(workloads::decisions))
        .routes(routes!(experiments::list))
        .routes(routes!(experiments::one))
        .routes(routes!(analytics::show))
        .routes(routes!(what_if::decide))
        .routes(routes!(crate::events::changes))
        .routes(routes!(unversioned::products))
        .routes(routes!(unversioned::health))
        .routes(routes!(unversioned::list))
        .routes(routes!(unversioned::events))
}

fn frame() -> OpenApi {
    const DESCRIPTION: &str = "What IDP Multicloud runs where, and why. Read-only: acting is kubectl. Each sees what \
        they may list in the cluster; what they may not see is as if it were not there.";
    let info = InfoBuilder::new()
        .title("IDP Multicloud read API")
        .version("v1")
        .description(Some(DESCRIPTION));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    OpenApiBuilder::new()
        .info(info)
        .components(Some(ComponentsBuilder::new().security_scheme("token", bearer).build()))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]))
        .build()
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> OpenApi {
    table().into_openapi()
}

/// All of it, and the document.
pub fn router(sources: Sources) -> Router {
    let (router, mut document) = table().split_for_parts();
    if matches!(sources.access, Access::Open) {
        document.security = None;
        if let Some(components) = &mut document.components {
            components.security_schemes.clear();
        }
    }
    let text = idp_crds::json::to_vec(&document);
    let show = move || async move { ([(CONTENT_TYPE, "application/json")], text).into_response() };
    // It says nothing of what runs: whoever reaches the port may read it, as the style of the pages.
    router.route(DOCUMENT, get(show)).with_state(sources)
}
