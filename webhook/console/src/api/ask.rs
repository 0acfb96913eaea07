//! Who asks, for what; and what they are answered when that cannot be answered: problem details (RFC 9457).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::Sources;
use crate::access::{AccessError, Viewer, Visible};
use crate::snapshot::Snapshot;

/// Why there is no answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What is wrong, and what to do.
    pub detail: String,
}

impl Problem {
    /// With what is wrong.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default().to_owned();
        Problem { status: status.as_u16(), title, detail: detail.into() }
    }

    /// There is nothing of that name, or nothing of it that may be seen.
    pub fn absent(what: &str) -> Self {
        Problem::new(StatusCode::NOT_FOUND, format!("{what}: not there, or not yours to see"))
    }

    /// The configuration is not theirs to see.
    #[must_use]
    pub fn configuration() -> Self {
        let detail = "shown to those who may list candidates: kubectl auth can-i list candidates.platform.example.org";
        Problem::new(StatusCode::FORBIDDEN, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, idp_crds::json::to_vec(&self)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let how = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
        }
        response
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Unauthenticated => Problem::new(
                StatusCode::UNAUTHORIZED,
                "bring a token of the cluster's: Authorization: Bearer $(kubectl create token …)",
            ),
            AccessError::Unavailable(_) => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
        }
    }
}

impl Sources {
    /// Who asks, and what they see.
    pub(crate) async fn visible(
        &self,
        headers: &HeaderMap,
    ) -> Result<(Viewer, Visible), AccessError> {
        let viewer = self.access.viewer(headers).await?;
        let visible = self.access.visible(&viewer, &self.placements).await?;
        Ok((viewer, visible))
    }
}

/// Whoever may ask at all.
pub struct Known;

impl FromRequestParts<Sources> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, sources: &Sources) -> Result<Self, Problem> {
        sources.access.viewer(&parts.headers).await?;
        Ok(Known)
    }
}

/// Whoever may ask at all, and what they see.
pub struct Asker(pub Visible);

impl FromRequestParts<Sources> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, sources: &Sources) -> Result<Self, Problem> {
        let (_, visible) = sources.visible(&parts.headers).await?;
        Ok(Asker(visible))
    }
}

/// Whoever may see the platform's configuration.
pub struct Insider;

impl FromRequestParts<Sources> for Insider {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, sources: &Sources) -> Result<Self, Problem> {
        let viewer = sources.access.viewer(&parts.headers).await?;
        let may = sources.access.may_see_configuration(&viewer).await?;
        may.then_some(Insider).ok_or_else(Problem::configuration)
    }
}

/// The catalog of this moment; before it has been read there is no answer.
pub struct Current(pub Arc<Snapshot>);

impl FromRequestParts<Sources> for Current {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, sources: &Sources) -> Result<Self, Problem> {
        let unread =
            || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the catalog is not read yet");
        sources.snapshot.get().map(Current).ok_or_else(unread)
    }
}

/// What the address asks for.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Sources> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Sources) -> Result<Self, Problem> {
        let wrong = |error: axum::extract::rejection::QueryRejection| {
            Problem::new(StatusCode::BAD_REQUEST, error.body_text())
        };
        Query::try_from_uri(&parts.uri).map(|Query(asked)| Asked(asked)).map_err(wrong)
    }
}

/// What was sent, as JSON.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Sources> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, sources: &Sources) -> Result<Self, Problem> {
        let wrong = |error: JsonRejection| Problem::new(error.status(), error.body_text());
        Json::from_request(request, sources).await.map(|Json(sent)| Sent(sent)).map_err(wrong)
    }
}
