//! The composition function of IDP Multicloud, and its command line `idp`.
//!
//! A request walks through the rooms once: [`wire`] (the protocol), [`schedule`] (where a workload goes, and why),
//! [`compose`] (what that place is made of).

pub mod compose;
pub mod schedule;
pub mod wire;
