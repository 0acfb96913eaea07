//! One mechanism that keeps a workload's data, compiled.

use std::sync::Arc;

use idp_crds::recovery::{Mechanism, RecoveryPoint};
use serde_json::Value;

use super::expression::{Expression, Resolver};
use super::template::Template;

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

impl RecoveryPlan {
    /// What there is of it in `region`. One whose expressions have no value here, because the place
    /// lacks what they read, is not there.
    pub(super) fn point(&self, resolver: &Resolver<'_>, region: &str) -> Option<RecoveryPoint> {
        if let Some(when) = &self.when
            && *when.evaluate(resolver).ok()? != Value::Bool(true)
        {
            return None;
        }
        let target = match &self.target {
            None => region.to_owned(),
            Some(target) => {
                let text = Value::from(target.evaluate(resolver).ok()?);
                text.as_str().filter(|text| !text.is_empty())?.to_owned()
            }
        };
        let RecoveryPlan { mechanism, rpo_minutes, .. } = *self;
        Some(RecoveryPoint { mechanism, rpo_minutes, target })
    }
}
