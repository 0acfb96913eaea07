//! The command line `idp`: one file a command.

pub mod schedule;
