//! The composition function of IDP Multicloud, and its command line `idp`.
//!
//! A request walks through the rooms once: [`wire`] (the protocol), [`catalog`] (what may be
//! chosen), [`schedule`] (where a workload goes, and why), [`compose`] (what that place is made
//! of); [`run`] leads it through them, and [`server`] takes the calls.

pub mod catalog;
pub mod cli;
pub mod compose;
pub mod generate;
pub mod run;
pub mod schedule;
pub mod server;
pub mod wire;
