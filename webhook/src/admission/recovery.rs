//! A tier's recovery objective, held against what keeps the data at a workload's place.

use idp_crds::contract::{ClaimRequest, FieldError, Problem};
use idp_crds::names::reference_name;
use idp_crds::recovery::Enforcement;
use idp_crds::status::Place;

use super::workload::Workload;

/// What the user is told where nothing keeps the data within the tier's `rpoMinutes`.
pub(super) fn warning(
    workload: &Workload<'_>,
    asked: &ClaimRequest,
    place: &Place,
) -> Option<String> {
    gap(workload, asked, place).map(|gap| format!("at {gap}"))
}

/// The same, for who asks for the tier.
///
/// # Errors
/// Where the tier is to be held to its objective. A move is never refused for that: it is asked for
/// when the place that kept the data is lost.
pub(super) fn promise(
    workload: &Workload<'_>,
    asked: &ClaimRequest,
    place: &Place,
) -> Result<Option<String>, FieldError> {
    let Some(gap) = gap(workload, asked, place) else { return Ok(None) };
    let tiers = &workload.snapshot.objects.tiers;
    let tier = tiers.iter().find(|tier| reference_name(&tier.name) == asked.tier);
    match tier.map(|tier| tier.spec.recovery.enforce).unwrap_or_default() {
        Enforcement::Warn => Ok(Some(format!("at {gap}"))),
        Enforcement::Deny => {
            let message = format!("at {gap}: ask for another tier");
            Err(FieldError::new("spec.parameters.tier", Problem::Invalid, message))
        }
    }
}

fn gap(workload: &Workload<'_>, asked: &ClaimRequest, place: &Place) -> Option<String> {
    let catalog = &workload.snapshot.catalog;
    let gap = catalog.recovery_gap(workload.product, asked, place.parts())?;
    Some(format!("{place} {gap}"))
}
