//! skeleton
pub mod wire;
