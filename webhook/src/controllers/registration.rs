//! The registration with the API server: which reviews reach the webhook, and what happens when it
//! is down.
//!
//! Written by the leader with server-side apply whenever a Product comes or goes or the authority
//! changes, and every now and then in between, in case somebody else has changed it. It belongs to
//! the ClusterRole that lets the webhook write it: when what installed both goes, in whatever way,
//! the garbage collector takes the registration along, and nobody's claims hang on a webhook that
//! is no more.

use std::sync::Arc;
use std::time::Duration;

use idp_crds::kinds::{KINDS, Kind, Unreviewed};
use idp_crds::names::GROUP;
use idp_crds::product::ProductApi;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations,
    ServiceReference, ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams};
use kube::{Api, Client, Resource as _};
use tracing::{info, warn};

use super::singleton::{self, Singleton};
use super::{Context, triggers};
use crate::cluster::FIELD_MANAGER;
use crate::options::ClusterOptions;
use crate::snapshot::Snapshot;

/// Both configurations' name.
const NAME: &str = "idp-webhook";
/// How often a registration is written that should be there already.
const REPEAT: Duration = Duration::from_secs(60);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(3);
/// Seconds that the API server waits for users' reviews: a right may have to be asked for.
const TIMEOUT: i32 = 10;
/// Seconds that it waits where it goes on without an answer.
const SHORT_TIMEOUT: i32 = 3;

/// Keeps the registration current for ever, once there is a catalog to answer by; not where
/// something else registers the webhook.
pub async fn run(context: Arc<Context>) {
    if context.options.cluster.no_register {
        return;
    }
    let triggers = triggers::any([
        triggers::changes(context.authorities.clone()),
        triggers::changes(context.leads.clone()),
        triggers::changes(context.catalog.verdicts.clone()),
    ]);
    singleton::run(Registration { context }, triggers).await;
}

struct Registration {
    context: Arc<Context>,
}

impl Singleton for Registration {
    type Error = kube::Error;

    async fn reconcile(&mut self) -> Result<Duration, kube::Error> {
        if self.context.leads()
            && let Some(snapshot) = self.context.catalog.snapshot.get()
        {
            let authorities = self.context.authorities.borrow().clone();
            self.write(&snapshot, authorities.as_deref()).await?;
        }
        Ok(REPEAT)
    }

    fn error_policy(&self, error: &kube::Error) -> Duration {
        warn!(%error, "cannot register with the API server; trying again");
        RETRY
    }
}

