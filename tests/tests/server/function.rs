//! The composition function: calls, limits, probes, metrics, draining.

use function_sdk_rust::proto::v1::RunFunctionResponse;
use function_sdk_rust::proto::v1::{
    CredentialData, Credentials, Resource, RunFunctionRequest, State, credentials::Source,
};
use idp_function::wire;
use idp_serving::limits::LimitArgs;
use prost::Message as _;
use serde_json::json;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::client::Grpc;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use super::client::{MIB, Server, connect, echo, gated, get, tagged};
use idp_tests::pki::Authority;

const SERVICE: &str = "apiextensions.fn.proto.v1.FunctionRunnerService";

#[tokio::test]
async fn a_call_is_answered_over_mutual_tls() {
    let server = Server::start(echo).await;
    let resource = Resource {
        resource: Some(serde_json::from_value(json!({"kind": "Thing"})).unwrap()),
        ..Default::default()
    };
    let desired = State { composite: None, resources: [("thing".to_owned(), resource)].into() };
    let mut request = tagged("smoke");
    request.desired = Some(desired.clone());

    let response = server.client().await.run_function(request).await.unwrap().into_inner();

    assert_eq!(response.meta.unwrap().tag, "smoke");
    assert_eq!(response.desired, Some(desired));
    server.stop().await;
}

/// Who sends a message and holds back its end takes no room for ever, and is told.
#[tokio::test]
async fn requests_without_an_end_are_told_apart_and_counted() {
    let limits = LimitArgs { max_bytes_in_flight: MIB, request_timeout: 3, ..LimitArgs::default() };
    let server = Server::start_within(echo, MIB, limits).await;
    let hold_back = async || {
        let mut large = tagged("held");
        large.context = Some(serde_json::from_value(json!({"a": "x".repeat(900 << 10)})).unwrap());
        let mut call = Grpc::new(server.channel().await);
        call.ready().await.unwrap();
        let messages = tokio_stream::once(large).chain(tokio_stream::pending());
        let codec = ProstCodec::<RunFunctionRequest, RunFunctionResponse>::default();
        let path = format!("/{SERVICE}/RunFunction").parse().unwrap();
        call.client_streaming(tonic::Request::new(messages), path, codec).await.unwrap_err()
    };
    let (first, second) = tokio::join!(hold_back(), hold_back());
    let mut codes = [first.code(), second.code()];
    codes.sort_by_key(|code| *code as i32);
    assert_eq!(codes, [Code::DeadlineExceeded, Code::ResourceExhausted], "{first} {second}");
    for status in [first, second] {
        let message = status.message();
        assert!(message.contains("--request-timeout") || message.contains("--max-bytes-in-flight"));
    }
    // Both have given back what they held.
    server.client().await.run_function(tagged("yes")).await.unwrap();
    let metrics = get(server.ops, "/metrics").await;
    for limit in ["request_time", "bytes_in_flight"] {
        let counted = format!("idp_limit_refusals_total{{port=\"grpc\",limit=\"{limit}\"}} 1\n");
        assert!(metrics.contains(&counted), "{counted}{metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn clients_of_nobody_or_of_another_authority_are_refused() {
    let server = Server::start(echo).await;
    let stranger = Authority::new().issue("crossplane");
    for identity in [None, Some(&stranger)] {
        // In TLS 1.3 the client learns of the refusal with its first request.
        let refused = match connect(server.address, &server.authority.certificate, identity).await {
            Err(_) => true,
            Ok(channel) => {
                let mut client =
                    function_sdk_rust::proto::v1::function_runner_service_client::FunctionRunnerServiceClient::new(channel);
                client.run_function(tagged("no")).await.is_err()
            }
        };
        assert!(refused);
    }
    // A server of another authority is none of ours.
    let identity = server.authority.issue("crossplane");
    let other = Authority::new().certificate;
    assert!(connect(server.address, &other, Some(&identity)).await.is_err());

    server.client().await.run_function(tagged("yes")).await.unwrap();
    server.stop().await;
}

/// A request whose observed state is not what it should be.
#[derive(Clone, PartialEq, prost::Message)]
struct Broken {
    #[prost(bytes = "vec", tag = "2")]
    observed: Vec<u8>,
}

#[tokio::test]
async fn a_truncated_message_is_refused_and_the_server_goes_on() {
    let server = Server::start(echo).await;
    let mut client = Grpc::new(server.channel().await);
    for observed in [&b"\x0a\x05abc"[..], b"\xff", b"\x12\x03\x0a\x09a"] {
        client.ready().await.unwrap();
        let broken = Broken { observed: observed.to_vec() };
        let codec =
            ProstCodec::<Broken, function_sdk_rust::proto::v1::RunFunctionResponse>::default();
        let path = format!("/{SERVICE}/RunFunction").parse().unwrap();
        let status = client.unary(tonic::Request::new(broken), path, codec).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("failed to decode Protobuf message"), "{status}");
    }
    server.client().await.run_function(tagged("on")).await.unwrap();
    server.stop().await;
}

fn request_of(size: usize) -> RunFunctionRequest {
    let data = CredentialData { data: [("blob".to_owned(), vec![7; size])].into() };
    RunFunctionRequest {
        credentials: [(
            "large".to_owned(),
            Credentials { source: Some(Source::CredentialData(data)) },
        )]
        .into(),
        ..Default::default()
    }
}

#[rstest::rstest]
#[case::small_limit(MIB, MIB - 100, MIB + 100)]
#[case::default_limit(64 * MIB, 60 * MIB, 100 * MIB)]
#[tokio::test]
async fn a_message_above_the_limit_is_refused_and_the_server_goes_on(
    #[case] limit: usize,
    #[case] fits: usize,
    #[case] too_large: usize,
) {
    let server = Server::start_with_limit(echo, limit).await;
    let mut client = server.client().await;
    client.run_function(request_of(fits)).await.unwrap();
    let status = client.run_function(request_of(too_large)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains(&limit.to_string()), "{status}");
    client.run_function(tagged("on")).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn an_answer_above_the_limit_is_not_sent() {
    let runner = |_| {
        let large = idp_core::structs::to_struct(&json!({"blob": "x".repeat(MIB)})).unwrap();
        Ok(wire::v1::RunFunctionResponse { output: Some(large), ..Default::default() })
    };
    let server = Server::start_with_limit(runner, MIB).await;
    let status = server.client().await.run_function(tagged("big")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    server.stop().await;
}

#[tokio::test]
async fn a_status_of_the_function_reaches_the_caller() {
    let runner = |_| Err(tonic::Status::invalid_argument("no such thing"));
    let server = Server::start(runner).await;
    let status = server.client().await.run_function(tagged("no")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "no such thing"));
    server.stop().await;
}

#[tokio::test]
async fn a_panic_fails_its_own_call_only() {
    let runner = |request: wire::v1::RunFunctionRequest| match &request.meta {
        Some(_) => echo(request),
        None => panic!("a bug"),
    };
    let server = Server::start(runner).await;
    let mut client = server.client().await;
    let status = client.run_function(RunFunctionRequest::default()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Internal, "the function panicked: a bug; its log says where")
    );
    client.run_function(tagged("same connection")).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn health_says_serving() {
    let server = Server::start(echo).await;
    let mut health = HealthClient::new(server.channel().await);
    for service in ["", SERVICE] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = health.check(request).await.unwrap().into_inner().status;
        assert_eq!(status, ServingStatus::Serving as i32);
    }
    server.stop().await;
}

#[tokio::test]
async fn reflection_shows_the_protocol_as_crossplane_defines_it() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let server = Server::start(echo).await;
    let request =
        |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let requests = tokio_stream::iter([
        request(MessageRequest::ListServices(String::new())),
        request(MessageRequest::FileContainingSymbol(SERVICE.to_owned())),
    ]);
    let mut answers = ServerReflectionClient::new(server.channel().await)
        .server_reflection_info(requests)
        .await
        .unwrap()
        .into_inner();

    let Some(MessageResponse::ListServicesResponse(services)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no services");
    };
    assert!(services.service.iter().any(|service| service.name == SERVICE));

    let Some(MessageResponse::FileDescriptorResponse(files)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no file");
    };
    let file = &files.file_descriptor_proto[0];
    let file = prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap();
    let resource = file.message_type.iter().find(|it| it.name() == "Resource").unwrap();
    assert_eq!(resource.field[0].type_name(), ".google.protobuf.Struct");
    drop(answers);
    server.stop().await;
}

