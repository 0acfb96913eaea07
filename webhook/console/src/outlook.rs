//! Where something would go: what a claim with these parameters would be answered, without making it.

use idp_core::compose::product::Product;
use idp_core::schedule::Provenance;
use idp_crds::contract::{ClaimRequest, FieldError};
use idp_crds::record::{DecidedBy, Record};
use serde_json::{Map, Value};

use crate::snapshot::Snapshot;

/// What it would be answered.
pub enum Outlook {
    /// The claim would be refused: everything that is wrong with it.
    Refused(Vec<FieldError>),
    /// No place would take it: why, and why of each.
    Nowhere(String, Vec<String>),
    /// It would go there.
    There(Box<Record>),
}

/// Decides for a claim of `product` called `name`, as if the providers `without` were gone.
#[must_use]
pub fn outlook(
    snapshot: &Snapshot,
    product: &Product,
    name: &str,
    parameters: Map<String, Value>,
    without: &[String],
) -> Outlook {
    let spec = Map::from_iter([("parameters".to_owned(), Value::Object(parameters))]);
    let tiers = snapshot.catalog.scheduler().tier_names();
    let request = match ClaimRequest::read(&product.spec, &spec, tiers) {
        Ok(request) => request,
        Err(errors) => return Outlook::Refused(errors),
    };
    let decided = if without.is_empty() {
        snapshot.catalog.decide(product, name, &request, &[], &[])
    } else {
        snapshot.catalog.relocate(product, name, &request, without, &[])
    };
    match decided {
        Ok(decision) => {
            Outlook::There(Box::new(decision.record(Provenance::first(DecidedBy::Admission))))
        }
        Err(error) => Outlook::Nowhere(error.to_string(), error.reasons()),
    }
}