impl Registration {
    async fn write(&self, snapshot: &Snapshot, ca: Option<&str>) -> Result<(), kube::Error> {
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let metadata = self.metadata().await?;
        // First the one that changes: the other refuses what it has not changed.
        let mutating = MutatingWebhookConfiguration {
            metadata: metadata.clone(),
            webhooks: Some(self.mutating(snapshot, ca)),
        };
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.context.client.clone());
        let before =
            api.get_metadata_opt(NAME).await?.and_then(|object| object.metadata.generation);
        let written = api.patch(NAME, &parameters, &Patch::Apply(&mutating)).await?;
        let validating = ValidatingWebhookConfiguration {
            metadata,
            webhooks: Some(self.validating(snapshot, ca)),
        };
        let api: Api<ValidatingWebhookConfiguration> = Api::all(self.context.client.clone());
        api.patch(NAME, &parameters, &Patch::Apply(&validating)).await?;
        if written.metadata.generation != before {
            info!(products = snapshot.catalog.products().len(), "registered with the API server");
        }
        Ok(())
    }

    fn cluster(&self) -> &ClusterOptions {
        &self.context.options.cluster
    }

    async fn metadata(&self) -> Result<ObjectMeta, kube::Error> {
        let owners = match &self.cluster().owner {
            None => None,
            Some(name) => {
                let owner =
                    Api::<ClusterRole>::all(self.context.client.clone()).get_metadata(name).await?;
                Some(vec![OwnerReference {
                    api_version: ClusterRole::api_version(&()).into_owned(),
                    kind: ClusterRole::kind(&()).into_owned(),
                    name: name.clone(),
                    uid: owner.metadata.uid.unwrap_or_default(),
                    ..OwnerReference::default()
                }])
            }
        };
        Ok(ObjectMeta {
            name: Some(NAME.to_owned()),
            owner_references: owners,
            ..ObjectMeta::default()
        })
    }

    fn mutating(&self, snapshot: &Snapshot, ca: Option<&str>) -> Vec<MutatingWebhook> {
        let entry =
            |name: &str, failure: &str, timeout, operations: &[&str], conditions| MutatingWebhook {
                name: format!("{name}.idp.{GROUP}"),
                admission_review_versions: vec!["v1".to_owned()],
                client_config: self.client_config("/mutate", ca),
                failure_policy: Some(failure.to_owned()),
                match_policy: Some("Equivalent".to_owned()),
                // Another webhook may change what we look at; what we do twice we do once.
                reinvocation_policy: Some("IfNeeded".to_owned()),
                side_effects: "NoneOnDryRun".to_owned(),
                timeout_seconds: Some(timeout),
                rules: Some(workload_rules(snapshot, operations, "")),
                match_conditions: Some(conditions),
                ..MutatingWebhook::default()
            };
        if snapshot.catalog.products().is_empty() {
            return Vec::new();
        }
        vec![
            entry("claims", "Fail", TIMEOUT, &["CREATE", "UPDATE"], self.of_users()),
            entry("mirror", "Ignore", SHORT_TIMEOUT, &["UPDATE"], self.of_crossplane()),
        ]
    }

    fn validating(&self, snapshot: &Snapshot, ca: Option<&str>) -> Vec<ValidatingWebhook> {
        let entry = |name: &str, failure: &str, timeout, rules, conditions| ValidatingWebhook {
            name: format!("{name}.idp.{GROUP}"),
            admission_review_versions: vec!["v1".to_owned()],
            client_config: self.client_config("/validate", ca),
            failure_policy: Some(failure.to_owned()),
            match_policy: Some("Equivalent".to_owned()),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(timeout),
            rules: Some(rules),
            match_conditions: Some(conditions),
            ..ValidatingWebhook::default()
        };
        let ours = |operations: &[&str], kinds: fn(&Kind) -> bool| {
            let kinds = KINDS.iter().filter(|kind| kinds(kind));
            let mut plurals: Vec<&str> = kinds.map(|kind| kind.plural).collect();
            plurals.sort_unstable();
            vec![rule(GROUP, operations, &plurals)]
        };
        let write = ["CREATE", "UPDATE"];
        let changed = || {
            vec![condition(
                "changed",
                "request.operation != 'UPDATE' || object.spec != oldObject.spec || object.metadata.?labels != oldObject.metadata.?labels".to_owned(),
            )]
        };
        let mut entries = vec![
            entry(
                "catalog",
                "Fail",
                TIMEOUT,
                ours(&write, |kind| kind.unreviewed == Unreviewed::Refused),
                changed(),
            ),
            // Switches that are needed most when something is down.
            entry(
                "switches",
                "Ignore",
                SHORT_TIMEOUT,
                ours(&write, |kind| kind.unreviewed == Unreviewed::Admitted),
                changed(),
            ),
            // A deletion must never hang on a webhook that is down.
            entry(
                "deletions",
                "Ignore",
                SHORT_TIMEOUT,
                ours(&["DELETE"], |kind| kind.needed),
                Vec::new(),
            ),
        ];
        if !snapshot.catalog.products().is_empty() {
            entries.push(entry(
                "claims",
                "Fail",
                TIMEOUT,
                workload_rules(snapshot, &write, ""),
                self.of_users(),
            ));
            // Of two writers of a status one is Crossplane; the other must not say where a
            // workload is.
            let status = workload_rules(snapshot, &["UPDATE"], "/status");
            entries.push(entry("placement", "Fail", TIMEOUT, status, self.of_placement()));
        }
        entries
    }

    fn client_config(&self, path: &str, ca: Option<&str>) -> WebhookClientConfig {
        let ca_bundle = ca.map(|ca| ByteString(ca.as_bytes().to_vec()));
        match &self.cluster().url {
            Some(url) => {
                let url = Some(format!("{}{path}", url.trim_end_matches('/')));
                WebhookClientConfig { url, ca_bundle, service: None }
            }
            None => {
                let ClusterOptions { service, namespace, .. } = self.cluster();
                let service = ServiceReference {
                    name: service.clone(),
                    namespace: namespace.clone(),
                    path: Some(path.to_owned()),
                    port: Some(443),
                };
                WebhookClientConfig { service: Some(service), ca_bundle, url: None }
            }
        }
    }

    /// What users do that changes something, also to what is being deleted; not finalizers or owners,
    /// so that a deletion can end while the webhook is down.
    fn of_users(&self) -> Vec<MatchCondition> {
        let map = |object: &str, field: &str| {
            format!("(has({object}.metadata.{field}) ? {object}.metadata.{field} : {{}})")
        };
        let differs =
            |field: &str| format!("{} != {}", map("object", field), map("oldObject", field));
        let changed = format!(
            "request.operation == 'CREATE' || object.?spec != oldObject.?spec || {} || {}",
            differs("labels"),
            differs("annotations")
        );
        vec![
            condition("not-crossplane", format!("!({})", self.is_crossplane())),
            condition("changed", changed),
        ]
    }

    /// What users write of where a workload is.
    fn of_placement(&self) -> Vec<MatchCondition> {
        let changed = "object.?status.?placement != oldObject.?status.?placement";
        vec![
            condition("not-crossplane", format!("!({})", self.is_crossplane())),
            condition("changed", changed.to_owned()),
        ]
    }

    /// What Crossplane writes to placed workloads.
    fn of_crossplane(&self) -> Vec<MatchCondition> {
        vec![
            condition("crossplane", self.is_crossplane()),
            condition("not-deleted", "!has(object.metadata.deletionTimestamp)".to_owned()),
            condition(
                "placed",
                "has(oldObject.status) && has(oldObject.status.placement)".to_owned(),
            ),
        ]
    }

    fn is_crossplane(&self) -> String {
        // A list of strings is written in CEL as in JSON.
        let users = self.context.options.crossplane_user.clone();
        format!("request.userInfo.username in {}", serde_json::Value::from(users))
    }
}

