//! Whether a tier's recovery objective is kept: what a product says of its places, against what the
//! tier promises.

use idp_crds::contract::{ClaimRequest, Deletion};
use idp_crds::names::PRODUCTION;
use idp_crds::place::Place;
use idp_crds::recovery::RecoveryPoint;

use super::{Catalog, PlaceRef};
use crate::compose::facts::TierFacts;
use crate::compose::product::Product;
use crate::recovery::best;

impl Catalog {
    /// What keeps the data of `request` at `place`; nothing where no Candidate describes that.
    fn points(
        &self,
        product: &Product,
        request: &ClaimRequest,
        place: PlaceRef<'_>,
        tier: &TierFacts,
    ) -> Vec<RecoveryPoint> {
        let placement = self.site(place).map(|site| site.placement(place, 1, String::new()));
        placement
            .map(|placement| product.recovery_points(&placement, request, tier))
            .unwrap_or_default()
    }

    /// What is said of `request` at `place` where nothing keeps its data within the tier's
    /// objective; none where something does, or where the product says nothing of it.
    #[must_use]
    pub fn recovery_gap(
        &self,
        product: &Product,
        request: &ClaimRequest,
        place: PlaceRef<'_>,
    ) -> Option<String> {
        let tier = self.tier_facts(&request.tier)?;
        if !says(product, place.0) {
            return None;
        }
        let points = self.points(product, request, place, &tier);
        gap(&request.tier, &tier, best(&points))
    }

    /// The same of a tier and all places that have what it requires.
    #[must_use]
    pub fn tier_gap(&self, product: &Product, name: &str, tier: &TierFacts) -> Option<String> {
        let request = plain(product, name);
        let candidates = self.scheduler().candidates().iter();
        let passing = candidates.filter(|candidate| {
            tier.capabilities.iter().all(|capability| candidate.capabilities.contains(capability))
                && says(product, &candidate.provider)
        });
        let places: Vec<Place> = passing.map(|c| Place::new(&c.provider, &c.region)).collect();
        if places.is_empty() {
            return None;
        }
        let all =
            places.iter().flat_map(|place| self.points(product, &request, place.parts(), tier));
        gap(name, tier, best(&all.collect::<Vec<_>>()))
    }
}

/// Whether a product that holds data says on a provider what keeps it.
fn says(product: &Product, provider: &str) -> bool {
    let templates = product.spec.providers.get(provider);
    product.spec.stateful && templates.is_some_and(|templates| !templates.recovery.is_empty())
}

fn gap(name: &str, tier: &TierFacts, best: Option<&RecoveryPoint>) -> Option<String> {
    let promise = tier.rpo_minutes;
    match best {
        Some(best) if best.rpo_minutes <= promise => None,
        Some(RecoveryPoint { mechanism, rpo_minutes, .. }) => Some(format!(
            "nothing keeps the data within the {promise} minutes of tier {name}: the best is a {}, up to {rpo_minutes} behind",
            mechanism.name()
        )),
        None => Some(format!(
            "nothing keeps the data, which tier {name} promises within {promise} minutes"
        )),
    }
}

/// What asks for nothing but the tier.
fn plain(product: &Product, tier: &str) -> ClaimRequest {
    let defaults = product.spec.parameters.iter();
    ClaimRequest {
        cell: String::new(),
        tier: tier.to_owned(),
        environment: PRODUCTION.to_owned(),
        ha: false,
        deletion: Deletion::Protect,
        params: defaults.filter_map(|p| Some((p.name.clone(), p.default.clone()?))).collect(),
    }
}
