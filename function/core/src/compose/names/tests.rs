use std::collections::HashMap;

use super::*;
use crate::compose::facts::Scope;

fn identity(namespace: &str, name: &str, uid: Option<&str>) -> Identity {
    Identity {
        name: name.into(),
        claim_name: name.into(),
        namespace: namespace.into(),
        scope: Scope::Cluster,
        uid: uid.map(str::to_owned),
    }
}

fn id(identity: &Identity) -> String {
    provider_id(identity, "mysql", ("aws", "us-east-1"), 1, &["internal-".into(), "sg-".into()])
}

#[test]
fn an_id_carries_eighty_bits_of_the_uid_alone() {
    let mine = id(&identity("team-a", "orders", Some("6b1f3d9e-2f6e-4a39-9d1c-0a4e1f0c9b11")));
    let theirs = id(&identity("team-a", "orders", Some("7b1f3d9e-2f6e-4a39-9d1c-0a4e1f0c9b11")));
    let (name, hash) = mine.rsplit_once('-').unwrap();
    assert_eq!((name, hash.len()), ("orders", FINGERPRINT));
    assert_ne!(mine, theirs, "whatever both are called");
    assert_eq!(mine.len(), 23);
}

/// It once dropped leading digits before hashing and had 32 bits: `31660716199-orders` in another
/// namespace was found in minutes to have the id of somebody else's database.
#[test]
fn nothing_is_normalised_away_and_parts_do_not_run_together() {
    let names = ["orders", "1-orders", "12-orders", "-orders", "orders--a", "orders-a", "ORDERS"];
    let mut found = HashMap::new();
    for namespace in ["a", "a-b"] {
        for name in names {
            assert_eq!(found.insert(id(&identity(namespace, name, None)), (namespace, name)), None);
        }
    }
    let at = |place: (&str, &str)| provider_id(&identity("n", "o", None), "p", place, 1, &[]);
    assert_ne!(at(("a-b", "c")), at(("a", "b-c")));
    assert_ne!(fingerprint("id", ["ab", "c"]), fingerprint("id", ["a", "bc"]));
}

#[test]
fn ids_differ_in_either_half_of_their_bits() {
    let mut halves: [HashMap<String, u32>; 2] = Default::default();
    for number in 0..200_000_u32 {
        let hash = fingerprint("id", [number.to_string().as_str()]);
        let (left, right) = hash.split_at(FINGERPRINT / 2);
        for (half, part) in halves.iter_mut().zip([left, right]) {
            *half.entry(part.to_owned()).or_default() += 1;
        }
    }
    // 40 bits each: 200 000 of them have a pair in about one of 55 runs, and never three of one.
    for half in halves {
        assert!(half.len() >= 199_990, "{}", half.len());
    }
}

#[test]
fn what_a_provider_keeps_to_itself_is_not_a_beginning() {
    for (name, beginning) in [
        ("internal-orders", "w-internal-orders-"),
        ("sg-orders", "w-sg-orders-"),
        ("sgorders", "sgorders-"),
        ("0-0", "w-"),
        ("internal-a-very-long-name-that-goes-on", "w-internal-a-very-long-"),
    ] {
        let id = id(&identity("team", name, None));
        assert!(id.starts_with(beginning) && id.len() <= LONGEST_ID, "{id}");
    }
}

#[test]
fn what_is_shortened_keeps_its_eighty_bits() {
    let (long, longer) = ("x".repeat(40), "x".repeat(41));
    assert_eq!(shortened(&long, 40), long);
    let short = shortened(&longer, 32);
    assert_eq!((short.len(), &short[..16]), (32, "xxxxxxxxxxxxxxx-"));
    assert_ne!(short, shortened(&"x".repeat(42), 32));
}

/// What exists from before keeps the id it has.
#[test]
fn the_ids_of_before_are_still_known() {
    let place = Place::new("aws", "us-east-1");
    let of = |namespace: &str, name: &str| {
        unfingerprinted_id(&identity(namespace, name, None), "mysql", &place, 1)
    };
    // As the first version made it.
    let webapp = identity("team-checkout", "orders-7x2kq", None);
    assert_eq!(unfingerprinted_id(&webapp, "webapp", &place, 1), "orders-7x2kq-76e03d2c");
    assert!(of("team", "0").starts_with("w-"));
}