/// One rule set per Product: its claims and both kinds of composite resources.
fn workload_rules(
    snapshot: &Snapshot,
    operations: &[&str],
    subresource: &str,
) -> Vec<RuleWithOperations> {
    let rules = snapshot.catalog.products().iter().map(|product| {
        let api = &product.spec.api;
        let plurals = api.kinds().map(|(_, kind)| ProductApi::plural(kind) + subresource);
        rule(&api.group, operations, &plurals.each_ref().map(String::as_str))
    });
    rules.collect()
}

fn rule(group: &str, operations: &[&str], resources: &[&str]) -> RuleWithOperations {
    let all = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    RuleWithOperations {
        api_groups: all(&[group]),
        api_versions: all(&["*"]),
        operations: all(operations),
        resources: all(resources),
        scope: Some("*".to_owned()),
    }
}

fn condition(name: &str, expression: String) -> MatchCondition {
    MatchCondition { name: name.to_owned(), expression }
}

/// Removes the registration of a process that nothing replaces.
pub async fn unregister(client: Client) {
    if let Err(error) = remove(&client).await {
        warn!(%error, "cannot remove the registration; `idp-webhook unregister` does");
    }
}

/// Removes both configurations, in the other order; that they are not there is fine.
///
/// # Errors
/// When the API server does not do it.
pub async fn remove(client: &Client) -> Result<(), kube::Error> {
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    gone(validating.delete(NAME, &DeleteParams::default()).await)?;
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    gone(mutating.delete(NAME, &DeleteParams::default()).await)
}

fn gone<T>(deleted: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match deleted {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(|_| ()),
    }
}
