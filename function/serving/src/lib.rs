//! What both programs serve with.
//!
//! - [`http`]: serves a router, plain or over TLS, and drains it on shutdown;
//! - [`limits`]: what clients may hold of it;
//! - [`tls`]: certificates that can be replaced while they are in use;
//! - [`ops`]: metrics and probes for the operator's port;
//! - [`address`]: where to listen;
//! - [`shutdown`]: what the signals do;
//! - [`exit`]: how a program ends;
//! - [`telemetry`]: logs and traces;
//! - [`size`]: sizes on a command line;
//! - [`runtime`]: the threads all of it runs on.

/// The version, and the commit that it was built of where that is known.
pub const VERSION: &str = env!("IDP_VERSION");

pub mod address;
mod body;
mod connections;
pub mod exit;
pub mod http;
pub mod limits;
mod lines;
pub mod ops;
pub mod runtime;
pub mod shutdown;
pub mod size;
pub mod telemetry;
pub mod tls;
