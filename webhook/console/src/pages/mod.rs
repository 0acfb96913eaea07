//! The console: what runs where and why, to look at. Pages without a script that is needed, made here, with
//! nothing from anywhere else.
//!
//! - [`page`]: what all pages share;
//! - [`session`]: saying who one is;
//! - [`overview`]: places, clouds, what needs attention;
//! - [`workloads`]: what runs, to search and to sort; [`workload`]: one, and why it is where it is;
//! - [`what_if`]: where something would go;
//! - [`experiments`]: what came of other weights;
//! - [`catalog`]: what is decided by.

mod bars;
pub mod catalog;
pub mod experiments;
mod form;
pub mod overview;
pub mod page;
pub mod session;
pub mod what_if;
pub mod workload;
pub mod workloads;

use axum::Router;
use axum::routing::{get, post};

use crate::Sources;

/// Every page.
pub fn router(sources: Sources) -> Router {
    Router::new()
        .route("/", get(overview::show))
        .route("/workloads", get(workloads::show))
        .route("/workloads/{group}/{kind}/{namespace}/{name}", get(workload::show))
        .route("/what-if", get(what_if::show))
        .route("/experiments", get(experiments::show))
        .route("/catalog", get(catalog::show))
        .route("/sign-in", get(session::ask).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/console.css", get(page::style))
        .route("/console.js", get(page::script))
        .fallback(page::not_found)
        .with_state(sources)
}
