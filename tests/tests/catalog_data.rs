//! The default catalog's files: well-formed, valid, and saying what the platform's documents say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::Read;
use std::path::Path;

use idp_core::catalog::{embedded, embedded_files};
use idp_crds::contract::ClaimRequest;
use idp_crds::names::{CATALOG as LABEL, CATALOG_VALUE, reference_name};
use idp_tests::workload::CATALOG;
use serde_json::{Value, json};

#[test]
fn everything_is_labelled_and_ordered() {
    for (path, text) in embedded_files() {
        let objects: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
        for object in objects {
            assert_eq!(
                object["metadata"]["labels"][LABEL], CATALOG_VALUE,
                "{path}: {}",
                object["metadata"]["name"]
            );
        }
    }
    // Reading it strictly finds everything else that could be wrong.
    assert_eq!(CATALOG.scheduler().candidates().len(), 7);
    assert_eq!(
        embedded().unwrap().providers.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["aws", "gcp", "oci"]
    );
    assert!(embedded().unwrap().flags.iter().all(|flag| !flag.spec.enabled));
}

#[test]
fn candidates_are_the_seven_places() {
    let aws = |code: &str| json!({"vpc_id": format!("vpc-aws-{code}"), "subnet_group": format!("db-private-{code}")});
    let gcp = |code: &str| json!({"vpc_name": format!("vpc-gcp-{code}"), "subnet": format!("db-private-{code}")});
    let oci = |code: &str| json!({"vcn_id": format!("vcn-oci-{code}"), "subnet_id": format!("db-private-{code}")});
    let most = ["pitr", "multi_az", "private_networking"].as_slice();
    let all = ["pitr", "multi_az", "private_networking", "cross_region_replication"].as_slice();
    let few = ["pitr", "private_networking"].as_slice();
    let expected = [
        ("aws", "us-east-1", "aws-use1-prod-01", aws("use1"), all, [0.90, 0.95, 0.95, 0.50]),
        ("aws", "eu-west-1", "aws-euw1-prod-01", aws("euw1"), all, [0.70, 0.90, 0.90, 0.45]),
        ("aws", "us-west-2", "aws-usw2-prod-01", aws("usw2"), most, [0.85, 0.90, 0.90, 0.55]),
        ("gcp", "us-central1", "gcp-usc1-prod-01", gcp("usc1"), most, [0.88, 0.85, 0.88, 0.65]),
        ("gcp", "europe-west1", "gcp-euw1-prod-01", gcp("euw1"), most, [0.72, 0.82, 0.85, 0.60]),
        ("oci", "us-ashburn-1", "oci-iad-prod-01", oci("iad"), few, [0.80, 0.70, 0.65, 0.85]),
        ("oci", "eu-frankfurt-1", "oci-fra-prod-01", oci("fra"), few, [0.68, 0.65, 0.60, 0.90]),
    ];
    let candidates = embedded().unwrap().candidates;
    assert_eq!(candidates.len(), expected.len());
    for (order, (candidate, (provider, region, cluster, network, capabilities, scores))) in
        (1..).zip(candidates.iter().zip(expected))
    {
        let spec = &candidate.spec;
        assert_eq!(candidate.name, format!("{provider}-{region}"));
        assert_eq!(
            (spec.provider.as_str(), spec.region.as_str(), spec.runtime_cluster.as_str()),
            (provider, region, cluster)
        );
        assert_eq!(json!(spec.network), network);
        assert_eq!(spec.capabilities, capabilities);
        let [latency, dr, maturity, cost] = scores;
        assert_eq!(
            json!(spec.scores),
            json!({"latency": latency, "dr": dr, "maturity": maturity, "cost": cost})
        );
        assert_eq!((spec.order, spec.healthy), (order, true));
    }
}

/// A tier's name, RTO and RPO, required capabilities, weights, and what a failover target must be
/// able to do, if there is one.
type TierRow<'a> = (&'a str, i64, i64, &'a [&'a str], [f64; 4], Option<&'a [&'a str]>);

#[test]
fn tiers_are_the_four_classes() {
    let most = ["pitr", "multi_az", "private_networking"].as_slice();
    let all = ["pitr", "multi_az", "private_networking", "cross_region_replication"].as_slice();
    let expected: [TierRow<'_>; 4] = [
        ("low", 30, 5, most, [0.30, 0.30, 0.25, 0.15], Some(most)),
        ("medium", 120, 15, &["pitr", "private_networking"], [0.25, 0.25, 0.25, 0.25], None),
        ("critical", 480, 60, &["private_networking"], [0.15, 0.15, 0.20, 0.50], None),
        ("business_critical", 15, 1, all, [0.25, 0.40, 0.25, 0.10], Some(most)),
    ];
    let tiers = embedded().unwrap().tiers;
    assert_eq!(tiers.len(), expected.len());
    for (tier, (name, rto, rpo, capabilities, weights, failover)) in tiers.iter().zip(expected) {
        assert_eq!(reference_name(&tier.name), name);
        assert_eq!((tier.spec.rto_minutes, tier.spec.rpo_minutes), (rto, rpo));
        assert_eq!(tier.spec.required_capabilities, capabilities);
        let [latency, dr, maturity, cost] = weights;
        assert_eq!(
            json!(tier.spec.weights),
            json!({"latency": latency, "dr": dr, "maturity": maturity, "cost": cost})
        );
        assert_eq!(tier.spec.failover.enabled, failover.is_some());
        let required = tier
            .spec
            .failover
            .required_capabilities
            .as_ref()
            .unwrap_or(&tier.spec.required_capabilities);
        assert!(failover.is_none_or(|failover| required == failover));
    }
}

