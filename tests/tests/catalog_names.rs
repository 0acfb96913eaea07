//! Names at the providers: valid whatever the workload is called, and different wherever workloads
//! or placements are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{HashMap, HashSet};

use idp_tests::simulated_cloud::SimulatedCloud;
use idp_tests::workload::{Workload, default_product};
use serde_json::{Value, json};

const PLACES: [&str; 3] = ["aws-us-east-1", "gcp-us-central1", "oci-us-ashburn-1"];

fn parameters(product: &str) -> Value {
    match product {
        "webapp" => json!({"image": "nginx:1.27", "maxReplicas": 5}),
        _ => json!({"size": "small", "storageGB": 100, "tier": "business_critical"}),
    }
}

/// Where a kind has its name at the provider, and how long it may be.
fn name_at_provider(object: &Value) -> Option<(&str, usize)> {
    let given = |field: &str| object["spec"]["forProvider"][field].as_str();
    let external = || {
        object.pointer("/metadata/annotations/crossplane.io~1external-name").and_then(Value::as_str)
    };
    let (name, most) = match object["kind"].as_str().unwrap() {
        "Instance" => (given("identifier"), 63),
        "LB" | "LBTargetGroup" => (given("name"), 32),
        "TaskDefinition" => (given("family"), 255),
        "V2Service" => (external(), 49),
        "DatabaseInstance" => (external(), 67),
        "Role" => (external(), 64),
        "Cluster" | "ParameterGroup" => (external(), 255),
        _ => return None,
    };
    Some((name.unwrap_or_else(|| panic!("no name at the provider: {object:#}")), most))
}

/// A letter first, then letters and digits in groups joined by single hyphens: what all of these
/// take.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

#[test]
fn are_valid_whatever_the_workload_is_called() {
    let long = "a-very-long-name-that-goes-on-and-on".repeat(7);
    for name_of_product in ["mysql", "postgresql", "webapp"] {
        let product = default_product(name_of_product);
        for name in
            ["a", "orders-7x2kq", "0day", "orders.v2", "a--b", "a-.b", &"x".repeat(63), &long]
        {
            for place in PLACES {
                let claimed = Workload {
                    name: name.to_owned(),
                    ..Workload::new(place, parameters(name_of_product))
                };
                for workload in [claimed.namespaced(), claimed] {
                    let mut cloud = SimulatedCloud::with_credentials();
                    cloud.settle(&workload, &product);
                    for object in cloud.managed() {
                        let own = object["metadata"]["name"].as_str().unwrap();
                        assert!(own.len() <= 63, "{own}");
                        if let Some((name, most)) = name_at_provider(object) {
                            assert!(
                                is_plain(name) && name.len() <= most,
                                "{name:?} for {:?} {}",
                                workload.name,
                                object["kind"]
                            );
                        }
                    }
                }
            }
        }
    }
}

/// A cloud account knows no namespaces.
#[test]
fn differ_between_workloads_that_share_an_account() {
    for name_of_product in ["mysql", "postgresql", "webapp"] {
        let product = default_product(name_of_product);
        for place in PLACES {
            let mut owners: HashMap<(String, String), String> = HashMap::new();
            let base = Workload::new(place, parameters(name_of_product));
            let tail = "x".repeat(60);
            let workloads = [
                ("team-a", "orders"),
                ("team-b", "orders"),
                ("team-a", "orders.v2"),
                ("team-a", "orders--v2"),
                ("team-a", &format!("a{tail}")),
                ("team-a", &format!("a{tail}b")),
            ]
            .map(|(namespace, name)| Workload {
                name: name.to_owned(),
                namespace: namespace.to_owned(),
                uid: None,
                ..base.namespaced()
            });
            // In a cluster the uid alone tells them apart, whatever they are called.
            let twins = ["a", "b"].map(|uid| Workload {
                uid: Some(format!("20000000-0000-4000-8000-00000000000{uid}")),
                ..base.clone()
            });
            for workload in workloads.into_iter().chain(twins) {
                let mut cloud = SimulatedCloud::with_credentials();
                cloud.settle(&workload, &product);
                for object in cloud.managed() {
                    let Some((name, _)) = name_at_provider(object) else {
                        continue;
                    };
                    let owner =
                        format!("{}/{} {:?}", workload.namespace, workload.name, workload.uid);
                    let before =
                        owners.insert((object["kind"].to_string(), name.to_owned()), owner.clone());
                    assert!(
                        before.is_none() || before == Some(owner),
                        "{name} is both {before:?}'s and {workload:?}'s"
                    );
                }
            }
        }
    }
}

/// What is left behind keeps its name, so that a new placement needs another: some names are unique
/// in all regions, and an object that a human has taken over must not be found and taken back.
#[test]
fn differ_between_placements_of_one_workload() {
    for name_of_product in ["mysql", "postgresql", "webapp"] {
        let product = default_product(name_of_product);
        for (place, other) in
            [("aws-us-east-1", "aws-eu-west-1"), ("gcp-us-central1", "gcp-europe-west1")]
        {
            let names = |place: &str, sequence: u64| -> HashSet<String> {
                let workload =
                    Workload { sequence, ..Workload::new(place, parameters(name_of_product)) };
                let mut cloud = SimulatedCloud::with_credentials();
                cloud.settle(&workload, &product);
                cloud
                    .managed()
                    .filter_map(name_at_provider)
                    .map(|(name, _)| name.to_owned())
                    .collect()
            };
            let first = names(place, 1);
            assert!(!first.is_empty());
            assert!(
                first.is_disjoint(&names(other, 2)) && first.is_disjoint(&names(place, 3)),
                "{first:?}"
            );
        }
    }
}
