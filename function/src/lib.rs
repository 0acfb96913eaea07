//! The composition function of IDP Multicloud, and its command line `idp`.
//!
//! [`wire`] is the protocol; [`run`] leads a request through the domain, which is `idp-core`;
//! [`grpc`] takes the calls. [`generate`] writes what a cluster needs, [`cli`] is `idp`.
//!
//! Rooms depend one way: `cli → generate, grpc → run → wire`.
#![doc = include_str!("../../docs/src/architecture/walks.md")]

pub mod cli;
pub mod generate;
pub mod grpc;
pub mod run;
pub mod wire;
