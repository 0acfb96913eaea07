//! A user without verbs never changes a place, evidence, or another's object, whatever is written.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use idp_tests::review_law::{Attempt, Choices, hold};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_user_without_verbs_changes_no_place_no_evidence_and_nothing_of_others(
        bytes in prop::collection::vec(any::<u8>(), 0..64)
    ) {
        hold(&Attempt::choose(&mut Choices::new(&bytes)));
    }
}

/// Ten minutes, or as many seconds as SECONDS says: `cargo test --test properties_review --
/// --ignored --nocapture`.
#[test]
#[ignore = "takes ten minutes"]
fn ten_minutes_of_attempts() {
    let seconds = std::env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    let end = Instant::now() + Duration::from_secs(seconds);
    // A sequence of its own every time; what is found is told with the object that does it.
    let mut state = u64::from(std::process::id()) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut answers: BTreeMap<bool, u64> = BTreeMap::new();
    while Instant::now() < end {
        let bytes: Vec<u8> = (0..8).flat_map(|_| next().to_le_bytes()).collect();
        let stored = hold(&Attempt::choose(&mut Choices::new(&bytes)));
        *answers.entry(stored.is_some()).or_default() += 1;
    }
    println!("  refused and stored: {answers:?}");
}
