//! Where a workload is, and whether it is to move: the evidence, strongest first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use idp_crds::contract::Request;
use idp_crds::names::PLACEMENT_REASON;
use idp_crds::record::{Previous, Record};
use idp_crds::status::PlacementStatus;

use super::observed::{Composite, SeenPlace};
use idp_core::catalog::Catalog;
use idp_core::compose::product::Product;
use idp_core::compose::scope::place_id;

/// A decision in force: where the workload belongs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub(super) provider: String,
    pub(super) region: String,
    pub(super) sequence: u64,
    /// The decision record's text, where one is known.
    pub(super) reason: String,
    /// The record, where one is known.
    pub(super) record: Option<Box<Record>>,
    pub(super) previous: Option<Previous>,
}

/// What the evidence says.
#[derive(Debug, PartialEq)]
pub(super) enum Evidence {
    /// Nowhere yet, and nobody has decided.
    Unplaced {
        /// Why an annotation that is there does not count.
        ignored: Option<String>,
    },
    /// Somewhere, or decided by admission.
    Placed {
        standing: Standing,
        /// Why an annotation that asks for something else does not count.
        ignored: Option<String>,
    },
}

/// Weighs the evidence. The highest sequence counts; between equal ones what is observed goes
/// before what is written down, and the status before the annotation.
///
/// Two places with one sequence come from a cache that did not show the first when the second was
/// decided. The workload is where it was first, whatever the status has said since then, unless
/// that says that it is being left.
pub(super) fn weigh(
    composite: &Composite,
    seen: &BTreeMap<String, SeenPlace>,
    status: Option<&PlacementStatus>,
    product: &Product,
    request: &Request,
    catalog: &Catalog,
) -> Evidence {
    let annotation = annotated(composite);
    let stated = |place: &SeenPlace| {
        status.is_some_and(|s| (&s.provider, &s.region) == (&place.provider, &place.region))
    };
    let left = |place: &SeenPlace| {
        !stated(place)
            && status.is_some_and(|s| {
                s.occupied().contains(&(place.provider.as_str(), place.region.as_str()))
            })
    };
    let observed = seen.values().max_by_key(|place| {
        (
            place.sequence,
            !left(place),
            Reverse(&place.created),
            stated(place),
            Reverse(&place.provider),
        )
    });
    let stands = match (observed, status) {
        (Some(seen), Some(status)) if status.sequence > seen.sequence => Some(from_status(status)),
        (Some(seen), status) => {
            Some(from_seen(seen, status, annotation.as_ref().ok().and_then(Option::as_ref)))
        }
        (None, Some(status)) => Some(from_status(status)),
        (None, None) => None,
    };
    let (record, mut ignored) = match annotation {
        Ok(record) => (record, None),
        Err(why) => (None, Some(why)),
    };
    let Some(standing) = stands else {
        return match record {
            Some((text, record)) => match refusal(&record, product, request, catalog) {
                None => Evidence::Placed { standing: from_record(text, record), ignored },
                Some(why) => Evidence::Unplaced { ignored: Some(why) },
            },
            None => Evidence::Unplaced { ignored },
        };
    };
    if let Some((text, record)) = record
        && record.sequence > standing.sequence
    {
        let there = place_id(&record.selected.provider, &record.selected.region);
        let occupied = seen.contains_key(&there).then(|| {
            format!("the annotation {PLACEMENT_REASON} is not followed: the workload still has resources at {there}; release them first")
        });
        match occupied.or_else(|| refusal(&record, product, request, catalog)) {
            None => return Evidence::Placed { standing: from_record(text, record), ignored },
            Some(why) => ignored = Some(why),
        }
    }
    Evidence::Placed { standing, ignored }
}

/// The annotation's text and record.
fn annotated(composite: &Composite) -> Result<Option<(String, Record)>, String> {
    let Some(text) = composite.metadata.annotations.get(PLACEMENT_REASON) else { return Ok(None) };
    let record = Record::parse(text).map_err(|error| {
        format!("the annotation {PLACEMENT_REASON} is no decision record: {error}")
    })?;
    Ok(Some((text.clone(), record)))
}

/// Why a recorded decision cannot be followed; none when it can.
fn refusal(
    record: &Record,
    product: &Product,
    request: &Request,
    catalog: &Catalog,
) -> Option<String> {
    let (provider, region) = (&record.selected.provider, &record.selected.region);
    let ignored = |why: String| {
        Some(format!(
            "the annotation {PLACEMENT_REASON} is not followed: {provider}/{region} {why}"
        ))
    };
    if product.provider(provider).is_none() {
        return ignored(format!("is not a place where {} is offered", product.name));
    }
    match catalog.missing_gates(&request.tier, request.ha, (provider, region)) {
        None => ignored("is not a Candidate".to_owned()),
        Some(missing) if missing.is_empty() => None,
        Some(missing) => ignored(format!("lacks {} for tier {}", missing.join(", "), request.tier)),
    }
}

fn from_record(text: String, record: Record) -> Standing {
    Standing {
        provider: record.selected.provider.clone(),
        region: record.selected.region.clone(),
        sequence: record.sequence.max(1),
        previous: record.previous.clone(),
        reason: text,
        record: Some(Box::new(record)),
    }
}

fn from_status(status: &PlacementStatus) -> Standing {
    Standing {
        provider: status.provider.clone(),
        region: status.region.clone(),
        sequence: status.sequence,
        reason: status.reason.clone(),
        record: Record::parse(&status.reason).ok().map(Box::new),
        previous: status.previous.clone(),
    }
}

/// What is observed says where; status or annotation, if they speak of the same decision, say why.
fn from_seen(
    seen: &SeenPlace,
    status: Option<&PlacementStatus>,
    annotation: Option<&(String, Record)>,
) -> Standing {
    let here = |provider: &str, region: &str, sequence: u64| {
        place_id(provider, region) == place_id(&seen.provider, &seen.region)
            && sequence == seen.sequence
    };
    if let Some(status) =
        status.filter(|status| here(&status.provider, &status.region, status.sequence))
    {
        return from_status(status);
    }
    if let Some((text, record)) = annotation.filter(|(_, record)| {
        here(&record.selected.provider, &record.selected.region, record.sequence.max(1))
    }) {
        return from_record(text.clone(), record.clone());
    }
    Standing {
        provider: seen.provider.clone(),
        region: seen.region.clone(),
        sequence: seen.sequence,
        reason: String::new(),
        record: None,
        previous: None,
    }
}
