//! A tier's recovery objective, held against what keeps the data at the place that was decided on.

use idp_crds::contract::{ClaimRequest, FieldError, Problem};
use idp_crds::names::reference_name;
use idp_crds::record::Record;
use idp_crds::recovery::Enforcement;

use super::verdict::Denial;
use super::workload::Workload;

/// What the user is told where nothing keeps the data within the tier's `rpoMinutes`.
///
/// # Errors
/// Where the tier is to be held to it; `field` is what asked for the place.
pub(super) fn promise(
    workload: &Workload<'_>,
    asked: &ClaimRequest,
    record: &Record,
    field: &str,
) -> Result<Vec<String>, Denial> {
    let (catalog, product) = (&workload.snapshot.catalog, workload.product);
    let Some(gap) = catalog.recovery_gap(product, asked, record.place().parts()) else {
        return Ok(Vec::new());
    };
    let message = format!("{}, and {gap}", record.place());
    let tiers = &workload.snapshot.objects.tiers;
    let tier = tiers.iter().find(|tier| reference_name(&tier.name) == asked.tier);
    match tier.map(|tier| tier.spec.recovery.enforce).unwrap_or_default() {
        Enforcement::Warn => Ok(vec![format!("goes to {message}")]),
        Enforcement::Deny => {
            let message = format!("would go to {message}: ask for another tier");
            Err(Denial::fields(vec![FieldError::new(field, Problem::Invalid, message)]))
        }
    }
}
