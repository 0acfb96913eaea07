//! What is said of a workload: its status, conditions, events and notices.

use std::collections::{BTreeMap, BTreeSet};

use idp_core::compose::facts::Placement;
use idp_core::compose::product::Product;
use idp_core::placement::PlacementInForce;
use idp_crds::contract::Deletion;
use idp_crds::json::{float, to_value};
use idp_crds::reason::Reason;
use idp_crds::status::{Phase, PlacementStatus};
use serde_json::{Map, Value};

use super::observed::{ObservedResource, Resources};
use super::plan::Plan;
use crate::wire::v1;

/// A condition's status, reason and message.
pub(super) type Finding = (v1::Status, Reason, String);

/// What was worked out of a placed workload.
#[derive(Clone, Copy)]
pub(super) struct StatusReport<'a> {
    pub(super) in_force: &'a PlacementInForce,
    pub(super) placement: &'a Placement,
    /// The Candidate's name, where it is not the usual one.
    pub(super) candidate: Option<&'a str>,
    pub(super) product: &'a Product,
    pub(super) plan: &'a Plan,
    /// What deleting the workload does now, where it holds data.
    pub(super) deletion: Option<Deletion>,
    /// What the status said before.
    pub(super) before: Option<&'a PlacementStatus>,
}

impl StatusReport<'_> {
    /// The status fields, with the names of all notices.
    pub(super) fn status(&self, notices: &BTreeMap<String, String>) -> Map<String, Value> {
        let StatusReport { in_force, placement, plan, .. } = *self;
        let placement = PlacementStatus {
            provider: placement.provider.clone(),
            region: placement.region.clone(),
            runtime_cluster: placement.runtime_cluster.clone(),
            network: placement.network.clone(),
            settings: placement.settings.clone(),
            provider_config_ref: Some(placement.provider_config.clone()),
            candidate: self.candidate.map(str::to_owned),
            id: placement.provider_id.clone(),
            sequence: in_force.sequence,
            phase: if plan.is_moving() { Phase::Moving } else { Phase::Steady },
            reason: in_force.reason.clone().unwrap_or_default(),
            failover: in_force.record.as_ref().and_then(|record| record.failover.clone()),
            previous: in_force.previous.clone(),
            leaving: plan.leaving.clone(),
            retained: plan.retained.clone(),
            deletion: self.deletion,
            recovery: idp_core::recovery::best(&plan.recovery).cloned(),
            notices: notices.keys().cloned().collect(),
        };
        let mut status = Map::new();
        // Serialising a status into a value cannot fail; were it to, nothing would be said rather
        // than something wrong.
        status.insert("placement".to_owned(), to_value(&placement));
        if !plan.effective.is_empty() {
            status.insert("effective".to_owned(), Value::Object(plan.effective.clone()));
        }
        status
    }

    /// Those of `notices` that have not been given before.
    pub(super) fn new_notices<'n>(
        &self,
        notices: &'n BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'n String> {
        let already_reported: BTreeSet<&str> = self
            .before
            .into_iter()
            .flat_map(|status| status.notices.iter().map(String::as_str))
            .collect();
        let is_new = move |name: &str| !already_reported.contains(name);
        notices.iter().filter(move |(name, _)| is_new(name)).map(|(_, message)| message)
    }

    /// What has happened since the status was written, as events: reason and message.
    pub(super) fn events(&self) -> Option<(Reason, String)> {
        let StatusReport { in_force, plan, .. } = *self;
        let place = &in_force.place;
        let Some(before) = self.before else {
            let failover = in_force.record.as_ref().and_then(|record| record.failover.as_ref());
            let failover = failover
                .map(|target| format!("; failover target {}/{}", target.provider, target.region))
                .unwrap_or_default();
            return Some((Reason::Placed, format!("placed on {place}{failover}")));
        };
        if before.sequence < in_force.sequence {
            return Some((
                Reason::Moving,
                format!("moving from {} to {place}{}", before.place(), self.degraded()),
            ));
        }
        (before.phase == Phase::Moving && !plan.is_moving()).then(|| {
            let kept = if plan.retained.is_empty() {
                ""
            } else {
                "; the old placement is kept, observed only, until it is released"
            };
            (Reason::Moved, format!("moved to {place}{kept}"))
        })
    }

    /// The condition `Placed`.
    pub(super) fn placed(&self) -> Finding {
        let score = self.in_force.record.as_ref();
        let score =
            score.map(|r| format!(", score {}", float(r.selected.total_score))).unwrap_or_default();
        let reason = if self.plan.is_moving() { Reason::Moving } else { Reason::Placed };
        (
            v1::Status::ConditionTrue,
            reason,
            format!("{}{score}{}", self.in_force.place, self.degraded()),
        )
    }

    /// What the workload goes without since a move, to be read after its place.
    fn degraded(&self) -> String {
        let lacks = self.in_force.record.as_ref().map(|record| record.degraded.join(", "));
        lacks
            .filter(|lacks| !lacks.is_empty())
            .map(|l| format!(", without {l}"))
            .unwrap_or_default()
    }

    /// The condition `ResourcesReady`: what is missing, for people.
    pub(super) fn resources_ready(&self, seen: &Resources<'_>) -> Finding {
        let plan = self.plan;
        if let Some(message) = &plan.foreign_secret {
            return (v1::Status::ConditionFalse, Reason::ForeignSecret, message.clone());
        }
        let odd = seen.unreadable().map(|(key, why)| {
            format!("{} stays as it is, since it cannot be read: {why}", last_part(key))
        });
        let failed: Vec<String> = plan
            .pending
            .iter()
            .filter(|w| !w.waiting)
            .map(|w| format!("{}: {}", w.resource, w.reason))
            .collect();
        if !failed.is_empty() {
            let message = shorten(&failed.join("; "));
            return (v1::Status::ConditionFalse, Reason::TemplateError, message);
        }
        let waiting = plan.pending.iter().map(|w| format!("{} {}", w.resource, w.reason));
        let unready = plan.unready.iter().map(|key| format!("{} is not ready", last_part(key)));
        let all: Vec<String> = odd.chain(unready).chain(waiting).collect();
        if all.is_empty() && plan.placement_ready {
            return (v1::Status::ConditionTrue, Reason::Available, String::new());
        }
        (v1::Status::ConditionFalse, Reason::Creating, shorten(&all.join("; ")))
    }

    /// The condition `ProviderHealthy`: whether the provider takes what it is asked, from the conditions of
    /// the current placement's managed resources.
    ///
    /// An error of a resource that refers to another which is not ready yet is no failure of the
    /// provider: a user cannot be made before its database, nor a listener before its load
    /// balancer.
    pub(super) fn provider_healthy(&self, seen: &Resources<'_>) -> Finding {
        let provider = &self.placement.provider;
        let place = self.placement.id();
        let managed: Vec<_> =
            seen.at(&place).filter(|(_, resource)| resource.is_managed()).collect();
        let unready: BTreeSet<&str> = managed
            .iter()
            .filter(|(_, resource)| !resource.is_ready())
            .filter_map(|(_, resource)| resource.resource())
            .collect();
        let plan = self.product.provider(provider);
        let plans = plan.map(|plan| plan.resources.as_slice()).unwrap_or_default();
        let excused = |resource: &ObservedResource<'_>| {
            let plan = plans.iter().find(|plan| Some(plan.name.as_str()) == resource.resource());
            plan.is_some_and(|plan| plan.refers_to.iter().any(|o| unready.contains(o.as_str())))
        };
        let errors: Vec<String> = managed
            .iter()
            .filter(|(_, resource)| !excused(resource))
            .filter_map(|(key, resource)| {
                Some(format!("{}: {}", last_part(key), resource.sync_error()?))
            })
            .collect();
        if !errors.is_empty() {
            let message = format!("{provider}: {}", shorten(&errors.join("; ")));
            return (v1::Status::ConditionFalse, Reason::ReconcileError, message);
        }
        if managed.iter().any(|(_, resource)| resource.is_synced()) {
            return (v1::Status::ConditionTrue, Reason::Reconciled, provider.clone());
        }
        (v1::Status::ConditionUnknown, Reason::NothingObserved, provider.clone())
    }
}

/// The resource in a composition-resource-name.
fn last_part(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// Conditions and events are read in terminals, and stored many times.
fn shorten(text: &str) -> String {
    const MOST: usize = 1024;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST - 1).chain(['…']).collect()
    }
}
