//! The one placement that may try a cloud whose circuit is half-open: its slot is taken by
//! compare-and-swap, so that there is one in the whole cluster.

use idp_crds::cloud_provider::{CircuitState, CloudProvider, Probe};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::{Api, Client};
use tracing::{info, warn};

/// Hands out probes.
#[derive(Clone)]
pub enum Probes {
    /// By the status of CloudProviders.
    Cluster(Box<Api<CloudProvider>>),
    /// There is no cluster and so no circuit breaker.
    NoCluster,
}

impl std::fmt::Debug for Probes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Probes::Cluster(_) => "Cluster",
            Probes::NoCluster => "NoCluster",
        })
    }
}

impl Probes {
    /// By the status of the cluster's CloudProviders.
    #[must_use]
    pub fn of_cluster(client: Client) -> Self {
        Probes::Cluster(Box::new(Api::all(client)))
    }

    /// Takes `provider`'s probe for `holder`, which goes to `region`. False where somebody else has
    /// it, or that cannot be found out: then the circuit counts as open.
    ///
    /// It is a reservation: the circuit breaker gives it back unless the holder is soon to be seen
    /// there, as what is admitted need not be stored.
    pub async fn take(&self, provider: &str, region: &str, holder: &str) -> bool {
        let Probes::Cluster(providers) = self else {
            return false;
        };
        match take(providers, provider, region, holder).await {
            Ok(taken) => taken,
            Err(error) => {
                warn!(provider, holder, %error, "cannot take the probe of a half-open circuit; it counts as open");
                false
            }
        }
    }
}

async fn take(
    providers: &Api<CloudProvider>,
    provider: &str,
    region: &str,
    holder: &str,
) -> Result<bool, kube::Error> {
    let mut object = providers.get(provider).await?;
    let status = object.status.get_or_insert_default();
    if status.state_at(region) != CircuitState::HalfOpen {
        return Ok(false);
    }
    if let Some(probe) = &status.probe {
        return Ok(probe.holder == holder && probe.region == region);
    }
    status.probe = Some(Probe {
        holder: holder.to_owned(),
        region: region.to_owned(),
        since: MicroTime(Timestamp::now()),
    });
    // With the resource version that was read: a conflict means that somebody else was faster.
    match providers.replace_status(provider, &PostParams::default(), &object).await {
        Ok(_) => {
            info!(provider, holder, "took the probe of a half-open circuit");
            Ok(true)
        }
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}
