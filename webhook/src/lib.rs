//! The admission webhook of IDP Multicloud: contract, decision, stamp.
//!
//! [`server`] takes the API server's reviews, [`admission`] answers them by the [`snapshot`] of the
//! catalog, [`cluster`] keeps that snapshot current and the webhook registered, [`api`] tells what
//! runs where; [`run`] puts them together.

pub mod admission;
pub mod api;
pub mod certificates;
pub mod cluster;
pub mod metrics;
pub mod options;
pub mod placements;
pub mod probes;
pub mod run;
pub mod server;
pub mod snapshot;
