//! Tables: what is known, and what that comes to.

use idp_crds::status::Retained;
use serde_json::json;

use super::*;
use crate::catalog::{Catalog, embedded};
use crate::schedule::Provenance;
use idp_crds::contract::ClaimRequest;
use idp_crds::record::DecidedBy;

const AWS: (&str, &str) = ("aws", "us-east-1");
const GCP: (&str, &str) = ("gcp", "us-central1");
const OCI: (&str, &str) = ("oci", "us-ashburn-1");
const MARS: (&str, &str) = ("aws", "mars-1");

struct Platform {
    catalog: Catalog,
    request: ClaimRequest,
    record: Record,
}

impl Platform {
    fn new() -> Self {
        let catalog = Catalog::strict(embedded().unwrap()).unwrap();
        let product = catalog.product("mysql").unwrap();
        let spec = json!({"parameters": {
            "cell": "c", "tier": "medium", "environment": "dev", "ha": true, "size": "small", "storageGB": 20,
        }});
        let tiers = catalog.scheduler().tier_names();
        let request = ClaimRequest::read(&product.spec, spec.as_object().unwrap(), tiers).unwrap();
        let decision = catalog.decide(product, "orders", &request, &[], &[]).unwrap();
        let record = decision.record(Provenance::first(DecidedBy::Admission));
        Platform { catalog, request, record }
    }

    fn judge(&self) -> Judge<'_> {
        let product = self.catalog.product("mysql").unwrap();
        Judge { catalog: &self.catalog, product, request: &self.request }
    }

    fn annotation(&self, (provider, region): (&str, &str), sequence: u64) -> String {
        let mut record = self.record.clone();
        (record.selected.provider, record.selected.region) = (provider.into(), region.into());
        record.sequence = sequence;
        record.to_annotation()
    }

    fn status(
        &self,
        at: (&str, &str),
        sequence: u64,
        retained: &[(&str, &str)],
    ) -> PlacementStatus {
        let mut status: PlacementStatus = serde_json::from_value(json!({
            "provider": at.0, "region": at.1, "sequence": sequence,
            "reason": self.annotation(at, sequence),
        }))
        .unwrap();
        status.retained = retained
            .iter()
            .map(|(provider, region)| Retained {
                place: Place::new(*provider, *region).id(),
                provider: (*provider).into(),
                region: (*region).into(),
                resources: Vec::new(),
            })
            .collect();
        status
    }
}

fn seen((provider, region): (&str, &str), sequence: u64, created: &str) -> ObservedPlace {
    ObservedPlace {
        place: Place::new(provider, region),
        sequence,
        provider_id: None,
        created: created.into(),
    }
}

type At<'r> = (&'r str, &'r str);

/// Where, by which decision; and whether the annotation was not followed.
type Outcome<'r> = (Option<(At<'r>, u64)>, bool);

fn outcome(resolution: &Resolution) -> Outcome<'_> {
    let in_force = resolution.in_force.as_ref().map(|now| (now.place.parts(), now.sequence));
    (in_force, resolution.not_followed.is_some())
}

