//! A workload's placement: what becomes of the places that it has left.

pub mod phase;
