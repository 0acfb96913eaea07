//! Traces: what an OpenTelemetry collector gets, and that a broken one costs nothing.

use std::time::{Duration, Instant};

use idp_tests::https::Connection;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use super::fixture::{Webhook, claim, response, review};

struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).unwrap();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some((attribute.key.clone(), text.clone())),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

async fn webhook(endpoint: &str) -> Webhook {
    Webhook::with_environment(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned())]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_is_a_span_with_its_verdict() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut exported) = mpsc::unbounded_channel();
    let collector =
        tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector(sender)));
    tokio::spawn(collector.serve_with_incoming(TcpListenerStream::new(listener)));

    let webhook = webhook(&endpoint).await;
    let mut connection = webhook.connect().await;
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    connection.add_headers(parent);
    assert_eq!(
        response(&connection.post("/mutate", &review(&claim())).await.unwrap().body)["allowed"],
        true
    );
    let mut bad = claim();
    bad["spec"]["parameters"]["tier"] = "platinum".into();
    assert_eq!(
        response(&connection.post("/validate", &review(&bad)).await.unwrap().body)["allowed"],
        false
    );
    // The last spans are sent at the end.
    webhook.signal("TERM");
    webhook.ended().await;

    let mut spans: Vec<Span> = Vec::new();
    while let Ok(request) = exported.try_recv() {
        for resource in request.resource_spans {
            let service = ("service.name".to_owned(), "idp-webhook".to_owned());
            assert!(texts(&resource.resource.unwrap().attributes).contains(&service));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let told: Vec<_> = spans.iter().map(|span| texts(&span.attributes)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    for (span, (phase, verdict)) in
        spans.iter().zip([("mutating", "Allowed"), ("validating", "Invalid")])
    {
        assert_eq!(span.name, "review");
        assert_eq!(span.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
        assert_eq!(span.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
        let told = texts(&span.attributes);
        for (key, value) in [
            ("webhook", phase),
            ("uid", "705ab4f5-6393-11e8-b7cc-42010a800002"),
            ("operation", "Create"),
            ("kind", "MySQLInstanceClaim"),
            ("namespace", "team-alpha"),
            ("name", "orders-db"),
            ("verdict", verdict),
        ] {
            assert!(told.contains(&(key.to_owned(), value.to_owned())), "{key}: {told:?}");
        }
    }
}

/// The time of the slowest of some thousand reviews.
async fn slowest(connection: &mut Connection) -> Duration {
    let body = review(&claim());
    let mut slowest = Duration::ZERO;
    for _ in 0..3000 {
        let asked = Instant::now();
        assert_eq!(connection.post("/mutate", &body).await.unwrap().status, 200);
        slowest = slowest.max(asked.elapsed());
    }
    slowest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_gone_or_silent_costs_nothing() {
    let gone = super::fixture::free_address();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (what, address) in [("gone", gone), ("silent", silent.local_addr().unwrap())] {
        let webhook = webhook(&format!("http://{address}")).await;
        // More spans than the queue holds.
        let slowest = slowest(&mut webhook.connect().await).await;
        println!("collector {what}: slowest {slowest:?}, {:.1} MiB", webhook.resident());
        assert!(slowest < Duration::from_secs(1), "{what}: {slowest:?}");
        let asked = Instant::now();
        webhook.signal("TERM");
        webhook.ended().await;
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "{what}: ends after {:?}",
            asked.elapsed()
        );
    }
}
