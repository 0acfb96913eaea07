//! The definitions of the configuration kinds, brought to this release: Helm installs definitions,
//! and never upgrades them.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition as Definition;
use kube::api::PostParams;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt as _};
use tracing::{debug, info};

use super::ClusterError;

/// How long the API server may take until it serves a definition.
const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// Writes that met somebody else's are repeated, ever more slowly, for a few seconds in all.
const CONFLICTS: ExponentialBuilder = ExponentialBuilder::new()
    .with_jitter()
    .with_min_delay(Duration::from_millis(50))
    .with_max_delay(Duration::from_secs(1))
    .with_max_times(10);

/// Creates the definitions that are not there, and makes the others what they are in this release.
/// Objects stay as they are.
///
/// # Errors
/// When the API server does not take them, or does not serve them.
pub async fn apply(client: &Client) -> Result<(), ClusterError> {
    let api: Api<Definition> = Api::all(client.clone());
    for definition in idp_crds::kinds::definitions() {
        let name = definition.name_any();
        (|| write(&api, &name, &definition))
            .retry(CONFLICTS)
            .when(is_conflict)
            .notify(|_, pause| debug!(definition = name, ?pause, "somebody else wrote it"))
            .await?;
        // What comes next may be an object of a kind that is new.
        let established = await_condition(api.clone(), &name, conditions::is_crd_established());
        match tokio::time::timeout(SERVED_WITHIN, established).await {
            Ok(Ok(_)) => info!(definition = name, "is current"),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(ClusterError::NotServed(name)),
        }
    }
    Ok(())
}

/// Replaced and not merged, so that nothing of the old release's schema stays; labels and
/// annotations are other people's.
async fn write(
    api: &Api<Definition>,
    name: &str,
    definition: &Definition,
) -> Result<(), kube::Error> {
    match api.get_opt(name).await? {
        None => api.create(&PostParams::default(), definition).await,
        Some(found) => {
            let next = Definition { spec: definition.spec.clone(), ..found };
            api.replace(name, &PostParams::default(), &next).await
        }
    }
    .map(|_| ())
}

/// Whether somebody else wrote between our reading and our writing.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict() || status.is_already_exists())
}
