//! Metrics of the RunFunction method, under the names that the Go and the Rust
//! SDK use for them, so that dashboards fit; and how long it took.

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tonic::Code;

use crate::wire::v1::function_runner_service_server::SERVICE_NAME;

/// Seconds; most calls take well under a millisecond.
const BUCKETS: [f64; 13] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The status codes as gRPC for Go spells them, by number.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    grpc_type: &'static str,
    grpc_service: &'static str,
    grpc_method: &'static str,
}

const RUN_FUNCTION: Method =
    Method { grpc_type: "unary", grpc_service: SERVICE_NAME, grpc_method: "RunFunction" };

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Handled {
    grpc_type: &'static str,
    grpc_service: &'static str,
    grpc_method: &'static str,
    grpc_code: &'static str,
}

/// The handles, looked up once.
pub(super) struct Metrics {
    started: Counter,
    received: Counter,
    sent: Counter,
    handled: [Counter; CODES.len()],
    seconds: Histogram,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut counter = |name, help| {
            let family = Family::<Method, Counter>::default();
            registry.register(name, help, family.clone());
            family.get_or_create_owned(&RUN_FUNCTION)
        };
        let started = counter("grpc_server_started", "Total number of RPCs started on the server");
        let received = counter(
            "grpc_server_msg_received",
            "Total number of RPC stream messages received on the server",
        );
        let sent = counter(
            "grpc_server_msg_sent",
            "Total number of gRPC stream messages sent by the server",
        );
        let handled = Family::<Handled, Counter>::default();
        registry.register(
            "grpc_server_handled",
            "Total number of RPCs completed on the server, regardless of success or failure",
            handled.clone(),
        );
        let seconds = Family::<Method, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register(
            "grpc_server_handling_seconds",
            "Response latency in seconds of gRPC calls handled by the server",
            seconds.clone(),
        );
        let Method { grpc_type, grpc_service, grpc_method } = RUN_FUNCTION;
        Self {
            started,
            received,
            sent,
            handled: CODES.map(|grpc_code| {
                handled.get_or_create_owned(&Handled {
                    grpc_type,
                    grpc_service,
                    grpc_method,
                    grpc_code,
                })
            }),
            seconds: seconds.get_or_create_owned(&RUN_FUNCTION),
        }
    }

    pub(super) fn start(self: &Arc<Self>) -> Call {
        self.started.inc();
        self.received.inc();
        Call { metrics: Arc::clone(self), start: Instant::now(), code: None }
    }
}

/// A call in flight. Counted when it is dropped: without a code by then, the
/// client has gone away.
pub(super) struct Call {
    metrics: Arc<Metrics>,
    start: Instant,
    code: Option<Code>,
}

impl Call {
    pub(super) fn end(&mut self, code: Code) {
        self.code = Some(code);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        if code == Code::Ok {
            self.metrics.sent.inc();
        }
        if let Some(handled) = self.metrics.handled.get(code as usize) {
            handled.inc();
        }
        self.metrics.seconds.observe(self.start.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_call_without_an_end_was_canceled_by_the_client() {
        let mut registry = Registry::default();
        let metrics = Arc::new(Metrics::register(&mut registry));
        drop(metrics.start());
        metrics.start().end(Code::Ok);

        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains(r#"grpc_code="Canceled"} 1"#), "{text}");
        assert!(text.contains(r#"grpc_code="OK"} 1"#), "{text}");
    }
}
