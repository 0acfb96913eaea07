//! The admission webhook as a running server: real TLS, real reviews, no cluster.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod claims;
mod configuration;
mod console;
mod effect;
mod fixture;
mod golden;
mod guards;
mod history;
mod hostile;
mod read_api;
mod recovery;
mod robustness;
mod versioned_api;
