//! What users touch, on a real API server with a real Crossplane.
//!
//! One program, so that all tests share one cluster. They skip, aloud, unless
//! `tests/cluster/run` runs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod chaos;
mod claims;
mod contract;
mod fixture;
mod fleet;
mod large;
mod moves;
mod outage;
mod processes;
mod sticky;
