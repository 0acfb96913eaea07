//! The digest that a record carries: which catalog a decision was made from.

use sha2::{Digest, Sha256};

use idp_crds::json::to_vec;

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
    hash.update(to_vec(&(candidates, tiers, state)));
    hex::encode(hash.finalize())
}
