//! The composition function of IDP Multicloud, and its command line `idp`.
//!
//! [`wire`] is the protocol; [`run`] leads a request through the domain, which is `idp-core`;
//! [`grpc`] takes the calls. [`generate`] writes what a cluster needs, [`live`] reads one with its
//! user's own rights, [`schemas`] tells what providers would refuse, [`cli`] is `idp`.
//!
//! Rooms depend one way: `cli → generate, grpc → run → wire`, and `cli → live, schemas`.
#![doc = include_str!("../../docs/src/architecture/walks.md")]

pub mod cli;
pub mod generate;
pub mod grpc;
pub mod live;
pub mod run;
pub mod schemas;
pub mod wire;
