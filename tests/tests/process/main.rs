//! The programs as they are shipped: started, used, signalled, watched from outside. No cluster.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod bounds;
mod collector;
mod fixture;
mod ports;
mod readiness;
mod soak;
mod stamp;
mod start;