#[test]
fn evidence_is_weighed_by_the_function_which_sees_what_exists() {
    let platform = Platform::new();
    let of = |at, sequence| platform.status(at, sequence, &[]);
    type Row<'r> =
        (&'r str, Vec<ObservedPlace>, Option<PlacementStatus>, Option<String>, Outcome<'r>);
    let rows: Vec<Row<'_>> = vec![
        ("nothing", vec![], None, None, (None, false)),
        ("decided", vec![], None, Some(platform.annotation(AWS, 1)), (Some((AWS, 1)), false)),
        (
            "without a number",
            vec![],
            None,
            Some(platform.annotation(AWS, 0)),
            (Some((AWS, 1)), false),
        ),
        ("nowhere", vec![], None, Some(platform.annotation(MARS, 1)), (None, true)),
        ("gates fail", vec![], None, Some(platform.annotation(OCI, 1)), (None, true)),
        ("garbage", vec![], None, Some("{}".into()), (None, true)),
        ("status", vec![], Some(of(AWS, 2)), None, (Some((AWS, 2)), false)),
        (
            "same number",
            vec![],
            Some(of(AWS, 2)),
            Some(platform.annotation(GCP, 2)),
            (Some((AWS, 2)), false),
        ),
        (
            "moves",
            vec![],
            Some(of(AWS, 2)),
            Some(platform.annotation(GCP, 3)),
            (Some((GCP, 3)), false),
        ),
        (
            "moves nowhere",
            vec![],
            Some(of(AWS, 2)),
            Some(platform.annotation(MARS, 3)),
            (Some((AWS, 2)), true),
        ),
        ("seen", vec![seen(AWS, 1, "")], None, None, (Some((AWS, 1)), false)),
        (
            "seen over status",
            vec![seen(AWS, 2, "")],
            Some(of(GCP, 2)),
            None,
            (Some((AWS, 2)), false),
        ),
        (
            "status is newer",
            vec![seen(AWS, 2, "")],
            Some(of(GCP, 3)),
            None,
            (Some((GCP, 3)), false),
        ),
        (
            "seen moves",
            vec![seen(AWS, 1, "")],
            Some(of(AWS, 1)),
            Some(platform.annotation(GCP, 2)),
            (Some((GCP, 2)), false),
        ),
        (
            "occupied",
            vec![seen(AWS, 2, ""), seen(GCP, 1, "")],
            Some(of(AWS, 2)),
            Some(platform.annotation(GCP, 3)),
            (Some((AWS, 2)), true),
        ),
        (
            "two with one number: the first, by age",
            vec![seen(AWS, 1, "2026-01-02"), seen(GCP, 1, "2026-01-01")],
            Some(of(AWS, 1)),
            None,
            (Some((GCP, 1)), false),
        ),
        (
            "unless it is being left",
            vec![seen(AWS, 1, "2026-01-02"), seen(GCP, 1, "2026-01-01")],
            Some(platform.status(AWS, 1, &[GCP])),
            None,
            (Some((AWS, 1)), false),
        ),
    ];
    for (name, observed, status, annotation, expected) in rows {
        let evidence = Evidence {
            observed: Some(&observed),
            status: status.as_ref(),
            annotation: annotation.as_deref(),
        };
        assert_eq!(outcome(&evidence.resolve(Some(platform.judge()))), expected, "{name}");
    }
}

/// Admission has no other rule: what it cannot see the status tells, and what is only written it
/// judges alike.
#[test]
fn admission_takes_no_annotation_for_a_move_that_the_function_will_not_make() {
    let platform = Platform::new();
    let resolve = |status: Option<&PlacementStatus>, annotation: String| {
        let evidence = Evidence { observed: None, status, annotation: Some(&annotation) };
        let resolution = evidence.resolve(Some(platform.judge()));
        let (now, not_followed) = outcome(&resolution);
        (now.map(|((p, r), s)| (p.to_owned(), r.to_owned(), s)), not_followed)
    };
    let at = |(provider, region): (&str, &str), sequence: u64| {
        Some((provider.to_owned(), region.to_owned(), sequence))
    };
    let left_gcp = platform.status(AWS, 2, &[GCP]);
    let steady = platform.status(AWS, 2, &[]);
    assert_eq!(resolve(Some(&steady), platform.annotation(GCP, 3)), (at(GCP, 3), false));
    assert_eq!(resolve(Some(&left_gcp), platform.annotation(GCP, 3)), (at(AWS, 2), true));
    assert_eq!(resolve(Some(&steady), platform.annotation(OCI, 3)), (at(AWS, 2), true));
    assert_eq!(resolve(Some(&steady), platform.annotation(MARS, 3)), (at(AWS, 2), true));
    // Who cannot look takes a first decision for carried out: it is sticky.
    assert_eq!(resolve(None, platform.annotation(MARS, 1)), (at(MARS, 1), false));
}

#[test]
fn a_status_whose_record_is_lost_says_where_and_not_why() {
    let platform = Platform::new();
    let mut status = platform.status(AWS, 4, &[]);
    status.reason.clear();
    let evidence = Evidence { observed: None, status: Some(&status), annotation: None };
    let now = evidence.resolve(None).in_force.unwrap();
    assert_eq!((now.place.parts(), now.sequence, now.reason, now.record), (AWS, 4, None, None));
}
