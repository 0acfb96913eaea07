//! What a process tells about itself: logs on standard error and, where a collector is named,
//! traces.
//!
//! Spans for the collector have a target of their own. Nothing else listens to it: without a
//! collector they are never made, and what is logged does not depend on them.

use std::env;
use std::time::Duration;

use axum::http::HeaderMap;
use clap::Args;
use clap::builder::FalseyValueParser;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use super::lines::Lines;

/// The target of spans for the collector.
pub const TRACES: &str = "idp::trace";

/// How long the last spans may take to reach the collector when the process ends.
const FLUSH: Duration = Duration::from_secs(2);

/// What to tell, and whom.
#[derive(Args, Clone, Debug, Default)]
pub struct TelemetryArgs {
    /// Log more, and in a form meant for people instead of JSON.
    #[arg(short, long, env = "DEBUG", value_parser = FalseyValueParser::new())]
    pub debug: bool,

    /// Send traces to this OpenTelemetry collector (OTLP over gRPC), such as http://collector:4317;
    /// nowhere by default. OpenTelemetry's other variables hold as well:
    /// OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    pub otlp_endpoint: Option<String>,
}

/// Traces that cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot send traces to {endpoint:?} (--otlp-endpoint, OTEL_EXPORTER_OTLP_ENDPOINT): {source}"
)]
pub struct TelemetryError {
    endpoint: String,
    source: ExporterBuildError,
}

/// Logs and traces for as long as a process runs.
#[derive(Debug)]
#[must_use = "the last spans are sent when it ends"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    lines: Lines,
}

impl Telemetry {
    /// Starts to log and, where a collector is named, to trace as `service`. RUST_LOG, where set,
    /// says what to log.
    ///
    /// A collector that is slow or gone costs spans, never time: they wait in a queue of bounded
    /// length, and what does not fit is dropped. To be called on a runtime.
    ///
    /// # Errors
    /// When the collector's address is none.
    pub fn start(args: &TelemetryArgs, service: &'static str) -> Result<Self, TelemetryError> {
        let TelemetryArgs { debug, otlp_endpoint } = args;
        let endpoint = otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
        let traces = endpoint.map(|endpoint| provider(endpoint, service)).transpose()?;

        let default =
            if *debug { "debug,h2=info,hyper_util=info,rustls=info,tower=info" } else { "info" };
        let mut wanted =
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
        if let Ok(off) = format!("{TRACES}=off").parse() {
            wanted = wanted.add_directive(off);
        }
        let stderr = Lines::to_stderr();
        let lines = tracing_subscriber::fmt::layer().with_writer(stderr.clone());
        let lines = if *debug {
            lines.boxed()
        } else {
            // Each line says all of it itself: spans would be read back for every one.
            let lines = lines.json().flatten_event(true);
            lines.with_span_list(false).with_current_span(false).boxed()
        };
        let spans = traces.as_ref().map(|provider| {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(service));
            let layer =
                layer.with_location(false).with_threads(false).with_target(false).with_level(false);
            layer
                .with_tracked_inactivity(false)
                .with_filter(Targets::new().with_target(TRACES, Level::INFO))
        });
        // An error means that whoever embeds us logs already.
        let _ = Registry::default().with(lines.with_filter(wanted)).with(spans).try_init();
        Ok(Telemetry { traces, lines: stderr })
    }

    /// Writes and sends what has not been yet.
    pub async fn end(self) {
        self.lines.flush();
        let Some(traces) = self.traces else {
            return;
        };
        // It waits for a thread of its own, which needs ours to send.
        let sent = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FLUSH)).await;
        if let Ok(Err(error)) = sent {
            warn!(%error, "the last spans did not reach the collector");
        }
    }
}

fn provider(endpoint: &str, service: &'static str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    let exporter =
        exporter.map_err(|source| TelemetryError { endpoint: endpoint.to_owned(), source })?;
    let resource = Resource::builder();
    let named = env::var_os("OTEL_SERVICE_NAME").is_some();
    let resource = if named { resource } else { resource.with_service_name(service) };
    Ok(SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_batch_exporter(exporter)
        .build())
}

/// Makes `span` part of the trace that the caller names in its headers (W3C Trace Context), if it
/// names one.
pub fn follow(span: &Span, headers: &HeaderMap) {
    if !span.is_disabled() {
        // An error means that nothing traces.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&HeaderExtractor(headers)));
    }
}
