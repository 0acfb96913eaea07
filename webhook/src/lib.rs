//! The admission webhook of IDP Multicloud: contract, decision, stamp.
//!
//! [`server`] takes the API server's reviews, [`admission`] answers them by the [`snapshot`] of the catalog, [`cluster`] keeps
//! that snapshot current and the webhook registered, [`api`] tells what runs where.

pub mod admission;
pub mod metrics;
pub mod placements;
pub mod probes;
pub mod server;
pub mod snapshot;
