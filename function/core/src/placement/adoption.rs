//! Whether a decision that is only written down may be taken over: a restored backup's, or one that
//! admission has made and the function has not acted on.

use std::fmt;

use idp_crds::contract::ClaimRequest;
use idp_crds::record::Record;

use crate::catalog::Catalog;
use crate::compose::product::Product;

/// What a decision is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// The catalog of this moment.
    pub catalog: &'a Catalog,
    /// The product that is asked for.
    pub product: &'a Product,
    /// What is asked for.
    pub request: &'a ClaimRequest,
}

/// Why a decision cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAdoptable {
    /// Its number is beyond what a decision may have.
    SequenceTooHigh {
        /// The number.
        sequence: u64,
    },
    /// The product is not offered on the place's provider.
    NotOffered {
        /// The product's name.
        product: String,
    },
    /// No Candidate describes the place.
    NotACandidate,
    /// The place does not pass the gates of what is asked for.
    LacksCapabilities {
        /// What it lacks, in the order of the gates.
        missing: Vec<String>,
        /// The tier that is asked for.
        tier: String,
    },
}

impl Judge<'_> {
    /// Why `record` cannot be taken over; none when it can.
    #[must_use]
    pub fn objection(&self, record: &Record) -> Option<NotAdoptable> {
        let Judge { catalog, product, request } = self;
        let (provider, region) = (&record.selected.provider, &record.selected.region);
        if record.sequence > Record::MOST_SEQUENCE {
            return Some(NotAdoptable::SequenceTooHigh { sequence: record.sequence });
        }
        if product.provider(provider).is_none() {
            return Some(NotAdoptable::NotOffered { product: product.name.clone() });
        }
        match catalog.missing_gates(&request.tier, request.ha, (provider, region)) {
            None => Some(NotAdoptable::NotACandidate),
            Some(missing) if missing.is_empty() => None,
            Some(missing) if catalog.is_degraded(request, record, &missing) => None,
            Some(missing) => {
                Some(NotAdoptable::LacksCapabilities { missing, tier: request.tier.clone() })
            }
        }
    }
}

/// What is wrong with the place, to be read after its name.
impl fmt::Display for NotAdoptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAdoptable::SequenceTooHigh { sequence } => {
                let most = Record::MOST_SEQUENCE;
                write!(f, "has the number {sequence}, and a decision's is at most {most}")
            }
            NotAdoptable::NotOffered { product } => {
                write!(f, "is not a place where {product} is offered")
            }
            NotAdoptable::NotACandidate => f.write_str("is not a Candidate"),
            NotAdoptable::LacksCapabilities { missing, tier } => {
                write!(f, "lacks {} for tier {tier}", missing.join(", "))
            }
        }
    }
}
