//! Which Secrets there are, and whose: the API server is asked for the metadata of one by its name.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client};

use super::verdict::{Denial, Reason};
use crate::kept::{Kept, key};

/// That a Secret is not there is remembered this long: a claim's mutating and validating reviews ask
/// the same. That one is there is asked anew: somebody is going to delete it.
const KEPT: Duration = Duration::from_secs(5);
/// More answers than this are not kept.
const MOST_KEPT: usize = 4096;

/// Who knows which Secrets there are.
pub enum Secrets {
    /// The cluster.
    Cluster {
        /// To ask it.
        client: Client,
        /// What was not there a moment ago.
        absent: Kept<()>,
    },
    /// There is no cluster, or it is not to be asked: nothing is in the way.
    NotLooked,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Asks the cluster.
    #[must_use]
    pub fn of_cluster(client: Client) -> Self {
        Secrets::Cluster { client, absent: Kept::new(KEPT, MOST_KEPT) }
    }

    /// Who owns a Secret; none where there is no such Secret.
    ///
    /// # Errors
    /// When that cannot be found out now.
    pub(super) async fn owners(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Vec<OwnerReference>>, Denial> {
        let Secrets::Cluster { client, absent } = self else { return Ok(None) };
        let key = key(&(namespace, name));
        if absent.get(&key).is_some() {
            return Ok(None);
        }
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let found = secrets.get_metadata_opt(name).await.map_err(|error| {
            let hint = match &error {
                kube::Error::Api(status) if status.is_forbidden() => {
                    "; give the webhook the right to get Secrets, or start it with --no-secret-check"
                }
                _ => "; try again",
            };
            let what = format!("cannot find out whether there is a Secret {namespace}/{name}");
            Denial::new(Reason::Unavailable, format!("{what}: {error}{hint}"))
        })?;
        if found.is_none() {
            absent.put(key, ());
        }
        Ok(found.map(|found| found.metadata.owner_references.unwrap_or_default()))
    }
}
