//! Gates: capabilities a candidate must have.

use idp_crds::names::MULTI_AZ;

use super::Candidate;

/// `required` in its order, and `multi_az` last when `ha` and not already there.
#[must_use]
pub fn effective(required: &[String], ha: bool) -> Vec<String> {
    let mut gates = required.to_vec();
    if ha && !gates.iter().any(|gate| gate == MULTI_AZ) {
        gates.push(MULTI_AZ.to_owned());
    }
    gates
}

/// The gates that `candidate` does not pass, in order.
pub fn missing<'g>(candidate: &Candidate, gates: &'g [String]) -> impl Iterator<Item = &'g str> {
    gates.iter().filter(|gate| !candidate.capabilities.contains(gate)).map(String::as_str)
}

/// Whether `candidate` passes all of `gates`.
#[must_use]
pub fn passes(candidate: &Candidate, gates: &[String]) -> bool {
    missing(candidate, gates).next().is_none()
}
