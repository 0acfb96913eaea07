//! What a place must have: a Candidate that lacks what a product reads there is no candidate for
//! it, and nothing half-made ever comes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use idp_core::catalog::{Catalog, Objects, embedded};
use idp_core::schedule::{Provenance, ScheduleError};
use idp_crds::contract::ClaimRequest;
use idp_crds::record::{DecidedBy, Record};
use serde_json::{Value, json};

/// The default catalog, changed.
fn catalog(edit: impl FnOnce(&mut Objects)) -> Catalog {
    let mut objects = embedded().unwrap();
    edit(&mut objects);
    Catalog::strict(objects).unwrap()
}

fn without(candidate: &str, field: &str) -> Catalog {
    catalog(|objects| {
        let candidate = objects.candidates.iter_mut().find(|c| c.name == candidate).unwrap();
        match field.split_once('.').unwrap() {
            ("network", field) => assert!(candidate.spec.network.remove(field).is_some()),
            (_, field) => assert!(candidate.spec.settings.remove(field).is_some()),
        }
    })
}

fn decide(catalog: &Catalog, product: &str, parameters: Value) -> Result<Record, ScheduleError> {
    let product = catalog.product(product).unwrap();
    let mut all = json!({"cell": "cell-1", "tier": "medium", "environment": "dev", "ha": false});
    all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    let spec = json!({"parameters": all});
    let tiers = catalog.scheduler().tier_names();
    let request = ClaimRequest::read(&product.spec, spec.as_object().unwrap(), tiers).unwrap();
    let decision = catalog.decide(product, "orders", &request, &[], &[])?;
    Ok(decision.record(Provenance::first(DecidedBy::Admission)))
}

fn database(catalog: &Catalog, tier: &str) -> Record {
    decide(catalog, "mysql", json!({"size": "small", "storageGB": 100, "tier": tier})).unwrap()
}

#[test]
fn the_default_places_have_all_that_is_read_there() {
    let catalog = catalog(|_| ());
    for product in catalog.products() {
        for candidate in catalog.scheduler().candidates() {
            let place = (candidate.provider.as_str(), candidate.region.as_str());
            let placement = catalog.site(place).unwrap().placement(place, 1, String::new());
            assert_eq!(product.may_lack(&placement), Vec::<String>::new(), "{place:?}");
        }
    }
}

#[test]
fn what_only_a_strict_tier_needs_is_missed_by_that_tier_alone() {
    let complete = catalog(|_| ());
    let lacking = without("aws-us-east-1", "settings.replica");
    assert_eq!(database(&lacking, "medium").selected.region, "us-east-1");
    assert_eq!(database(&complete, "business_critical").selected.region, "us-east-1");

    let record = database(&lacking, "business_critical");
    assert_eq!(record.selected.region, "eu-west-1");
    assert_eq!(record.rejected["aws/us-east-1"], "lacks settings.replica for mysql");
    let before = database(&complete, "business_critical").candidates_passed_gates;
    assert_eq!(record.candidates_passed_gates, before - 1);
    // A web app reads no replica's settings.
    let app = decide(&lacking, "webapp", json!({"image": "a", "tier": "business_critical"}));
    assert_eq!(app.unwrap().selected.region, "us-east-1");
}

#[test]
fn what_every_workload_needs_is_missed_by_all() {
    let lacking = without("aws-us-east-1", "network.subnet_group");
    for tier in ["low", "medium", "critical", "business_critical"] {
        let record = database(&lacking, tier);
        assert_ne!(record.selected.region, "us-east-1");
        assert_ne!(record.failover.map(|target| target.region), Some("us-east-1".to_owned()));
        let why = &record.rejected["aws/us-east-1"];
        assert_eq!(why, "lacks network.subnet_group for mysql", "{tier}");
    }
}

#[test]
fn a_parameter_decides_what_is_read() {
    let lacking = without("aws-us-east-1", "settings.publicSubnetIds");
    let app = |public: bool| {
        let asked = json!({"image": "a", "tier": "business_critical", "public": public});
        decide(&lacking, "webapp", asked).unwrap().selected.region
    };
    assert_eq!((app(true).as_str(), app(false).as_str()), ("eu-west-1", "us-east-1"));
}

#[test]
fn what_may_be_missing_is_not_asked_for() {
    let lacking = without("aws-us-east-1", "settings.domain");
    let asked = json!({"image": "a", "tier": "business_critical"});
    assert_eq!(decide(&lacking, "webapp", asked).unwrap().selected.region, "us-east-1");
}

#[test]
fn a_product_may_have_less_than_its_place() {
    let catalog = catalog(|_| ());
    let asked = json!({"size": "small", "storageGB": 100});
    let record = decide(&catalog, "postgresql", asked.clone()).unwrap();
    assert_eq!(record.rejected["oci/us-ashburn-1"], "lacks pitr");
    let record = decide(&catalog, "mysql", asked).unwrap();
    assert_eq!(record.rejected.get("oci/us-ashburn-1"), None, "it has, of MySQL");
}

#[test]
fn where_no_place_has_it_the_refusal_says_what_each_lacks() {
    let catalog = catalog(|objects| {
        for candidate in &mut objects.candidates {
            candidate.spec.settings.clear();
        }
    });
    let asked = json!({"size": "small", "storageGB": 100});
    let error = decide(&catalog, "mysql", asked).unwrap_err();
    let reasons = error.reasons().join("\n");
    assert!(reasons.contains("aws/us-east-1: lacks settings.vpcCidr for mysql"), "{reasons}");
    assert!(reasons.contains("gcp/us-central1: lacks settings.networkSelfLink for mysql"));
}
