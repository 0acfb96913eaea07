//! The developer's side of the contract: what a claim asks for, and everything that is wrong with
//! it.
//!
//! [`ClaimRequest::read`] turns a claim's (or composite resource's) `spec` into a typed
//! [`ClaimRequest`] or into *all* its errors at once. [`update`] says which later changes a product
//! allows, [`Deletion`] what deleting it means, [`forbidden`] which fields are never a developer's to
//! set, [`metadata`] what a claim's name must be like.

mod deletion;
mod error;
pub mod forbidden;
pub mod metadata;
mod parameter;
mod request;
pub mod reserved;
pub mod update;

pub use deletion::Deletion;
pub use error::{FieldError, Problem, did_you_mean, listed};
pub(crate) use parameter::check_specification;
pub(crate) use request::COMMON;
pub use request::ClaimRequest;
