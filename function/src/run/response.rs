//! The protobuf response: what is desired, conditions, results, requirements, time to live.

use std::collections::BTreeMap;

use bytes::Bytes;
use idp_crds::reason::Reason;
use serde_json::{Map, Value, json};

use super::Failure;
use super::composite::Composite;
use super::plan::Desired;
use super::report::Finding;
use crate::wire::v1;
use idp_core::structs::{from_struct, to_struct};

/// When to be called again at the latest, seconds, while something is on its way. A required
/// resource that changes wakes a composite only since Crossplane 2.4.
const REQUEUE_PENDING: i64 = 30;
/// The same when nothing is.
const REQUEUE_STEADY: i64 = 600;

/// A response in the making. It begins as what the earlier steps of the pipeline desire.
pub(super) struct ResponseBuilder {
    response: v1::RunFunctionResponse,
    ttl: i64,
}

impl ResponseBuilder {
    pub(super) fn new(request: &v1::RunFunctionRequest) -> Self {
        let response = v1::RunFunctionResponse {
            meta: None,
            desired: Some(request.desired.clone().unwrap_or_default()),
            context: request.context.clone(),
            ..v1::RunFunctionResponse::default()
        };
        ResponseBuilder { response, ttl: REQUEUE_PENDING }
    }

    /// One that keeps nothing of the request.
    pub(super) fn empty() -> Self {
        ResponseBuilder { response: v1::RunFunctionResponse::default(), ttl: REQUEUE_PENDING }
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

    pub(super) fn condition(&mut self, kind: &str, (status, reason, message): Finding) {
        self.response.conditions.push(v1::Condition {
            r#type: kind.to_owned(),
            status: status.into(),
            reason: reason.to_string(),
            message: Some(message).filter(|message| !message.is_empty()),
            target: Some(v1::Target::CompositeAndClaim.into()),
        });
    }

    pub(super) fn result(&mut self, severity: v1::Severity, reason: Reason, message: String) {
        self.response.results.push(v1::Result {
            severity: severity.into(),
            message,
            reason: Some(reason.to_string()),
            target: Some(v1::Target::CompositeAndClaim.into()),
        });
    }

    pub(super) fn settled(&mut self, settled: bool) {
        self.ttl = if settled { REQUEUE_STEADY } else { REQUEUE_PENDING };
    }

    pub(super) fn build(mut self, request: &v1::RunFunctionRequest) -> v1::RunFunctionResponse {
        let tag = request.meta.as_ref().map(|meta| meta.tag.clone()).unwrap_or_default();
        let ttl = Some(prost_types::Duration { seconds: self.ttl, nanos: 0 });
        self.response.meta = Some(v1::ResponseMeta { tag, ttl });
        self.response
    }
}
