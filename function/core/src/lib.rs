//! The domain of IDP Multicloud, free of servers and clients: no I/O, no clock, no randomness.
//!
//! - [`schedule`]: where a workload goes, and why;
//! - [`catalog`]: configuration objects, made into something that can be asked;
//! - [`compose`]: what a workload is made of at a place;
//! - [`structs`]: Kubernetes objects as Crossplane sends them.

pub mod catalog;
pub mod compose;
pub mod placement;
pub mod schedule;
pub mod structs;
