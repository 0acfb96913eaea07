//! What keeps the data of a workload at a place, by what its Product says.

use std::sync::Arc;

use idp_crds::contract::ClaimRequest;
use idp_crds::recovery::{Mechanism, RecoveryPoint};
use serde_json::Value;

use super::expression::{Expression, Resolver};
use super::facts::{Placement, TierFacts};
use super::place::nobody;
use super::plan::ProviderPlan;
use super::product::Product;
use super::template::Template;
use super::variables::Variables;

/// What such expressions see: the request and the place, nothing that is only known later.
pub(super) const VARIABLES: [&str; 8] =
    ["cell", "deletion", "environment", "ha", "params", "placement", "tier", "values"];

/// One mechanism, compiled.
#[derive(Debug)]
pub(super) struct RecoveryPlan {
    pub(super) mechanism: Mechanism,
    pub(super) rpo_minutes: i64,
    pub(super) when: Option<Arc<Expression>>,
    pub(super) target: Option<Template>,
}

impl ProviderPlan {
    /// Those that hold, in the Product's order. One whose expressions have no value here, because
    /// the place lacks what they read, does not.
    pub(super) fn recovery(&self, resolver: &Resolver<'_>, region: &str) -> Vec<RecoveryPoint> {
        let holds = |plan: &&RecoveryPlan| match &plan.when {
            None => true,
            Some(when) => when.evaluate(resolver).is_ok_and(|value| *value == Value::Bool(true)),
        };
        let point = |plan: &RecoveryPlan| {
            let target = match &plan.target {
                None => region.to_owned(),
                Some(target) => {
                    let text = Value::from(target.evaluate(resolver).ok()?);
                    text.as_str().filter(|text| !text.is_empty())?.to_owned()
                }
            };
            let RecoveryPlan { mechanism, rpo_minutes, .. } = *plan;
            Some(RecoveryPoint { mechanism, rpo_minutes, target })
        };
        self.recovery.iter().filter(holds).filter_map(point).collect()
    }
}

impl Product {
    /// What keeps the data of `request` at the place of `placement`, in the Product's order.
    #[must_use]
    pub fn recovery_points(
        &self,
        placement: &Placement,
        request: &ClaimRequest,
        tier: &TierFacts,
    ) -> Vec<RecoveryPoint> {
        let Some(plan) = self.provider(&placement.provider) else { return Vec::new() };
        let variables = Variables::new(request, tier, placement, &nobody(), None);
        let known = variables.variables().chain([("values", &self.values)]).collect();
        plan.recovery(&Resolver::new(known), &placement.region)
    }
}
