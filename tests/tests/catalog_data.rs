//! The default catalog's files: well-formed, valid, and saying what the platform's documents say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::names::{CATALOG, CATALOG_VALUE};
use idp_crds::product::ProductApi;
use idp_crds::validate::Validate;
use idp_function::compose::product::Product;
use idp_tests::catalog::{self, read_yaml, repository, tier_name};
use kube::ResourceExt;
use serde_json::{Value, json};

#[test]
fn everything_is_labelled_and_valid() {
    fn check<K: ResourceExt, S: Validate>(objects: &[K], spec: impl Fn(&K) -> &S) {
        assert!(!objects.is_empty());
        for object in objects {
            assert_eq!(object.labels().get(CATALOG).map(String::as_str), Some(CATALOG_VALUE), "{}", object.name_any());
            assert_eq!(spec(object).errors(), [], "{}", object.name_any());
        }
        let names: BTreeSet<String> = objects.iter().map(ResourceExt::name_any).collect();
        assert_eq!(names.len(), objects.len(), "names are used once");
    }
    check(&catalog::candidates(), |c| &c.spec);
    check(&catalog::tiers(), |t| &t.spec);
    check(&catalog::providers(), |p| &p.spec);
    check(&catalog::feature_flags(), |f| &f.spec);
    let products: Vec<idp_crds::Product> = catalog::product_names().iter().map(|name| catalog::product(name)).collect();
    check(&products, |p| &p.spec);
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
    let candidates = catalog::candidates();
    assert_eq!(candidates.len(), expected.len());
    for (order, (candidate, (provider, region, cluster, network, capabilities, scores))) in (1..).zip(candidates.iter().zip(expected)) {
        let spec = &candidate.spec;
        assert_eq!(candidate.name_any(), format!("{provider}-{region}"));
        assert_eq!((spec.provider.as_str(), spec.region.as_str(), spec.runtime_cluster.as_str()), (provider, region, cluster));
        assert_eq!(json!(spec.network), network);
        assert_eq!(spec.capabilities, capabilities);
        let [latency, dr, maturity, cost] = scores;
        assert_eq!(json!(spec.scores), json!({"latency": latency, "dr": dr, "maturity": maturity, "cost": cost}));
        assert_eq!((spec.order, spec.healthy), (order, true));
    }
}

/// A tier's name, RTO and RPO, required capabilities, weights, and what a failover target must be able to do, if there is one.
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
    let tiers = catalog::tiers();
    assert_eq!(tiers.len(), expected.len());
    for (tier, (name, rto, rpo, capabilities, weights, failover)) in tiers.iter().zip(expected) {
        assert_eq!(tier_name(tier), name);
        assert_eq!((tier.spec.rto_minutes, tier.spec.rpo_minutes), (rto, rpo));
        assert_eq!(tier.spec.required_capabilities, capabilities);
        let [latency, dr, maturity, cost] = weights;
        let expected = BTreeMap::from([("latency", latency), ("dr", dr), ("maturity", maturity), ("cost", cost)]);
        assert_eq!(json!(tier.spec.weights), json!(expected));
        assert_eq!(tier.spec.failover.enabled, failover.is_some());
        let required = tier.spec.failover.required_capabilities.as_ref().unwrap_or(&tier.spec.required_capabilities);
        assert!(failover.is_none_or(|failover| required == failover));
    }
}

#[test]
fn products_have_an_api_each_and_compile() {
    let coordinates: Vec<(String, ProductApi)> = catalog::product_names()
        .into_iter()
        .map(|name| {
            let object = catalog::product(&name);
            assert_eq!(object.name_any(), name, "a product's file has its name");
            assert_eq!(object.spec.providers.keys().collect::<Vec<_>>(), ["aws", "gcp", "oci"]);
            let api = object.spec.api.clone();
            assert!(Product::compile(&name, object.spec).is_ok());
            (name, api)
        })
        .collect();
    let said: Vec<String> =
        coordinates.iter().map(|(name, api)| format!("{name}: {} {} {} {}", api.api_version(), api.claim_kind, api.composite_kind, api.namespaced_kind)).collect();
    assert_eq!(
        said,
        [
            "mysql: db.platform.example.org/v1alpha1 MySQLInstanceClaim XMySQLInstance MySQLInstance",
            "postgresql: db.platform.example.org/v1alpha1 PostgreSQLInstanceClaim XPostgreSQLInstance PostgreSQLInstance",
            "webapp: compute.platform.example.org/v1alpha1 WebAppClaim XWebApp WebApp",
        ]
    );
}

/// An example is good when its product would take it; the namespaced one is the same request.
#[test]
fn examples_are_requests_that_are_taken() {
    let tiers: Vec<String> = catalog::tiers().iter().map(tier_name).collect();
    for name in catalog::product_names() {
        let spec = catalog::product(&name).spec;
        let read = |file: String| -> Value { read_yaml(&repository("package/examples").join(file)).remove(0) };
        let (claim, namespaced) = (read(format!("{name}.yaml")), read(format!("{name}-namespaced.yaml")));
        assert_eq!((&claim["apiVersion"], &claim["kind"]), (&json!(spec.api.api_version()), &json!(spec.api.claim_kind)));
        assert_eq!((&namespaced["apiVersion"], &namespaced["kind"]), (&json!(spec.api.api_version()), &json!(spec.api.namespaced_kind)));
        assert_eq!((&claim["spec"], &claim["metadata"]), (&namespaced["spec"], &namespaced["metadata"]));
        let request =
            idp_crds::contract::Request::read(&spec, claim["spec"].as_object().unwrap(), tiers.iter().map(String::as_str));
        assert!(request.is_ok(), "{request:#?}");
    }
}
