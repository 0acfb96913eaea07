//! How our programs end.

use std::io::{self, Write as _};
use std::process::{ExitCode, Termination};

/// How a program ended, for whoever has started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked is done.
    Done = 0,
    /// What was asked is refused, by the rules of the platform.
    Refused = 1,
    /// The command line is wrong. (clap ends with the same.)
    WrongCommandLine = 2,
    /// Something that is needed cannot be read or used: a file, an address, a cluster.
    Unusable = 3,
}

impl Exit {
    /// Says on standard error why.
    #[must_use]
    pub fn because(self, error: &dyn std::fmt::Display) -> Self {
        // Nobody is left to be told.
        let _ = writeln!(io::stderr().lock(), "error: {error}");
        self
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
