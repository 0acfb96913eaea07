//! The rule book: each rule bites, each is of something that is made, and no name and no update
//! that the platform admits breaks one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::contract::update;
use idp_tests::rule_book::{RuleBook, kind};
use idp_tests::simulated_cloud::SimulatedCloud;
use idp_tests::workload::{CATALOG, Made, Workload, default_product};
use serde_json::{Value, json};

const PLACES: [&str; 3] = ["aws-us-east-1", "gcp-us-central1", "oci-us-ashburn-1"];

fn smallest(product: &str) -> Value {
    match product {
        "webapp" => json!({"image": "nginx:1.27"}),
        _ => json!({"size": "small", "storageGB": 100}),
    }
}

#[test]
fn every_rule_refuses_its_own_example() {
    assert_eq!(RuleBook::open().toothless(), Vec::<&str>::new());
}

#[test]
fn every_rule_is_of_something_that_is_made() {
    let rules = RuleBook::open();
    let mut made: BTreeSet<String> = BTreeSet::new();
    for product in CATALOG.products() {
        for place in PLACES {
            let mut all = smallest(&product.name);
            all["tier"] = json!("business_critical");
            if product.name == "postgresql" {
                all["extensions"] = json!(["pgvector"]);
            }
            let mut cloud = SimulatedCloud::with_credentials();
            cloud.settle(&Workload::new(place, all), product);
            made.extend(cloud.managed().map(kind));
        }
    }
    for kind in rules.kinds() {
        assert!(made.contains(kind), "no product makes {kind}");
    }
}

#[test]
fn names_keep_to_the_rules_whatever_a_workload_is_called() {
    let rules = RuleBook::open();
    let long = "x".repeat(63);
    for product in CATALOG.products() {
        for place in PLACES {
            for name in ["internal-shop", "sg-shop", "aws-shop", "a", "0day", "orders.v2", &long] {
                let workload = Workload {
                    name: name.to_owned(),
                    ..Workload::new(place, smallest(&product.name))
                };
                let mut cloud = SimulatedCloud::with_credentials();
                let notices = cloud.settle(&workload, product).notices;
                for object in cloud.managed() {
                    let broken = rules.check(object, &notices);
                    assert!(broken.is_empty(), "{name}: {broken:#?}\n{object:#}");
                }
            }
        }
    }
}

/// One change of one parameter each, both ways.
fn changes(product: &str) -> Vec<(Value, Value)> {
    let own: &[(&str, Value, Value)] = match product {
        "webapp" => &[
            ("image", json!("nginx:1.27"), json!("nginx:1.28")),
            ("port", json!(8080), json!(9090)),
            ("cpu", json!("250m"), json!("4000m")),
            ("memory", json!("512Mi"), json!("8Gi")),
            ("replicas", json!(1), json!(5)),
            ("maxReplicas", json!(2), json!(9)),
            ("public", json!(true), json!(false)),
            ("env", json!([]), json!(["A=b"])),
            ("command", json!([]), json!(["/app"])),
            ("args", json!([]), json!(["-v"])),
            ("healthPath", json!(""), json!("/ready")),
        ],
        _ => &[
            ("size", json!("xsmall"), json!("xlarge")),
            ("storageGB", json!(10), json!(30)),
            ("storageGB", json!(399), json!(400)),
            ("storageGB", json!(500), json!(65_536)),
            ("version", json!("14"), json!("16")),
            ("extensions", json!([]), json!(["pg_cron"])),
        ],
    };
    let common = [
        ("tier", json!("critical"), json!("low")),
        ("tier", json!("medium"), json!("business_critical")),
        ("environment", json!("dev"), json!("production")),
        ("ha", json!(false), json!(true)),
        ("cell", json!("cell-1"), json!("cell-2")),
    ];
    let all = own.iter().cloned().chain(common);
    let pairs = all.map(|(name, a, b)| (json!({name: a}), json!({name: b})));
    pairs.flat_map(|(a, b)| [(a.clone(), b.clone()), (b, a)]).collect()
}

/// Whether admission lets the change through where the workload is.
fn admitted(before: &Workload, after: &Workload, product: &str) -> bool {
    let product = default_product(product);
    let (old, new) = (before.request(&product), after.request(&product));
    let place = before.place.split_once('-').unwrap();
    let fits = |tier: &str, ha| CATALOG.missing_gates(tier, ha, place) == Some(Vec::new());
    update::check(&product.spec, &old, &new).is_empty()
        && fits(&old.tier, old.ha)
        && fits(&new.tier, new.ha)
}

/// Under one kind and name a cloud has one object: two that differ would be one taken for another.
fn assert_names_are_unique(before: &[Made], after: &[Made]) {
    let mut owners: BTreeMap<(String, String), &str> = BTreeMap::new();
    for made in before.iter().chain(after) {
        let spec = &made.object["spec"]["forProvider"];
        let external = made.object.pointer("/metadata/annotations/crossplane.io~1external-name");
        let named = [external, spec.get("identifier"), spec.get("name"), spec.get("family")];
        let Some(name) = named.into_iter().flatten().find_map(Value::as_str) else { continue };
        // A region, or a balancer, is a space of names of its own.
        let space =
            format!("{} {} {}", kind(&made.object), spec["region"], spec["loadBalancerIdRef"]);
        if let Some(owner) = owners.insert((space, name.to_owned()), &made.key) {
            assert_eq!(owner, made.key, "{name} is the name of both");
        }
    }
}

#[test]
fn no_update_that_is_admitted_is_refused_by_a_provider() {
    let rules = RuleBook::open();
    let mut tried = 0;
    for name in ["mysql", "postgresql", "webapp"] {
        let product = default_product(name);
        for place in PLACES {
            for (first, then) in changes(name) {
                let unknown = |parameters: &Value| {
                    let common = ["tier", "environment", "ha", "cell"];
                    let mut names = parameters.as_object().unwrap().keys();
                    !names.all(|given| {
                        common.contains(&given.as_str())
                            || product.spec.parameters.iter().any(|known| known.name == *given)
                    })
                };
                if unknown(&first) {
                    continue;
                }
                let before = Workload::new(place, smallest(name)).with(first);
                let after = before.with(then);
                if !admitted(&before, &after, name) {
                    continue;
                }
                for (before, after) in
                    [(before.namespaced(), after.namespaced()), (before.clone(), after.clone())]
                {
                    let mut cloud = SimulatedCloud::with_credentials();
                    let was = cloud.settle(&before, &product);
                    let is = cloud.settle(&after, &product);
                    assert_eq!(is.pending, []);
                    assert_names_are_unique(&was.objects, &is.objects);
                    for old in &was.objects {
                        let Some(new) = is.objects.iter().find(|new| new.key == old.key) else {
                            continue;
                        };
                        let broken = rules.check_update(&old.object, &new.object);
                        assert!(
                            broken.is_empty(),
                            "{place} {:?} -> {:?}: {}: {broken:#?}",
                            before.parameters,
                            after.parameters,
                            old.key
                        );
                    }
                    tried += 1;
                }
            }
        }
    }
    println!("{tried} updates");
    assert!(tried > 100, "{tried}");
}
