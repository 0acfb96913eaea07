//! The function over gRPC.
//!
//! - [`service`]: the function runner service, with health and reflection, as a router;
//! - [`server`]: all of it put together: the composition function as a process.

mod metrics;
pub mod server;
pub mod service;
