//! Who is healthy enough to be considered.

use super::{Candidate, Circuit, State};

/// Why a candidate is not considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthReason {
    /// The operator's switch of the provider, or the candidate's own, says no.
    ProviderUnhealthy,
    /// The circuit breaker of the provider, or of the place, says no.
    CircuitOpen,
}

impl HealthReason {
    /// All of them.
    pub const ALL: [Self; 2] = [HealthReason::ProviderUnhealthy, HealthReason::CircuitOpen];

    /// The word that records have.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            HealthReason::ProviderUnhealthy => "provider_unhealthy",
            HealthReason::CircuitOpen => "circuit_open",
        }
    }

    /// Its stable token.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            HealthReason::ProviderUnhealthy => "ProviderUnhealthy",
            HealthReason::CircuitOpen => "CircuitOpen",
        }
    }
}

/// Why `candidate` is not considered, in the order checked; empty when it is.
#[must_use]
pub fn unhealthy_reasons(candidate: &Candidate, state: &State) -> Vec<HealthReason> {
    let provider = state.providers.get(&candidate.provider);
    let switched_off = !candidate.healthy || provider.is_some_and(|p| !p.healthy);
    let open = provider
        .is_some_and(|p| p.circuit == Circuit::Open || p.open_regions.contains(&candidate.region));
    let found = [switched_off, open];
    let reasons = HealthReason::ALL.into_iter().zip(found);
    reasons.filter(|(_, found)| *found).map(|(reason, _)| reason).collect()
}
