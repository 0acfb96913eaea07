//! The admission webhook of IDP Multicloud: contract, decision, stamp.
//!
//! [`server`] takes the API server's reviews, [`admission`] answers them by what an [`environment`]
//! has: the [`snapshot`] of the catalog, what runs where ([`placements`]). [`cluster`] watches those,
//! [`controllers`] act on the cluster, [`web`] tells people about it; [`run`] puts all of it together.
//!
//! Dependencies point one way: `run → environment → controllers → cluster → snapshot, placements`,
//! `run → server → admission → snapshot, placements`, and `run → web → snapshot, placements`.
#![doc = include_str!("../../docs/src/architecture/walks.md")]

pub mod admission;
pub mod background;
pub mod certificates;
pub mod cluster;
pub mod controllers;
pub mod environment;
pub mod fleet;
pub mod kept;
pub mod metrics;
pub mod options;
pub mod placements;
pub mod probes;
pub mod run;
pub mod server;
pub mod snapshot;
pub mod web;
