//! A workload's placement, from the evidence to what becomes of the places that it has left.
//!
//! ```text
//!            evidence                          in force        next
//!   observed ─┐                               ┌──────────┐   ┌────────────┐
//!   status   ─┼─► in_force (adoption judges ─►│  place   │──►│ relocation │──► a new decision
//!   annotation┘    what is only written)      └────┬─────┘   └────────────┘    with the next number
//!                                                  ▼
//!                                 disposition: what stays, is kept, goes elsewhere
//! ```
//!
//! The function and the webhook both ask here; neither has a rule of its own.

pub mod adoption;
pub mod disposition;
pub mod in_force;
pub mod relocation;

pub use adoption::{Judge, NotAdoptable};
pub use disposition::{Disposition, PreviousPlacement};
pub use in_force::{Evidence, NotFollowed, ObservedPlace, PlacementInForce, Resolution};
pub use relocation::Relocation;