#[tokio::test]
async fn the_older_reflection_answers_too() {
    use tonic_reflection::pb::v1alpha::ServerReflectionRequest;
    use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;

    let server = Server::start(echo).await;
    let request = ServerReflectionRequest::default();
    let mut client = ServerReflectionClient::new(server.channel().await);
    client.server_reflection_info(tokio_stream::iter([request])).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn calls_are_counted_by_code() {
    let server = Server::start(|request: wire::v1::RunFunctionRequest| match &request.meta {
        Some(_) => echo(request),
        None => Err(tonic::Status::invalid_argument("no tag")),
    })
    .await;
    let mut client = server.client().await;
    for _ in 0..3 {
        client.run_function(tagged("ok")).await.unwrap();
    }
    client.run_function(RunFunctionRequest::default()).await.unwrap_err();
    client.run_function(request_of(65 * MIB)).await.unwrap_err();

    let text = get(server.ops, "/metrics").await;
    assert!(text.contains("content-type: application/openmetrics-text; version=1.0.0"), "{text}");
    let method = format!(r#"grpc_type="unary",grpc_service="{SERVICE}",grpc_method="RunFunction""#);
    for line in [
        format!("grpc_server_started_total{{{method}}} 5"),
        format!("grpc_server_msg_received_total{{{method}}} 5"),
        format!("grpc_server_msg_sent_total{{{method}}} 3"),
        format!(r#"grpc_server_handled_total{{{method},grpc_code="OK"}} 3"#),
        format!(r#"grpc_server_handled_total{{{method},grpc_code="InvalidArgument"}} 1"#),
        format!(r#"grpc_server_handled_total{{{method},grpc_code="ResourceExhausted"}} 1"#),
        format!(r#"grpc_server_handled_total{{{method},grpc_code="Internal"}} 0"#),
        format!("grpc_server_handling_seconds_count{{{method}}} 5"),
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shutdown_answers_what_is_in_flight_and_takes_nothing_more() {
    let (mut gate, runner) = gated();
    let server = Server::start(runner).await;
    assert!(get(server.ops, "/readyz").await.starts_with("HTTP/1.1 200"));

    let mut client = server.client().await;
    let call = tokio::spawn(async move { client.run_function(tagged("last")).await });
    gate.entered.recv().await.unwrap();
    server.shutdown.cancel();

    // Draining: alive, not ready, not listening.
    while !get(server.ops, "/readyz").await.starts_with("HTTP/1.1 503") {
        tokio::task::yield_now().await;
    }
    assert!(get(server.ops, "/healthz").await.starts_with("HTTP/1.1 200"));
    while tokio::net::TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.running.is_finished());

    gate.open.send(()).unwrap();
    let response = call.await.unwrap().unwrap().into_inner();
    assert_eq!(response.meta.unwrap().tag, "last");
    server.running.await.unwrap();
}
