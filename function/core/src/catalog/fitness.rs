//! Which candidates cannot serve a product as it is asked for, and whether a place may be kept.

use std::sync::Arc;

use idp_crds::contract::ClaimRequest;
use idp_crds::place::Place;
use idp_crds::record::Record;

use super::{Catalog, PlaceRef};
use crate::compose::product::Product;
use crate::schedule::{Lack, Rejection, Unfit, gates};

impl Catalog {
    /// The candidates that cannot serve `product` as `request` asks for it.
    pub(super) fn unfit(&self, product: &Product, request: &ClaimRequest) -> Vec<Unfit> {
        let mut unfit = Vec::new();
        for (provider, plan) in product.providers().filter(|(_, plan)| !plan.lacks.is_empty()) {
            let gates = self.places.scheduler.gates(&request.tier, request.ha).unwrap_or_default();
            let lacks = || plan.lacks.iter().filter(|lack| gates.contains(lack)).cloned();
            if lacks().next().is_none() {
                continue;
            }
            let there = self.places.scheduler.candidates().iter().enumerate();
            unfit.extend(there.filter(|(_, c)| c.provider == provider).map(|(position, _)| {
                Unfit { position, lack: Lack::Capabilities(lacks().collect()) }
            }));
        }
        // Most catalogs say all there is to say, and a decision then costs nothing more.
        let (Some(incomplete), Some(tier)) =
            (self.incomplete(product), self.tier_facts(&request.tier))
        else {
            return unfit;
        };
        for position in incomplete {
            let Some(candidate) = self.places.scheduler.candidates().get(*position) else {
                continue;
            };
            let place = (candidate.provider.as_str(), candidate.region.as_str());
            let Some(site) = self.site(place) else { continue };
            let placement = site.placement(place, 1, String::new());
            let missing = product.lacks_for(&placement, request, &tier);
            if !missing.is_empty() {
                let lack = Lack::Settings { product: product.name.clone(), missing };
                unfit.push(Unfit { position: *position, lack });
            }
        }
        unfit
    }

    /// The candidates that lack something which `product` may need there; none where all have all.
    fn incomplete(&self, product: &Product) -> Option<&[usize]> {
        let of = |own: &Arc<Product>| self.places.incomplete(own);
        let work_out = || self.product(&product.name).map(of).unwrap_or_default();
        let known = self.incomplete.get(&product.name)?.get_or_init(work_out);
        (!known.is_empty()).then_some(known.as_slice())
    }

    /// Whether it may depend on more than tier and `ha` where a request for `product` goes.
    #[must_use]
    pub fn goes_by_parameters(&self, product: &Product, tier: &str, ha: bool) -> bool {
        let (Some(incomplete), Some(tier)) = (self.incomplete(product), self.tier_facts(tier))
        else {
            return false;
        };
        let there = incomplete.iter().filter_map(|at| self.places.scheduler.candidates().get(*at));
        let mut placements = there.filter_map(|c| {
            let place = (c.provider.as_str(), c.region.as_str());
            Some(self.site(place)?.placement(place, 1, String::new()))
        });
        placements.any(|placement| product.lacks_by_parameters(&placement, &tier, ha))
    }

    /// The places that cannot serve `product` as `request` asks for it, and what each lacks.
    #[must_use]
    pub fn lacking(&self, product: &Product, request: &ClaimRequest) -> Vec<(Place, Lack)> {
        let candidates = self.places.scheduler.candidates();
        let unfit = self.unfit(product, request).into_iter();
        unfit.filter_map(|u| Some((candidates.get(u.position)?.place(), u.lack))).collect()
    }

    /// What the place at `provider` and `region` lacks of what `request` needs for `product`, in
    /// words; none when nothing.
    #[must_use]
    pub fn unfitness(
        &self,
        product: &Product,
        request: &ClaimRequest,
        (provider, region): PlaceRef<'_>,
    ) -> Option<String> {
        let candidates = self.places.scheduler.candidates();
        let at = candidates.iter().position(|c| c.provider == provider && c.region == region)?;
        let unfit = self.unfit(product, request);
        let words: Vec<String> = unfit
            .iter()
            .filter(|u| u.position == at)
            .map(|u| Rejection::from(&u.lack).to_string())
            .collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// The gates that a placement of this tier must pass and that the place at `provider` and
    /// `region` does not; none when the place or the tier is unknown.
    #[must_use]
    pub fn missing_gates(
        &self,
        tier: &str,
        ha: bool,
        (provider, region): PlaceRef<'_>,
    ) -> Option<Vec<String>> {
        let gates = self.places.scheduler.gates(tier, ha)?;
        let candidate = self
            .places
            .scheduler
            .candidates()
            .iter()
            .find(|c| c.provider == provider && c.region == region)?;
        Some(gates::missing(candidate, &gates).map(str::to_owned).collect())
    }

    /// Whether the place may be kept though it lacks `missing` of the gates that `request` asks
    /// for: `record` says that the workload goes without, and the place is a failover target.
    #[must_use]
    pub fn is_degraded(&self, request: &ClaimRequest, record: &Record, missing: &[String]) -> bool {
        let rule =
            self.places.scheduler.tier(&request.tier).and_then(|tier| tier.failover.as_ref());
        let candidate =
            self.places.scheduler.candidates().iter().find(|c| c.place() == record.place());
        let (Some(rule), Some(candidate)) = (rule, candidate) else { return false };
        let wanted = gates::effective(&rule.gates, request.ha);
        record.tier == request.tier
            && missing.iter().all(|lacked| record.degraded.contains(lacked))
            && gates::passes(candidate, &wanted)
    }
}
