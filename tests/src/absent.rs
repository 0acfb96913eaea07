//! What a test needs and this machine does not have.

use std::io::Write;

/// Says on standard error that something is not tested, and how it would be; in CI that is a
/// failure.
#[track_caller]
pub fn not_tested(what: &str) {
    not_tested_unless(what, "CI");
}

/// The same; it is a failure where this variable is set.
#[track_caller]
pub(crate) fn not_tested_unless(what: &str, asked_for_by: &str) {
    let message = format!("NOT TESTED {what}");
    assert!(std::env::var_os(asked_for_by).is_none(), "{message}");
    // Not by eprintln, which the test harness swallows while a test passes.
    #[allow(clippy::explicit_write)]
    writeln!(std::io::stderr(), "\n{message}\n").unwrap();
}
