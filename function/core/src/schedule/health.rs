//! Who is healthy enough to be considered.

use super::{Candidate, Circuit, State};

/// The operator, or the candidate's own switch, says no.
pub const PROVIDER_UNHEALTHY: &str = "provider_unhealthy";
/// The circuit breaker says no.
pub const CIRCUIT_OPEN: &str = "circuit_open";

/// Why `candidate` is not considered, in the order checked; empty when it is.
#[must_use]
pub fn unhealthy_reasons(candidate: &Candidate, state: &State) -> Vec<&'static str> {
    let provider = state.providers.get(&candidate.provider);
    let switched_off = !candidate.healthy || provider.is_some_and(|p| !p.healthy);
    let open = provider.is_some_and(|p| p.circuit == Circuit::Open);
    let mut reasons = Vec::new();
    if switched_off {
        reasons.push(PROVIDER_UNHEALTHY);
    }
    if open {
        reasons.push(CIRCUIT_OPEN);
    }
    reasons
}
