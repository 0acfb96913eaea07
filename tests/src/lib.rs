//! What the tests share. Nothing here is shipped.
// A fixture that cannot do its work ends the test with a message, as an assertion does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod absent;
pub mod cluster;
pub mod https;
pub mod pages;
pub mod people;
pub mod pki;
pub mod provider_schema;
pub mod review_law;
pub mod rule_book;
pub mod selectors;
pub mod sim;
pub mod simulated_cloud;
pub mod tools;
pub mod usage;
pub mod web_port;
pub mod workload;