#[test]
fn products_have_an_api_each_and_run_on_every_cloud() {
    let said: Vec<String> = CATALOG
        .products()
        .iter()
        .map(|product| {
            let api = &product.spec.api;
            let clouds: Vec<&str> = product.providers().map(|(cloud, _)| cloud).collect();
            format!(
                "{} on {clouds:?}: {} {} {} {}",
                product.name,
                api.api_version(),
                api.claim_kind,
                api.composite_kind,
                api.namespaced_kind
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            r#"mysql on ["aws", "gcp", "oci"]: db.platform.example.org/v1alpha1 MySQLInstanceClaim XMySQLInstance MySQLInstance"#,
            r#"postgresql on ["aws", "gcp", "oci"]: db.platform.example.org/v1alpha1 PostgreSQLInstanceClaim XPostgreSQLInstance PostgreSQLInstance"#,
            r#"webapp on ["aws", "gcp", "oci"]: compute.platform.example.org/v1alpha1 WebAppClaim XWebApp WebApp"#,
        ]
    );
}

/// An example is good when its product would take it; the namespaced one is the same request.
#[test]
fn examples_are_requests_that_are_taken() {
    for product in CATALOG.products() {
        let api = &product.spec.api;
        let read = |suffix: &str| -> Value {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(format!("../package/examples/{}{suffix}.yaml", product.name));
            serde_saphyr::from_str(
                &fs::read_to_string(&file)
                    .unwrap_or_else(|error| panic!("{}: {error}", file.display())),
            )
            .unwrap()
        };
        let (claim, namespaced) = (read(""), read("-namespaced"));
        assert_eq!(
            (&claim["apiVersion"], &claim["kind"]),
            (&json!(api.api_version()), &json!(api.claim_kind))
        );
        assert_eq!(
            (&namespaced["apiVersion"], &namespaced["kind"]),
            (&json!(api.api_version()), &json!(api.namespaced_kind))
        );
        assert_eq!(
            (&claim["spec"], &claim["metadata"]),
            (&namespaced["spec"], &namespaced["metadata"])
        );
        let request = ClaimRequest::read(
            &product.spec,
            claim["spec"].as_object().unwrap(),
            CATALOG.scheduler().tier_names(),
        );
        assert!(request.is_ok(), "{request:#?}");
    }
}

/// Parameters and their defaults are the reference's: what it put into claims is what is read here.
#[test]
fn golden_claims_have_the_same_parameters() {
    let mut text = String::new();
    let packed = include_bytes!("../golden/open.jsonl.gz");
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let vectors = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|vector| vector["kind"] == "claim");
    let mut count = 0;
    for vector in vectors {
        let claim = &vector["expected"]["claim"];
        let (group, _) = claim["apiVersion"].as_str().unwrap().split_once('/').unwrap();
        let product = CATALOG.product_of(group, claim["kind"].as_str().unwrap()).unwrap();
        let asked = &vector["input"]["request"];
        let mut parameters = asked["params"].clone();
        for common in ["cell", "tier", "environment", "ha"] {
            parameters[common] = asked[common].clone();
        }
        // The reference takes any text for a cell; here it is a label, so that it can be selected
        // by.
        parameters["cell"] = json!("cell-1");
        let spec = json!({"parameters": parameters});
        let request = ClaimRequest::read(
            &product.spec,
            spec.as_object().unwrap(),
            CATALOG.scheduler().tier_names(),
        )
        .unwrap();
        for (name, value) in claim["spec"]["parameters"].as_object().unwrap() {
            if ["cell", "tier", "environment", "ha", "provider", "region", "network"]
                .contains(&name.as_str())
            {
                continue;
            }
            assert_eq!(request.params.get(name), Some(value), "{} {name}", vector["id"]);
        }
        count += 1;
    }
    println!("{count} golden claims");
    assert_eq!(count, 37);
}

/// An id is one network, with one range; different networks do not overlap, or they could never be
/// joined.
#[test]
fn networks_have_one_range_each() {
    let mut ranges: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for candidate in embedded().unwrap().candidates {
        let (network, settings) = (json!(candidate.spec.network), json!(candidate.spec.settings));
        let networks = [
            (&network["vpc_id"], &settings["vpcCidr"]),
            (&settings["replica"]["vpcId"], &settings["replica"]["vpcCidr"]),
        ];
        for (id, range) in networks.into_iter().filter(|(id, _)| id.is_string()) {
            let (id, range) = (id.as_str().unwrap(), range.as_str().unwrap());
            let before = ranges.insert(id.to_owned(), range.to_owned());
            assert!(before.is_none_or(|before| before == range), "{id} has two ranges");
        }
    }
    let distinct: std::collections::BTreeSet<&String> = ranges.values().collect();
    assert_eq!(distinct.len(), ranges.len(), "{ranges:?}");
}
