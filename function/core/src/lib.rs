//! The domain of IDP Multicloud, free of servers and clients: no I/O, no clock, no randomness.
//!
//! - [`schedule`]: where a workload goes, and why;
//! - [`experiment`]: whether the two sides of one differ, honestly;
//! - [`insight`]: what would have to change for another answer, and what follows from one;
//! - [`catalog`]: configuration objects, made into something that can be asked;
//! - [`compose`]: what a workload is made of at a place;
//! - [`circuit`]: whether new placements go to a provider, by what those that are there say;
//! - [`placement`]: what is in force of it, what may replace it, what becomes of what it left;
//! - [`recovery`]: by what its data can be had again, and where;
//! - [`structs`]: Kubernetes objects as Crossplane sends them.
//!
//! A decision, with the catalog that is built in:
//!
//! ```
//! use idp_core::catalog::{Catalog, embedded};
//! use idp_core::schedule::{Exclusion, PlacementQuery, Provenance};
//! use idp_crds::record::DecidedBy;
//!
//! let catalog = Catalog::strict(embedded().unwrap()).unwrap();
//! let exclude = Exclusion::default();
//! let query = PlacementQuery { name: "orders", tier: "business_critical", ha: true, exclude, unfit: &[] };
//! let decision = catalog.scheduler().decide(&query).unwrap();
//! let record = decision.record(Provenance::first(DecidedBy::Function));
//! assert!(record.gates.contains(&"multi_az".to_owned()));
//! assert_ne!(record.failover.unwrap().provider, record.selected.provider);
//! ```
#![doc = include_str!("../../../docs/src/architecture/placement.md")]

pub mod catalog;
pub mod circuit;
pub mod compose;
pub mod experiment;
pub mod insight;
pub mod placement;
pub mod recovery;
pub mod schedule;
pub mod structs;
