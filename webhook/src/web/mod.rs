//! What people and their tools read, on a port of its own: nothing here is needed for reviews, and
//! who may reach the probes need not reach this.
//!
//! - [`api`]: what can be asked for, which clouds are healthy, what runs where, as JSON.

pub mod api;

use std::sync::Arc;

use axum::Router;

use crate::placements::Placements;
use crate::snapshot::SharedSnapshot;

/// What pages are made from.
#[derive(Clone)]
pub struct Sources {
    /// The catalog.
    pub snapshot: SharedSnapshot,
    /// What runs where.
    pub placements: Arc<Placements>,
}

/// Everything on this port.
pub fn router(sources: Sources) -> Router {
    Router::new().merge(api::router(sources))
}
