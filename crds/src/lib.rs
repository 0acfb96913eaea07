//! The API of IDP Multicloud: what platform engineers configure, what developers may ask, what the
//! platform records.
//!
//! - [`candidate`], [`tier`], [`cloud_provider`], [`product`], [`experiment`], [`feature_flag`]:
//!   the configuration kinds of `platform.example.org/v1alpha1`, all cluster-scoped; [`kinds`] is
//!   the table of them;
//! - [`condition`]: what such an object says of itself;
//! - [`contract`]: the developer's side, a request read from a claim and every error in it;
//! - [`record`]: the placement decision as it is stamped on a claim;
//! - [`history`]: what has happened to a workload;
//! - [`recovery`]: what keeps a workload's data, and how far behind it can be;
//! - [`status`]: the placement as a composite resource reports it;
//! - [`provider_error`]: which errors are a provider's;
//! - [`pinned_id`]: what a workload is called at its provider, for backups;
//! - [`place`]: where a workload can be;
//! - [`reason`]: why its conditions are as they are;
//! - [`names`]: labels and annotations, spelled once.

// Every printer column has a type and a path of its own; the lint takes them for repetitions.
#![allow(clippy::duplicated_attributes)]

pub mod candidate;
pub mod cloud_provider;
pub mod condition;
pub mod contract;
pub mod experiment;
pub mod feature_flag;
pub mod history;
pub mod json;
pub mod kinds;
pub mod names;
pub mod pinned_id;
pub mod place;
pub mod product;
pub mod provider_error;
pub mod reason;
pub mod record;
pub mod recovery;
pub mod schema;
pub mod status;
pub mod tier;
pub mod validate;

pub use candidate::{Candidate, CandidateSpec};
pub use cloud_provider::{CloudProvider, CloudProviderSpec, CloudProviderStatus};
pub use experiment::{Experiment, ExperimentSpec};
pub use feature_flag::{FeatureFlag, FeatureFlagSpec};
pub use product::{Product, ProductSpec};
pub use tier::{Tier, TierSpec};
