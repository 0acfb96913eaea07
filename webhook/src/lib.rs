//! The admission webhook of IDP Multicloud: contract, decision, stamp.
//!
//! [`server`] takes the API server's reviews, [`admission`] answers them by what an [`environment`]
//! has: the [`snapshot`] of the catalog, what runs where ([`placements`]). [`cluster`] watches those,
//! [`controllers`] act on the cluster; `idp_console` tells people about it, and [`readers`] asks the API server
//! what it wants to know; [`run`] puts all of it together.
//!
//! Dependencies point one way: `run → environment → controllers → cluster → snapshot, placements`,
//! `run → server → admission → snapshot, placements`, and `environment → readers`.
#![doc = include_str!("../../docs/src/architecture/walks.md")]

pub mod admission;
pub mod background;
pub mod certificates;
pub mod cluster;
pub mod controllers;
pub mod environment;
pub mod kept;
pub mod metrics;
pub mod options;
pub mod probes;
pub mod readers;
pub mod run;
pub mod server;

pub use idp_console::{placements, snapshot};
