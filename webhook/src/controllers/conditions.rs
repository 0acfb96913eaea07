//! The condition of configuration objects: those that were there before the webhook are judged as
//! well, and say so.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, Stream, StreamExt as _};
use idp_crds::condition::{ACCEPTED, accepted};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tracing::warn;

use super::{Context, triggers};
use crate::cluster::catalog::Verdict;
use crate::cluster::{FIELD_MANAGER, resource};

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// How many are written at once.
const WRITERS: u16 = 4;

/// Writes conditions for ever.
pub async fn run(context: Arc<Context>) {
    context.catalog.is_read().await;
    let kinds = context.catalog.stores.iter().map(|(kind, store)| {
        let resource = resource(kind);
        // The watch is the catalog's. Whether an object is in order depends on others as well: what
        // triggers is the verdict, not the object.
        Controller::for_stream_with(stream::pending(), store.clone(), resource.clone())
            .reconcile_on(due_objects(Arc::clone(&context), kind.name, resource))
            .with_config(Config::default().concurrency(WRITERS))
            .run(
                |object, context| reconcile(kind.name, object, context),
                error_policy,
                Arc::clone(&context),
            )
            .for_each(|_| std::future::ready(()))
    });
    join_all(kinds).await;
}

/// The objects of a kind that have something to be written, whenever there is a new verdict or a
/// new leader. What is written comes back as a verdict that finds nothing to write.
fn due_objects(
    context: Arc<Context>,
    kind: &'static str,
    resource: ApiResource,
) -> impl Stream<Item = ObjectRef<DynamicObject>> + Send + 'static {
    let verdicts = triggers::changes(context.catalog.verdicts.clone());
    let leads = triggers::changes(context.leads.clone());
    triggers::any([verdicts, leads]).flat_map(move |()| {
        let (now, leads) = (Timestamp::now(), context.leads());
        let verdicts = context.catalog.verdicts.borrow();
        let due = verdicts
            .iter()
            .filter(|((of, _), verdict)| leads && *of == kind && due(verdict, now).is_some());
        let refs =
            due.map(|(_, verdict)| ObjectRef::from_obj_with(&*verdict.object, resource.clone()));
        stream::iter(refs.collect::<Vec<_>>())
    })
}

async fn reconcile(
    kind: &'static str,
    object: Arc<DynamicObject>,
    context: Arc<Context>,
) -> Result<Action, kube::Error> {
    // What was judged, which need not be what the watch has by now.
    let verdict = context.catalog.verdicts.borrow().get(&(kind, object.name_any())).cloned();
    if context.leads()
        && let Some(verdict) = verdict
        && let Some(condition) = due(&verdict, Timestamp::now())
    {
        write(&context.client, &verdict.object, condition).await?;
    }
    Ok(Action::await_change())
}

fn error_policy(object: Arc<DynamicObject>, error: &kube::Error, _: Arc<Context>) -> Action {
    let kind = object.types.as_ref().map(|types| types.kind.as_str());
    warn!(kind, name = object.name_any(), %error, "cannot write the condition; trying again");
    Action::requeue(RETRY)
}

/// The condition to write, if there is anything to write.
fn due(Verdict { object, errors }: &Verdict, now: Timestamp) -> Option<Condition> {
    let conditions =
        object.data.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let mut conditions = conditions
        .filter_map(|condition| serde_json::from_value::<Condition>(condition.clone()).ok());
    let present = conditions.find(|condition| condition.type_ == ACCEPTED);
    accepted(errors, object.metadata.generation, present.as_ref(), now)
}

async fn write(
    client: &Client,
    object: &DynamicObject,
    condition: Condition,
) -> Result<(), kube::Error> {
    let Some(kind) = object.types.as_ref().and_then(|types| GroupVersionKind::try_from(types).ok())
    else {
        return Ok(());
    };
    let (name, resource) = (object.name_any(), ApiResource::from_gvk(&kind));
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let status = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": { "name": name },
        "status": { "conditions": [condition] },
    });
    match api
        .patch_status(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(status))
        .await
    {
        Ok(_) => Ok(()),
        // Gone meanwhile, or a definition older than this program.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(status: &Value) -> Arc<DynamicObject> {
        let object = json!({
            "apiVersion": "platform.example.org/v1alpha1", "kind": "Tier",
            "metadata": {"name": "gold", "generation": 3}, "spec": {}, "status": status
        });
        Arc::new(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_condition_is_written_once() {
        let wrong = vec!["spec: missing field `rtoMinutes`".to_owned()];
        let judged = Verdict { object: tier(&Value::Null), errors: wrong.clone() };
        let first = due(&judged, Timestamp::now()).unwrap();
        assert_eq!((first.status.as_str(), first.observed_generation), ("False", Some(3)));

        let other = json!({"type": "Other", "status": "True"});
        let marked = tier(&json!({"conditions": [other, serde_json::to_value(&first).unwrap()]}));
        assert!(
            due(&Verdict { object: Arc::clone(&marked), errors: wrong }, Timestamp::now())
                .is_none()
        );
        let healed =
            due(&Verdict { object: marked, errors: Vec::new() }, Timestamp::now()).unwrap();
        assert_eq!(healed.status, "True");
    }
}
