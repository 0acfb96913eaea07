//! The failover target that a record names is the place that a move takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use idp_core::catalog::{Catalog, embedded};
use idp_core::placement::{Judge, NotAdoptable};
use idp_core::schedule::Provenance;
use idp_crds::contract::ClaimRequest;
use idp_crds::record::{DecidedBy, Previous, Record};
use serde_json::json;

/// Every tier and product of the default catalog, with and without `ha`, its provider lost.
#[test]
fn a_move_goes_to_what_was_advertised() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let (mut moved, mut degraded) = (0, 0);
    for product in catalog.products() {
        for tier in catalog.scheduler().tier_names() {
            for ha in [false, true] {
                let request = ClaimRequest {
                    tier: tier.to_owned(),
                    ha,
                    ..ClaimRequest::read(
                        &product.spec,
                        json!({"parameters": parameters(&product.name, tier, ha)})
                            .as_object()
                            .unwrap(),
                        catalog.scheduler().tier_names(),
                    )
                    .unwrap()
                };
                let Ok(first) = catalog.decide(product, "orders", &request, &[], &[]) else {
                    continue;
                };
                let first = first.record(Provenance::first(DecidedBy::Admission));
                let Some(target) = &first.failover else { continue };
                let lost = first.selected.provider.clone();
                let place = [(lost.as_str(), first.selected.region.as_str())];
                let leave = [lost.clone()];
                let decision =
                    catalog.relocate(product, "orders", &request, &leave, &place).unwrap();
                let record = decision.record(Provenance {
                    sequence: 2,
                    previous: Some(Previous {
                        provider: lost.clone(),
                        region: first.selected.region.clone(),
                        sequence: 1,
                    }),
                    excluded_providers: leave.to_vec(),
                    decided_by: DecidedBy::Admission,
                });
                let to = (&record.selected.provider, &record.selected.region);
                assert_eq!(to, (&target.provider, &target.region), "{} {tier}", product.name);
                let lacks = catalog.missing_gates(tier, ha, (to.0, to.1)).unwrap();
                assert_eq!(record.degraded, lacks);
                assert_eq!(Record::parse(&record.to_annotation()).unwrap(), record);
                let judge = Judge { catalog: &catalog, product, request: &request };
                assert_eq!(judge.objection(&record), None);
                moved += 1;
                if !lacks.is_empty() {
                    degraded += 1;
                    let silent = Record { degraded: Vec::new(), ..record };
                    let objection = judge.objection(&silent);
                    assert!(matches!(objection, Some(NotAdoptable::LacksCapabilities { .. })));
                }
            }
        }
    }
    assert!(moved > degraded && degraded > 0, "{moved} moved, {degraded} of them degraded");
}

fn parameters(product: &str, tier: &str, ha: bool) -> serde_json::Value {
    let mut all = json!({"cell": "c", "tier": tier, "environment": "dev", "ha": ha});
    let own = match product {
        "webapp" => json!({"image": "example.org/shop:1"}),
        _ => json!({"size": "small", "storageGB": 100}),
    };
    all.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    all
}
