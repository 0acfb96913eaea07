//! The decision: which candidate a workload goes to, and why.
//!
//! Pure: no I/O, no clock, no randomness, no Kubernetes. The same inputs give the same bytes, at
//! admission, in the composition pipeline, on the command line and in tests.
//!
//! A [`Scheduler`] is made once per catalog. A decision walks through [`health`] → [`tier_weights`] →
//! [`gates`] → [`score`] → selection and failover ([`decide`]) → [`reason`]; the first four depend
//! on little of the request, and are worked out once for all requests alike (`ranking`).

pub mod decide;
mod decision_text;
mod digest;
mod error;
pub mod gates;
pub mod health;
mod model;
mod pool;
mod ranking;
pub mod reason;
pub mod rejection;
pub mod score;
mod standings;
pub mod tier_weights;
mod weights;

pub use decide::{Decision, Scheduler};
pub use decision_text::{DecisionText, Provenance};
pub use error::ScheduleError;
pub use model::{
    Candidate, Circuit, Exclusion, Experiment, FailoverRule, Lack, PlacementQuery, ProviderHealth,
    State, Tier, Unfit,
};
pub use rejection::Rejection;
pub use weights::Weights;
