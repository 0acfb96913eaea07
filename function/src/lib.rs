//! The composition function of IDP Multicloud, and its command line `idp`.
//!
//! A request walks through the rooms once: [`catalog`] (what may be chosen), [`schedule`] (where it goes, and why),
//! [`compose`] (what that place is made of).

pub mod compose;
pub mod schedule;
