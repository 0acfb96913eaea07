//! From a placement to its resources: products are data, their templates hold CEL expressions.

pub mod expression;
pub mod template;
