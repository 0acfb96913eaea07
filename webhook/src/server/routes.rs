//! `/mutate` and `/validate`: from a request's bytes to an answer's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use idp_serving::limits::Refused;
use idp_serving::ops::Readiness;
use idp_serving::telemetry::{self, TRACES};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument as _, info_span};

use crate::admission::respond::{self, Subject};
use crate::admission::verdict::{Denial, Reason, Verdict, bounded};
use crate::admission::{Admission, WebhookKind, admit, review};
use crate::snapshot::Snapshot;

/// The largest review that is read, bytes: two objects of the largest size that the API server
/// takes (3 MiB), and an envelope.
pub const LARGEST_REVIEW: usize = 7 << 20;

/// The API server's default patience.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time left for the answer to travel, of what the API server grants.
const TRAVEL: Duration = Duration::from_millis(200);

/// Bytes of reviews that are judged at once. Read, an object takes several times its length; the
/// API server's reviews have a few kilobytes.
const JUDGED_AT_ONCE: usize = LARGEST_REVIEW + (1 << 20);

/// The longest text about a request that is no review, bytes: it may repeat what was sent.
const LONGEST_WHY: usize = 1024;

/// What answers are made with.
struct Webhooks {
    admission: Arc<Admission>,
    /// Bytes that may be judged.
    judging: Semaphore,
}

/// The webhooks, and the probes of this port.
pub fn router(admission: Arc<Admission>, readiness: Readiness) -> Router {
    let judging = Semaphore::new(JUDGED_AT_ONCE);
    Router::new()
        .route("/mutate", post(mutate))
        .route("/validate", post(validate))
        .with_state(Arc::new(Webhooks { admission, judging }))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || readiness.probe()))
}

async fn mutate(State(webhooks): State<Arc<Webhooks>>, request: Request) -> Response {
    respond(&webhooks, WebhookKind::Mutating, request).await
}

async fn validate(State(webhooks): State<Arc<Webhooks>>, request: Request) -> Response {
    respond(&webhooks, WebhookKind::Validating, request).await
}

async fn respond(webhooks: &Webhooks, webhook: WebhookKind, request: Request) -> Response {
    let Webhooks { admission, judging } = webhooks;
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let response = match read(body).await {
        Err((status, why)) => refuse(status, &format!("the request cannot be read: {why}")),
        Ok(_) if !is_json(&head.headers) => refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type must be application/json: a review is sent as JSON",
        ),
        Ok(body) => match (admission.snapshot.get(), turn(judging, &head, &body).await) {
            (Some(snapshot), Some(_turn)) => {
                review(admission, &snapshot, webhook, &head, &body).await
            }
            // Judged by an empty catalog everything would be wrong. Whether this stops anybody says
            // the registration.
            (None, _) => {
                refuse(StatusCode::SERVICE_UNAVAILABLE, "the catalog is not read yet: try again")
            }
            (_, None) => refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many large reviews are judged already: try again",
            ),
        },
    };
    let metrics = &admission.metrics;
    let duration = match webhook {
        WebhookKind::Mutating => &metrics.mutating,
        WebhookKind::Validating => &metrics.validating,
    };
    duration.observe(started.elapsed().as_secs_f64());
    response
}

async fn read(body: Body) -> Result<Bytes, (StatusCode, String)> {
    let too_large =
        || (StatusCode::PAYLOAD_TOO_LARGE, format!("it is larger than {LARGEST_REVIEW} bytes"));
    // What says that it is too large is not read to see whether that is true.
    if body.size_hint().lower() > LARGEST_REVIEW as u64 {
        return Err(too_large());
    }
    match Limited::new(body, LARGEST_REVIEW).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => {
            let status = match error.downcast_ref::<axum::Error>().and_then(refused) {
                Some(Refused::Late(_)) => StatusCode::REQUEST_TIMEOUT,
                Some(Refused::Busy) => StatusCode::SERVICE_UNAVAILABLE,
                None => StatusCode::BAD_REQUEST,
            };
            Err((status, error.to_string()))
        }
    }
}

/// The limit that a body has met.
fn refused(error: &axum::Error) -> Option<Refused> {
    std::error::Error::source(error)?.downcast_ref::<Refused>().copied()
}

/// A body's turn to be judged; none where that has not come in the API server's time.
async fn turn<'t>(
    judging: &'t Semaphore,
    head: &Parts,
    body: &[u8],
) -> Option<SemaphorePermit<'t>> {
    let bytes = u32::try_from(body.len()).ok()?;
    match judging.try_acquire_many(bytes) {
        Ok(turn) => Some(turn),
        Err(_) => timeout(patience(head.uri.query()), judging.acquire_many(bytes)).await.ok()?.ok(),
    }
}

async fn review(
    admission: &Admission,
    snapshot: &Snapshot,
    webhook: WebhookKind,
    head: &Parts,
    body: &[u8],
) -> Response {
    let request = match review::read(body) {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let span = info_span!(
        target: TRACES, "review", otel.kind = "server", webhook = webhook.name(), uid = %request.uid,
        operation = ?request.operation, group = %request.kind.group, kind = %request.kind.kind,
        namespace = %request.namespace, name = %request.name, verdict = Empty
    );
    telemetry::follow(&span, &head.headers);
    let answering = admit(admission, snapshot, webhook, &request).instrument(span.clone());
    let verdict =
        tokio::time::timeout(patience(head.uri.query()), answering).await.unwrap_or_else(|_| {
            let summary =
                "the platform could not answer in time, and nothing was changed: try again";
            Verdict::Denied(Denial::new(Reason::Unavailable, summary))
        });
    span.record("verdict", verdict.name());
    let subject =
        Subject { group: &request.kind.group, kind: &request.kind.kind, name: &request.name };
    let body = respond::respond(&request.uid, subject, &verdict);
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn refuse(status: StatusCode, why: &str) -> Response {
    let why = &*bounded(why, LONGEST_WHY);
    tracing::info!(status = status.as_u16(), why, "not a review");
    (status, format!("{why}\n")).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value
        .split(';')
        .next()
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

/// How long the API server waits, which it says in the query, less the way back.
fn patience(query: Option<&str>) -> Duration {
    let given =
        query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("timeout=")));
    let seconds =
        given.and_then(|text| text.strip_suffix('s')).and_then(|text| text.parse::<u32>().ok());
    let granted = seconds.map_or(DEFAULT_TIMEOUT, |seconds| Duration::from_secs(seconds.into()));
    granted.saturating_sub(TRAVEL)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_what_the_api_server_grants() {
        let of = |query: &str| patience(Some(query));
        assert_eq!(of("timeout=5s"), Duration::from_millis(4800));
        assert_eq!(of("a=b&timeout=30s"), Duration::from_millis(29_800));
        for unknown in ["", "timeout=", "timeout=1h", "timeout=-1s"] {
            assert_eq!(of(unknown), Duration::from_millis(9800), "{unknown}");
        }
    }
}
