//! The composition function as a process: gRPC, certificates, probes, metrics.

use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::{field::Empty, info_span};

use super::service::{self, FunctionRunner};
use crate::run;
use crate::wire::v1::function_runner_service_server::SERVICE_NAME;
use crate::wire::v1::{RunFunctionRequest, RunFunctionResponse, Severity};
use idp_serving::http::{self, Options};
use idp_serving::limits::{LimitArgs, Limits, Refusals};
use idp_serving::ops::{self, Readiness};
use idp_serving::telemetry::TRACES;
use idp_serving::tls::{CertificateDir, ReloadingTls};

/// Crossplane keeps its connection for as long as it lasts; once it ends, it
/// looks up the function's addresses anew and finds new replicas.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(10 * 60);

/// Room for what frames a message.
const FRAME: usize = 1 << 10;

/// Crossplane's few connections carry large messages.
const WINDOW: u32 = 256 << 10;

impl FunctionRunner for run::Function {
    fn run(&self, request: RunFunctionRequest) -> Result<RunFunctionResponse, Status> {
        let tag = request.meta.as_ref().map(|meta| meta.tag.as_str());
        let span = info_span!(
            target: TRACES, "RunFunction", otel.kind = "server", tag,
            kind = Empty, namespace = Empty, name = Empty, verdict = Empty
        );
        // Whatever is wrong with a request is told in the answer.
        let answer = span.in_scope(|| self.answer(&request));
        span.record("verdict", verdict(&answer));
        Ok(answer)
    }
}

/// The worst that an answer says.
fn verdict(answer: &RunFunctionResponse) -> &'static str {
    let says =
        |severity: Severity| answer.results.iter().any(|result| result.severity() == severity);
    if says(Severity::Fatal) {
        "fatal"
    } else if says(Severity::Warning) {
        "warning"
    } else {
        "normal"
    }
}

/// How the function is served.
pub struct Settings {
    /// Where gRPC is reference_name.
    pub listener: TcpListener,
    /// The certificate and the directory it comes from; none to serve without TLS.
    pub tls: Option<(CertificateDir, ReloadingTls)>,
    /// Where the operator finds metrics and probes.
    pub ops: Option<TcpListener>,
    /// The largest message in bytes, in either direction.
    pub message_limit: usize,
    /// What clients may hold.
    pub limits: LimitArgs,
}

/// Serves `runner` until `shutdown`, then answers what is in flight.
///
/// # Errors
///
/// The embedded protocol descriptor is broken.
pub async fn serve(
    settings: Settings,
    runner: impl FunctionRunner,
    shutdown: CancellationToken,
) -> Result<(), tonic_reflection::server::Error> {
    let Settings { listener, tls, ops, message_limit, limits } = settings;
    let mut registry = Registry::default();
    let refusals = Refusals::register(&mut registry);
    let health = HealthReporter::new();
    let router = service::router(runner, message_limit, health.clone(), &mut registry)?;
    let readiness = Readiness::default();

    let (certificates, tls) = tls.unzip();
    if let Some(tls) = &tls {
        readiness.depends_on(tls.clone());
    }
    let options = Options {
        tls: tls.clone(),
        max_connection_age: Some(MAX_CONNECTION_AGE),
        limits: Limits::new(&limits, message_limit.saturating_add(FRAME), refusals.of("grpc"))
            .with_window(WINDOW),
        ..Options::default()
    };
    // The operator can watch the draining.
    let drained = CancellationToken::new();
    let grpc = async {
        http::serve(listener, options, router, shutdown.clone()).await;
        drained.cancel();
    };
    let ops = async {
        if let Some(listener) = ops {
            let router = ops::router(registry, readiness.clone());
            let limits = Limits::few(refusals.of("metrics"));
            let options = Options { limits, ..Options::default() };
            http::serve(listener, options, router, drained.clone()).await;
        }
    };
    let state = async {
        announce(&health, ServingStatus::Serving).await;
        readiness.started();
        shutdown.cancelled().await;
        announce(&health, ServingStatus::NotServing).await;
        readiness.ending();
    };
    let certificates = async {
        if let (Some(certificates), Some(tls)) = (certificates, tls) {
            drained.run_until_cancelled(certificates.follow(&tls)).await;
        }
    };
    tokio::join!(grpc, ops, state, certificates);
    Ok(())
}

async fn announce(health: &HealthReporter, status: ServingStatus) {
    for service in ["", SERVICE_NAME] {
        health.set_service_status(service, status).await;
    }
}
