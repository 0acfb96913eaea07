//! Serving: the function over gRPC, and the pieces that any server of ours needs.
//!
//! - [`http`] serves a router, plain or over TLS, and drains it on shutdown
//! - [`tls`] certificates that can be replaced while they are in use
//! - [`ops`] metrics and probes for the operator's port
//! - [`shutdown`] what the signals do
//! - [`telemetry`] logs and traces
//! - [`runtime`] the threads all of it runs on
//! - [`grpc`] the function runner service as such a router
//! - [`function`] all of it put together: the composition function

pub mod function;
pub mod grpc;
pub mod http;
mod metrics;
pub mod ops;
pub mod runtime;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
