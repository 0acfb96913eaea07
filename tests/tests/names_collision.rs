//! Nobody finds a workload with the name of somebody else's: a search that finds collisions of the
//! names that once were, and none of those that are.
//!
//! The search is van Oorschot and Wiener's: from random beginnings it follows `name → its hash → a
//! name made of that`, keeps only where a walk ends, at hashes with many zeros, and looks where two
//! walks have run together. It needs no memory to speak of, so it can go on for as long as it
//! likes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use idp_core::compose::facts::{Identity, Placement, Scope};
use idp_core::compose::names::{
    FINGERPRINT, credentials_name, object_name, provider_id, unfingerprinted_id,
};
use idp_crds::status::Place;
use indexmap::IndexMap;
use serde_json::Map;

/// A name that is made of a hash, and that name's hash.
type Step = fn(u128) -> (String, u128);

/// What a tenant would try: a name of one's own for every number, of which the readable part is
/// always the same, so that the hash alone has to do.
fn identity(number: u128) -> Identity {
    let name = format!("{number}-orders");
    Identity {
        claim_name: name.clone(),
        name,
        namespace: "team-mallory".to_owned(),
        scope: Scope::Namespaced,
        // Worse than in a cluster, where the API server chooses it.
        uid: None,
    }
}

fn placement() -> Placement {
    Placement {
        provider: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        runtime_cluster: String::new(),
        network: IndexMap::new(),
        settings: Map::new(),
        provider_config: serde_json::from_value(serde_json::json!({"name": "default"})).unwrap(),
        sequence: 1,
        provider_id: String::new(),
    }
}

/// The number that the last part of a name stands for.
fn hash_of(name: &str) -> u128 {
    let (_, hash) = name.rsplit_once('-').unwrap();
    assert_eq!(hash.len(), FINGERPRINT, "{name}");
    let digit = |c: u8| u128::from(if c.is_ascii_digit() { c - b'2' + 26 } else { c - b'a' });
    hash.bytes().fold(0, |number, c| number << 5 | digit(c))
}

fn id_at_the_provider(number: u128) -> (String, u128) {
    let id = provider_id(&identity(number), "mysql", ("aws", "us-east-1"), 1, &[]);
    let hash = hash_of(&id);
    (id, hash)
}

fn object(number: u128) -> (String, u128) {
    let name = object_name(&identity(number), "mysql", &placement(), "instance", "");
    let hash = hash_of(&name);
    // It is readable from the beginning; one who collides has to have all of the hash.
    (name.rsplit_once('-').unwrap().1.to_owned(), hash)
}

fn credentials(number: u128) -> (String, u128) {
    let name = credentials_name(&identity(number), "mysql");
    let hash = hash_of(&name);
    (name.rsplit_once('-').unwrap().1.to_owned(), hash)
}

/// As it was: 32 bits.
fn id_as_it_was(number: u128) -> (String, u128) {
    let place = Place { provider: "aws".to_owned(), region: "us-east-1".to_owned() };
    let id = unfingerprinted_id(&identity(number), "mysql", &place, 1);
    let hash = u128::from_str_radix(id.rsplit_once('-').unwrap().1, 16).unwrap();
    (id, hash)
}

/// Two numbers with one name, and how many names were made until they, or `end`, came.
fn search(step: Step, zeros: u32, beginning: u128, end: Instant) -> (u64, Option<(u128, u128)>) {
    let is_end = |number: u128| number & ((1 << zeros) - 1) == 0;
    // Where a walk ends: where it began, and how long it was.
    let mut walks: HashMap<u128, (u128, u64)> = HashMap::new();
    let mut made = 0;
    for walk in 0.. {
        let first = beginning.wrapping_mul(0x9e37_79b9_7f4a_7c15) + walk;
        let (mut at, mut length) = (first, 0_u64);
        // A walk that has run into itself has no end.
        while length < 20 << zeros {
            at = step(at).1;
            (made, length) = (made + 1, length + 1);
            if is_end(at) {
                break;
            }
            if made % 1024 == 0 && Instant::now() > end {
                return (made, None);
            }
        }
        if let Some(other) = walks.insert(at, (first, length))
            && is_end(at)
            && let Some(found) = meet(step, (first, length), other)
        {
            return (made, Some(found));
        }
    }
    (made, None)
}

/// Where two walks with one end have met; none where one is the other's rest.
fn meet(step: Step, mut long: (u128, u64), mut short: (u128, u64)) -> Option<(u128, u128)> {
    if long.1 < short.1 {
        std::mem::swap(&mut long, &mut short);
    }
    let (mut a, mut b) = (long.0, short.0);
    for _ in short.1..long.1 {
        a = step(a).1;
    }
    while a != b {
        let (next_a, next_b) = (step(a), step(b));
        if next_a.1 == next_b.1 {
            return (next_a.0 == next_b.0).then_some((a, b));
        }
        (a, b) = (next_a.1, next_b.1);
    }
    None
}

const NAMES: [(&str, Step); 3] = [
    ("ids at the provider", id_at_the_provider),
    ("names of composed objects", object),
    ("names of credentials", credentials),
];

fn search_all(time: Duration) {
    for (what, step) in NAMES {
        let end = Instant::now() + time / u32::try_from(NAMES.len()).unwrap();
        let searching: Vec<_> = (1..=2)
            .map(|thread| std::thread::spawn(move || search(step, 16, thread, end)))
            .collect();
        for (made, found) in searching.into_iter().map(|thread| thread.join().unwrap()) {
            println!("  {what}: {made} made, {found:?}");
            assert_eq!(found, None, "{what}: {:?}", found.map(|(a, b)| (step(a).0, step(b).0)));
        }
    }
}

/// The search is one: what had 32 bits has collisions after some 2^16 names.
#[test]
fn the_search_finds_a_collision_of_32_bits() {
    let end = Instant::now() + Duration::from_secs(60);
    let (made, found) = search(id_as_it_was, 6, 1, end);
    let (a, b) = found.unwrap_or_else(|| panic!("none among {made}"));
    assert_ne!(a, b);
    assert_eq!(id_as_it_was(a).0, id_as_it_was(b).0);
    assert_ne!(id_at_the_provider(a).0, id_at_the_provider(b).0);
}

#[test]
fn finding_1_a_short_search_finds_no_collision_of_80_bits() {
    search_all(Duration::from_secs(3));
}

/// `cargo test --release --test names_collision -- --ignored --nocapture`
#[test]
#[ignore = "takes ten minutes"]
fn ten_minutes_of_search_find_no_collision_of_80_bits() {
    search_all(Duration::from_secs(600));
}
