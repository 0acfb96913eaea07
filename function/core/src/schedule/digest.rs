//! The digest that a record carries: which catalog a decision was made from.

use sha2::{Digest, Sha256};

use super::{Candidate, State, Tier};

/// SHA-256, hex, of the canonical JSON of everything but the request that decisions depend on:
/// candidates in their order, tiers by name, provider health by name, experiments in their order,
/// flags by name.
pub(super) fn digest<'t>(
    candidates: &[Candidate],
    tiers: impl Iterator<Item = (&'t str, &'t Tier)>,
    state: &State,
) -> String {
    let tiers: std::collections::BTreeMap<_, _> = tiers.collect();
    let mut hash = Sha256::new();
    // Serialising these types into memory cannot fail; were it to, the digest of nothing would
    // still be deterministic.
    hash.update(serde_json::to_vec(&(candidates, tiers, state)).unwrap_or_default());
    hex::encode(hash.finalize())
}
