//! Whether all is known that runs. What is not in the index counts as not there only then: else it is
//! said what is not known, and nothing is decided by its absence.

use idp_crds::product::ProductApi;

use super::verdict::{Denial, Reason};
use crate::placements::{GroupKind, Placements};
use crate::snapshot::Snapshot;

/// More of anything than this are counted, not named.
const MOST_NAMED: usize = 5;

/// Refuses to answer `question` unless everything is known that runs.
pub(super) fn everything(
    snapshot: &Snapshot,
    placements: &Placements,
    question: &str,
) -> Result<(), Denial> {
    let products = &snapshot.objects.products;
    let rejected = snapshot.rejected.iter().filter(|rejected| rejected.kind == "Product");
    let unreadable = rejected
        .filter(|rejected| products.iter().all(|product| product.name != rejected.name))
        .map(|rejected| format!("the Product {:?} cannot be read", rejected.name));
    let kinds = products.iter().flat_map(|product| kinds(&product.spec.api));
    of_kinds(placements, kinds.collect(), unreadable.collect(), question)
}

/// Refuses to answer `question` unless everything of these kinds is known, and there is no other
/// doubt.
pub(super) fn of_kinds(
    placements: &Placements,
    kinds: Vec<GroupKind>,
    other_doubts: Vec<String>,
    question: &str,
) -> Result<(), Denial> {
    let unknown = placements.unknown(kinds).into_iter();
    let unknown = unknown.map(|unknown| format!("{} {}", unknown.kind, unknown.why));
    let doubts: Vec<String> = unknown.chain(other_doubts).collect();
    if doubts.is_empty() {
        return Ok(());
    }
    Err(Denial::new(
        Reason::Unavailable,
        format!(
            "cannot tell {question}, as not everything is known that runs: {}; try again when it is",
            some_of(&doubts, "; ")
        ),
    ))
}

/// The kinds that a Product brings.
pub(super) fn kinds(api: &ProductApi) -> Vec<GroupKind> {
    api.kinds().map(|(_, kind)| GroupKind::new(&api.group, kind)).into()
}

/// The first few, and how many more there are.
pub(super) fn some_of(all: &[String], between: &str) -> String {
    let some = all.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(between);
    match all.len().saturating_sub(MOST_NAMED) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}
