//! The servers over real sockets and real TLS, called by independent clients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod certificates;
mod client;
mod flags;
mod function;
mod http;
mod image;
