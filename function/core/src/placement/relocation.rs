//! The next move of a placed workload: what to leave, where not to go, and the decision's number.

use idp_crds::record::{DecidedBy, Previous};
use idp_crds::status::{Place, PlacementStatus};

use super::in_force::PlacementInForce;
use crate::schedule::Provenance;

/// A move that is asked for.
#[derive(Debug, Clone)]
pub struct Relocation {
    from: Place,
    sequence: u64,
    /// Where the workload is, and where it has something: there is never a second copy in one
    /// place.
    not_to: Vec<Place>,
}

impl Relocation {
    /// Of a workload that is where `in_force` says, and of which `status` tells what it has left.
    #[must_use]
    pub fn new(in_force: &PlacementInForce, status: Option<&PlacementStatus>) -> Self {
        let occupied = status.map(PlacementStatus::occupied).unwrap_or_default();
        let mut not_to: Vec<Place> =
            occupied.into_iter().map(|(provider, region)| Place::new(provider, region)).collect();
        not_to.push(in_force.place.clone());
        Relocation { from: in_force.place.clone(), sequence: in_force.sequence, not_to }
    }

    /// The places that it must not go to, provider and region.
    #[must_use]
    pub fn not_to(&self) -> Vec<(&str, &str)> {
        self.not_to.iter().map(Place::parts).collect()
    }

    /// What its record says of where the workload comes from, and of what it was asked to leave.
    #[must_use]
    pub fn provenance(&self, exclude_providers: &[String], decided_by: DecidedBy) -> Provenance {
        let Place { provider, region } = self.from.clone();
        Provenance {
            sequence: self.sequence.saturating_add(1),
            previous: Some(Previous { provider, region, sequence: self.sequence }),
            excluded_providers: exclude_providers.to_vec(),
            decided_by,
        }
    }
}
