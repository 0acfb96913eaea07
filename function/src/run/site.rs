//! The place in force, as templates see it. What it was like when the workload was placed there is
//! pinned in the status: a Candidate that is edited afterwards re-homes nothing that exists.

use idp_core::catalog::{Catalog, Site};
use idp_core::compose::facts::{Identity, Placement, TierFacts};
use idp_core::compose::names::{provider_id, unfingerprinted_id};
use idp_core::compose::product::Product;
use idp_core::placement::{ObservedPlace, PlacementInForce};
use idp_crds::names::ADOPT_CANDIDATE;
use idp_crds::pinned_id::PinnedId;
use idp_crds::reason::Reason;
use idp_crds::status::PlacementStatus;

use super::Failure;

/// Where a workload is, with everything that templates need to know.
pub(super) struct Located {
    pub(super) placement: Placement,
    /// The Candidate's name, where it is not the usual one.
    pub(super) candidate: Option<String>,
    pub(super) tier: TierFacts,
    /// The notice of a Candidate that has changed since, and that is not followed.
    pub(super) changed: Option<(String, String)>,
}

/// What was decided of the place, and what is there.
#[derive(Clone, Copy)]
pub(super) struct Pinned<'a> {
    pub(super) in_force: &'a PlacementInForce,
    pub(super) status: Option<&'a PlacementStatus>,
    pub(super) seen: &'a [ObservedPlace],
    /// What a Candidate has become that is to be taken over.
    pub(super) adopt: Option<&'a str>,
    /// The id that a backup brought along.
    pub(super) restored: Option<&'a str>,
}

/// Finds the place, as it was pinned.
pub(super) fn locate(
    catalog: &Catalog,
    product: &Product,
    identity: &Identity,
    tier: &str,
    pinned: Pinned<'_>,
) -> Result<Located, Failure> {
    let PlacementInForce { place, sequence, .. } = pinned.in_force;
    let (Some(candidate), Some(tier)) = (catalog.site(place.parts()), catalog.tier_facts(tier))
    else {
        let message = format!(
            "{place} is not a Candidate any more: what runs there stays as it is; put the Candidate back, or move the workload"
        );
        return Err(Failure { reason: Reason::CandidateGone, message });
    };
    if product.provider(&place.provider).is_none() {
        let message = format!(
            "{} is not offered on {} any more: what runs there stays as it is; put the provider back into the Product, or move the workload",
            product.name, place.provider
        );
        return Err(Failure { reason: Reason::ProviderGone, message });
    }
    let id = pinned.id(identity, product);
    let (site, changed) = match pinned.site() {
        Some(site) if site != *candidate => {
            let digest = candidate.digest();
            if pinned.adopt == Some(digest.as_str()) {
                (candidate.clone(), None)
            } else {
                let message = format!(
                    "the Candidate of {place} has changed since this workload was placed there, which keeps what it has; to take the change over, annotate {ADOPT_CANDIDATE}={digest}"
                );
                (site, Some((format!("candidate-changed-{digest}"), message)))
            }
        }
        _ => (candidate.clone(), None),
    };
    let candidate = catalog.candidate_name(place.parts()).filter(|name| *name != place.id());
    let candidate = candidate.map(str::to_owned);
    Ok(Located {
        candidate,
        placement: site.placement(place.parts(), *sequence, id),
        tier,
        changed,
    })
}

impl Pinned<'_> {
    /// The status, if it is of this decision.
    fn status(&self) -> Option<&PlacementStatus> {
        let PlacementInForce { place, sequence, .. } = self.in_force;
        self.status.filter(|status| status.place() == *place && status.sequence == *sequence)
    }

    /// What the place was like; none where the workload is new there.
    fn site(&self) -> Option<Site> {
        let status = self.status()?;
        Some(Site {
            runtime_cluster: status.runtime_cluster.clone(),
            network: status.network.clone(),
            settings: status.settings.clone(),
            provider_config: status.provider_config_ref.clone()?,
        })
    }

    /// The workload's name at the provider: what exists says it, or the status, or the backup that
    /// it is restored from; else it is made.
    fn id(&self, identity: &Identity, product: &Product) -> String {
        let PlacementInForce { place, sequence, .. } = self.in_force;
        let there = self.seen.iter().find(|s| s.place == *place && s.sequence == *sequence);
        let observed = there.and_then(|seen| seen.provider_id.clone());
        let stated = || self.status().map(|status| status.id.clone()).filter(|id| !id.is_empty());
        if let Some(id) = observed.or_else(stated) {
            return id;
        }
        if there.is_some() {
            // Made before ids were written down.
            return unfingerprinted_id(identity, &product.name, place, *sequence);
        }
        let restored = self.restored.and_then(|text| text.parse::<PinnedId>().ok());
        if let Some(restored) = restored.filter(|restored| restored.sequence == *sequence) {
            return restored.id;
        }
        let plan = product.provider(&place.provider);
        let reserved = plan.map(|plan| plan.reserved_prefixes.as_slice()).unwrap_or_default();
        provider_id(identity, &product.name, place.parts(), *sequence, reserved)
    }
}
