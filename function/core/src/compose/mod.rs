//! From a placement to its resources: products are data, their templates hold CEL expressions.
//!
//! A [`product`] is compiled once per generation. [`render`] evaluates it for one placement over a
//! [`variables`], and [`object`] makes Kubernetes objects of the results: names, labels, flavour.

mod compile;
pub mod credentials;
pub mod expression;
pub mod facts;
pub mod field_mask;
pub mod names;
pub mod object;
pub mod place;
pub mod plan;
pub mod product;
mod recovery;
pub mod render;
mod rendered;
pub mod rendering;
pub mod template;
pub mod variables;
