//! The function runner service, with health and reflection, as a router.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http_body_util::BodyExt as _;
use idp_serving::limits::Refused;
use prometheus_client::registry::Registry;
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::Builder as Reflection;

use super::metrics::{Call, Metrics};
use crate::wire::FILE_DESCRIPTOR_SET;
use crate::wire::v1::function_runner_service_server::{
    FunctionRunnerService, FunctionRunnerServiceServer,
};
use crate::wire::v1::{RunFunctionRequest, RunFunctionResponse};

/// A composition function: an answer computed from the request alone.
///
/// It runs on the thread that serves the connection, so it must neither block
/// nor wait. Closures are functions, too.
pub trait FunctionRunner: Send + Sync + 'static {
    /// Answers one request.
    ///
    /// # Errors
    ///
    /// A status fails the reconcile like a fatal result, but cannot tell it
    /// apart from a network failure: prefer a result where one can be given.
    fn run(&self, request: RunFunctionRequest) -> Result<RunFunctionResponse, Status>;
}

impl<F> FunctionRunner for F
where
    F: Fn(RunFunctionRequest) -> Result<RunFunctionResponse, Status> + Send + Sync + 'static,
{
    fn run(&self, request: RunFunctionRequest) -> Result<RunFunctionResponse, Status> {
        self(request)
    }
}

struct Service<R>(R);

#[tonic::async_trait]
impl<R: FunctionRunner> FunctionRunnerService for Service<R> {
    async fn run_function(
        &self,
        request: tonic::Request<RunFunctionRequest>,
    ) -> Result<tonic::Response<RunFunctionResponse>, Status> {
        // A request that finds a bug, ours or a library's, must not end the process for all others.
        // What calls share are caches, and those hold whole entries or none.
        let run = AssertUnwindSafe(|| self.0.run(request.into_inner()));
        catch_unwind(run)
            .unwrap_or_else(|_| Err(Status::internal(PANICKED)))
            .map(tonic::Response::new)
    }
}

const PANICKED: &str = "the function panicked: a bug; its log says where";

/// Serves `runner`, health as told to `health`, and reflection. Messages larger
/// than `message_limit` bytes are neither taken nor sent; calls are counted in
/// `registry`.
///
/// # Errors
///
/// The embedded protocol descriptor is broken.
pub fn router(
    runner: impl FunctionRunner,
    message_limit: usize,
    health: HealthReporter,
    registry: &mut Registry,
) -> Result<Router, tonic_reflection::server::Error> {
    let function = FunctionRunnerServiceServer::new(Service(runner))
        .max_decoding_message_size(message_limit)
        .max_encoding_message_size(message_limit);
    let metrics = Arc::new(Metrics::register(registry));
    let counted =
        Routes::new(function).into_axum_router().route_layer(from_fn_with_state(metrics, count));

    let reflection =
        || Reflection::configure().register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET);
    let health = HealthService::from_health_reporter(health);
    Ok(Routes::from(counted)
        .add_service(HealthServer::new(health))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .into_axum_router())
}

async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let mut call = metrics.start();
    // tonic looks for a status among the causes of what goes wrong.
    let request = request.map(|body| Body::new(body.map_err(|error| refusal(&error))));
    let mut response = next.run(request).await;
    // A call that failed early has its status among the headers, any other
    // behind the body.
    end(&mut call, response.headers_mut());
    if response.body().is_end_stream() {
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |mut frame| {
            if let Some(trailers) = frame.trailers_mut() {
                end(&mut call, trailers);
            }
            frame
        }))
    })
}

/// What is answered to a request that was not read to its end.
fn refusal(error: &axum::Error) -> Status {
    let limit = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Refused>());
    let code = match limit {
        Some(Refused::Late(_)) => Code::DeadlineExceeded,
        Some(Refused::Busy) => Code::ResourceExhausted,
        None => Code::Internal,
    };
    Status::new(code, format!("the request cannot be read: {error}"))
}

const STATUS: &str = "grpc-status";

fn end(call: &mut Call, headers: &mut HeaderMap) {
    let Some(status) = headers.get_mut(STATUS) else {
        return;
    };
    let mut code = Code::from_bytes(status.as_bytes());
    // tonic's answer to a message above the limit. Everyone else, the protocol's
    // description included, says RESOURCE_EXHAUSTED, and no function says OUT_OF_RANGE.
    if code == Code::OutOfRange {
        code = Code::ResourceExhausted;
        *status = HeaderValue::from(code as i32);
    }
    call.end(code);
}
