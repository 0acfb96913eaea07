//! The answer: status, conditions, results, readiness, time to live.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use idp_crds::status::{Phase, PlacementStatus};
use serde_json::{Map, Value, json};

use super::Failure;
use super::compose::{Desired, Plan};
use super::evidence::Standing;
use super::observed::{Composite, Item, Resources};
use crate::wire::v1;
use idp_core::compose::product::Product;
use idp_core::compose::scope::Placement;
use idp_core::structs::{from_struct, to_struct};

/// Condition: whether the workload has a place.
pub const PLACED: &str = "Placed";
/// Condition: whether everything it is made of is there and ready.
pub const RESOURCES_READY: &str = "ResourcesReady";
/// Condition: whether its provider takes what it is asked; the circuit breaker counts by it.
pub const PROVIDER_HEALTHY: &str = "ProviderHealthy";

/// When to be called again at the latest, seconds, while something is on its way. A required
/// resource that changes wakes a composite only since Crossplane 2.4.
const SOON: i64 = 30;
/// The same when nothing is.
const LATER: i64 = 600;

/// An answer in the making. It begins as what the earlier steps of the pipeline desire.
pub(super) struct Answer {
    response: v1::RunFunctionResponse,
    ttl: i64,
}

impl Answer {
    pub(super) fn new(request: &v1::RunFunctionRequest) -> Self {
        let response = v1::RunFunctionResponse {
            meta: None,
            desired: Some(request.desired.clone().unwrap_or_default()),
            context: request.context.clone(),
            ..v1::RunFunctionResponse::default()
        };
        Answer { response, ttl: SOON }
    }

    pub(super) fn require(&mut self, requirements: v1::Requirements) {
        self.response.requirements = Some(requirements);
    }

    /// Adds resources to what is desired.
    pub(super) fn desire(&mut self, resources: BTreeMap<String, Desired>) {
        let desired = self.response.desired.get_or_insert_default();
        let ours = resources.into_iter().map(|(key, Desired { object, ready })| {
            let ready = if ready { v1::Ready::True } else { v1::Ready::False };
            (
                key,
                v1::Resource {
                    resource: Some(object),
                    ready: ready.into(),
                    ..v1::Resource::default()
                },
            )
        });
        desired.resources.append(&mut ours.collect());
    }

    /// Sets the composite's status beside what earlier steps set, its connection details, and
    /// whether it is ready if that is known.
    pub(super) fn composite(
        &mut self,
        composite: &Composite,
        status: Map<String, Value>,
        connection: Option<&BTreeMap<String, String>>,
        ready: Option<bool>,
    ) -> Result<(), Failure> {
        let desired =
            self.response.desired.get_or_insert_default().composite.get_or_insert_default();
        let mut object: Value = match &desired.resource {
            Some(earlier) => from_struct(earlier).map_err(|e| {
                Failure::invalid(format!("the desired composite of an earlier step: {e}"))
            })?,
            None => json!({}),
        };
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(composite.api_version));
            fields.insert("kind".to_owned(), json!(composite.kind));
            match fields.entry("status").or_insert_with(|| json!({})) {
                Value::Object(existing) => existing.extend(status),
                other => *other = Value::Object(status),
            }
        }
        desired.resource =
            Some(to_struct(&object).map_err(|error| Failure::invalid(format!("status: {error}")))?);
        for (key, text) in connection.into_iter().flatten() {
            desired.connection_details.insert(key.clone(), Bytes::from(text.clone().into_bytes()));
        }
        // Unspecified: Crossplane goes by the resources.
        let ready = ready.map_or(v1::Ready::Unspecified, |ready| {
            if ready { v1::Ready::True } else { v1::Ready::False }
        });
        desired.ready = ready.into();
        Ok(())
    }

    /// Connection details as they are observed: they must be sent again, or they are gone.
    pub(super) fn keep_connection(&mut self, request: &v1::RunFunctionRequest) {
        let observed = request.observed.as_ref().and_then(|state| state.composite.as_ref());
        let desired =
            self.response.desired.get_or_insert_default().composite.get_or_insert_default();
        for (key, value) in observed.into_iter().flat_map(|composite| &composite.connection_details)
        {
            desired.connection_details.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }

    pub(super) fn condition(
        &mut self,
        kind: &str,
        status: v1::Status,
        reason: &str,
        message: String,
    ) {
        self.response.conditions.push(v1::Condition {
            r#type: kind.to_owned(),
            status: status.into(),
            reason: reason.to_owned(),
            message: Some(message).filter(|message| !message.is_empty()),
            target: Some(v1::Target::CompositeAndClaim.into()),
        });
    }

    pub(super) fn result(&mut self, severity: v1::Severity, reason: &str, message: String) {
        self.response.results.push(v1::Result {
            severity: severity.into(),
            message,
            reason: Some(reason.to_owned()),
            target: Some(v1::Target::CompositeAndClaim.into()),
        });
    }

    pub(super) fn settled(&mut self, settled: bool) {
        self.ttl = if settled { LATER } else { SOON };
    }

    pub(super) fn finish(mut self, request: &v1::RunFunctionRequest) -> v1::RunFunctionResponse {
        let tag = request.meta.as_ref().map(|meta| meta.tag.clone()).unwrap_or_default();
        let ttl = Some(prost_types::Duration { seconds: self.ttl, nanos: 0 });
        self.response.meta = Some(v1::ResponseMeta { tag, ttl });
        self.response
    }
}

