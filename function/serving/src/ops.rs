//! The operator's port: `/metrics`, `/healthz`, `/readyz`.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::tls::ReloadingTls;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether to send requests here, and if not, why. Clones share the state.
///
/// Whoever serves over TLS is ready only while its certificate is valid: that is looked at when it
/// is asked for, as nothing happens when a certificate expires.
#[derive(Clone, Default)]
pub struct Readiness(Arc<State>);

#[derive(Default)]
struct State {
    /// One of the phases; they follow each other, and none comes back.
    phase: AtomicU8,
    tls: OnceLock<ReloadingTls>,
}

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const ENDING: u8 = 2;

impl Readiness {
    /// Everything is there that answers need.
    pub fn started(&self) {
        self.0.phase.fetch_max(SERVING, Ordering::Relaxed);
    }

    /// The process is about to end: requests still get their answers, and should go elsewhere.
    pub fn ending(&self) {
        self.0.phase.fetch_max(ENDING, Ordering::Relaxed);
    }

    /// Requests are served with this certificate.
    pub fn depends_on(&self, tls: ReloadingTls) {
        // An error means that it is known already.
        let _ = self.0.tls.set(tls);
    }

    /// Whether to send requests here now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), String> {
        match self.0.phase.load(Ordering::Relaxed) {
            STARTING => return Err("it is starting".to_owned()),
            ENDING => return Err("it is ending".to_owned()),
            _ => {}
        }
        let valid = self.0.tls.get().map_or(Ok(()), |tls| tls.check(Timestamp::now()));
        valid.map_err(|invalid| invalid.to_string())
    }

    /// `/readyz`: 200, or 503 with the reason.
    #[must_use]
    pub fn probe(&self) -> Response {
        match self.check() {
            Ok(()) => "ready\n".into_response(),
            Err(why) => {
                (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response()
            }
        }
    }
}

/// Answers `/metrics` with `registry`, `/readyz` with `readiness`, and
/// `/healthz` as long as the process can.
pub fn router(registry: Registry, readiness: Readiness) -> Router {
    let registry = Arc::new(registry);
    Router::new()
        .route("/metrics", get(async move || metrics(&registry)))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || readiness.probe()))
}

fn metrics(registry: &Registry) -> Response {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
