//! The documents: their reference pages are what the code says now, their commands run and show
//! what they say, their links lead somewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod commands;
mod links;
mod metrics;
mod read_api;
mod reference;