/// What is said about a plan: the status fields, and the notices among them that are new.
pub(super) struct Story {
    pub(super) status: Map<String, Value>,
    pub(super) new_notices: Vec<(String, String)>,
}

/// Tells what became of the workload.
pub(super) fn story(
    standing: &Standing,
    placement: &Placement,
    plan: &Plan,
    before: Option<&PlacementStatus>,
    told: Vec<(String, String)>,
) -> Story {
    let already: BTreeSet<&str> =
        before.into_iter().flat_map(|status| status.notices.iter().map(String::as_str)).collect();
    let all: BTreeMap<String, String> = plan.notices.clone().into_iter().chain(told).collect();
    let new_notices = all
        .iter()
        .filter(|(name, _)| !already.contains(name.as_str()))
        .map(|(n, m)| (n.clone(), m.clone()))
        .collect();
    let placement = PlacementStatus {
        provider: placement.provider.clone(),
        region: placement.region.clone(),
        runtime_cluster: placement.runtime_cluster.clone(),
        network: placement.network.clone(),
        sequence: standing.sequence,
        phase: if plan.is_moving() { Phase::Moving } else { Phase::Steady },
        reason: standing.reason.clone(),
        failover: standing.record.as_ref().and_then(|record| record.failover.clone()),
        previous: standing.previous.clone(),
        leaving: plan.leaving.clone(),
        retained: plan.retained.clone(),
        notices: all.into_keys().collect(),
    };
    let mut status = Map::new();
    // Serialising a status into a value cannot fail; were it to, nothing would be said rather than
    // something wrong.
    status.insert("placement".to_owned(), serde_json::to_value(placement).unwrap_or_default());
    if !plan.effective.is_empty() {
        status.insert("effective".to_owned(), Value::Object(plan.effective.clone()));
    }
    Story { status, new_notices }
}

/// Whether the provider takes what it is asked, from the conditions of the current placement's
/// managed resources.
///
/// An error of a resource that refers to another which is not ready yet is no failure of the
/// provider: a user cannot be made before its database, nor a listener before its load balancer.
pub(super) fn provider_health(
    placement: &Placement,
    product: &Product,
    seen: &Resources<'_>,
) -> (v1::Status, &'static str, String) {
    let provider = &placement.provider;
    let place = placement.id();
    let managed: Vec<_> = seen.at(&place).filter(|(_, item)| item.is_managed()).collect();
    let unready: BTreeSet<&str> = managed
        .iter()
        .filter(|(_, item)| !item.is_ready())
        .filter_map(|(_, item)| item.resource())
        .collect();
    let plans =
        product.provider(provider).map(|plan| plan.resources.as_slice()).unwrap_or_default();
    let excused = |item: &Item<'_>| {
        let plan = plans.iter().find(|plan| Some(plan.name.as_str()) == item.resource());
        plan.is_some_and(|plan| plan.refers_to.iter().any(|other| unready.contains(other.as_str())))
    };
    let errors: Vec<String> = managed
        .iter()
        .filter(|(_, item)| !excused(item))
        .filter_map(|(key, item)| {
            Some(format!("{}: {}", key.rsplit('/').next().unwrap_or(key), item.sync_error()?))
        })
        .collect();
    if !errors.is_empty() {
        return (
            v1::Status::ConditionFalse,
            "ReconcileError",
            format!("{provider}: {}", shorten(&errors.join("; "))),
        );
    }
    if managed.iter().any(|(_, item)| item.is_synced()) {
        return (v1::Status::ConditionTrue, "Reconciled", provider.clone());
    }
    (v1::Status::ConditionUnknown, "NothingObserved", provider.clone())
}

/// What is missing, for people.
pub(super) fn readiness(plan: &Plan) -> (v1::Status, &'static str, String) {
    let failed: Vec<String> = plan
        .withheld
        .iter()
        .filter(|w| !w.waiting)
        .map(|w| format!("{}: {}", w.resource, w.reason))
        .collect();
    if !failed.is_empty() {
        return (v1::Status::ConditionFalse, "TemplateError", shorten(&failed.join("; ")));
    }
    let waiting = plan.withheld.iter().map(|w| format!("{} {}", w.resource, w.reason));
    let unready = plan
        .unready
        .iter()
        .map(|key| format!("{} is not ready", key.rsplit('/').next().unwrap_or(key)));
    let all: Vec<String> = unready.chain(waiting).collect();
    if all.is_empty() && plan.arrived {
        return (v1::Status::ConditionTrue, "Available", String::new());
    }
    (v1::Status::ConditionFalse, "Creating", shorten(&all.join("; ")))
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
