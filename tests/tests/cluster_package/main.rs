//! The chart's life on a real API server with the real helm: installed, upgraded, removed,
//! installed again. Skips, aloud, unless `tests/cluster/run` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod documents;
mod life;
mod pods;
mod previous;
mod users;
