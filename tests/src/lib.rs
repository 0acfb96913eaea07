//! What the tests share. Nothing here is shipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod provider_schema;
pub mod simulated_cloud;
pub mod workload;
