//! The condition of configuration objects: those that were there before the webhook are judged as
//! well, and say so.

use std::time::Duration;

use idp_crds::condition::{ACCEPTED, accepted};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::warn;

use super::FIELD_MANAGER;
use super::catalog::Verdict;

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(5);

/// Writes conditions for ever, as long as this replica leads.
///
/// What it writes comes back as a new verdict that finds nothing to write.
pub(super) async fn keep(
    client: Client,
    mut leading: watch::Receiver<bool>,
    mut verdicts: watch::Receiver<Vec<Verdict>>,
) {
    loop {
        let mut failed = false;
        if *leading.borrow_and_update() {
            let due: Vec<_> = verdicts
                .borrow_and_update()
                .iter()
                .filter_map(|verdict| due(verdict, Timestamp::now()))
                .collect();
            for Mark { kind, name, condition } in due {
                if let Err(error) = write(&client, &kind, &name, condition).await {
                    warn!(kind = kind.kind, name, %error, "cannot write the condition; trying again");
                    failed = true;
                }
            }
        }
        tokio::select! {
            _ = leading.changed() => {}
            changed = verdicts.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(RETRY), if failed => {}
        }
    }
}

/// A condition to write.
struct Mark {
    kind: GroupVersionKind,
    name: String,
    condition: Condition,
}

/// What there is to write, if anything.
fn due(Verdict { object, errors }: &Verdict, now: Timestamp) -> Option<Mark> {
    let kind = GroupVersionKind::try_from(object.types.as_ref()?).ok()?;
    let conditions =
        object.data.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let mut conditions = conditions
        .filter_map(|condition| serde_json::from_value::<Condition>(condition.clone()).ok());
    let present = conditions.find(|condition| condition.type_ == ACCEPTED);
    let condition = accepted(errors, object.metadata.generation, present.as_ref(), now)?;
    Some(Mark { kind, name: object.name_any(), condition })
}

async fn write(
    client: &Client,
    kind: &GroupVersionKind,
    name: &str,
    condition: Condition,
) -> Result<(), kube::Error> {
    let resource = ApiResource::from_gvk(kind);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let status = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": { "name": name },
        "status": { "conditions": [condition] },
    });
    match api
        .patch_status(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(status))
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
    use std::sync::Arc;

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
        assert_eq!((first.kind.kind.as_str(), first.name.as_str()), ("Tier", "gold"));
        assert_eq!(
            (first.condition.status.as_str(), first.condition.observed_generation),
            ("False", Some(3))
        );

        let other = json!({"type": "Other", "status": "True"});
        let marked =
            tier(&json!({"conditions": [other, serde_json::to_value(&first.condition).unwrap()]}));
        assert!(
            due(&Verdict { object: Arc::clone(&marked), errors: wrong }, Timestamp::now())
                .is_none()
        );
        let healed =
            due(&Verdict { object: marked, errors: Vec::new() }, Timestamp::now()).unwrap();
        assert_eq!(healed.condition.status, "True");
    }
}
