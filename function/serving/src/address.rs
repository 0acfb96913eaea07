//! Addresses to listen on, as flags give them.

use std::net::SocketAddr;

/// An address, or none where the flag is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionalAddress(pub Option<SocketAddr>);

/// As Go writes them: without an address, all of them.
///
/// # Errors
/// What was expected.
pub fn parse(text: &str) -> Result<SocketAddr, String> {
    let full = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text.to_owned(),
    };
    full.parse()
        .map_err(|_| "expected an IP address and a port, such as 0.0.0.0:9443 or :9443".to_owned())
}

/// The same; empty for nowhere.
///
/// # Errors
/// What was expected.
pub fn parse_optional(text: &str) -> Result<OptionalAddress, String> {
    if text.is_empty() {
        return Ok(OptionalAddress(None));
    }
    parse(text).map(Some).map(OptionalAddress)
}
