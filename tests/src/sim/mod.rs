//! A small world around the function, for tests that let anything happen in any order.
//!
//! The function is the real one, and speaks its real messages. What stands in for the rest keeps to
//! what Crossplane, the API server and providers do: [`crossplane`] calls, collects and applies,
//! [`object`] is what the API server and a provider make of a composed object, [`configuration`] is
//! what operators edit.

pub mod configuration;
pub mod crossplane;
pub mod object;

pub use configuration::{Configuration, PLACES};
pub use crossplane::{Crash, Crossplane, Faults, Generation, Reconciled};
pub use object::{Cloud, Object};
