//! Which replica does what only one may do: the holder of a Lease.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tracing::{debug, info};

use crate::options::ClusterOptions;

/// The Lease's name.
const LEASE: &str = "idp-webhook";
/// How long a holder that is not heard of stays the holder; client-go's default.
const DURATION: Duration = Duration::from_secs(15);
/// How often it says that it is there.
const RENEWAL: Duration = Duration::from_secs(4);

/// Campaigns for ever; `leads` says whether this replica leads.
pub(super) async fn campaign(client: Client, options: ClusterOptions, leads: watch::Sender<bool>) {
    let leases: Api<Lease> = Api::namespaced(client, &options.namespace);
    let mut campaign = Campaign { leases, identity: options.identity, seen: None };
    let mut renewed = Instant::now();
    loop {
        let won = campaign.renew_or_take().await;
        match &won {
            Ok(true) => renewed = Instant::now(),
            Ok(false) => {}
            Err(error) => debug!(%error, "cannot renew the lease"),
        }
        // A holder that cannot renew stops before another takes over.
        let leading = match won {
            Ok(won) => won,
            Err(_) => *leads.borrow() && renewed.elapsed() < DURATION - RENEWAL,
        };
        leads.send_if_modified(|leads| {
            let changed = *leads != leading;
            if changed {
                info!(leading, "leadership");
            }
            *leads = leading;
            changed
        });
        tokio::time::sleep(RENEWAL).await;
    }
}

struct Campaign {
    leases: Api<Lease>,
    identity: String,
    /// The Lease's version, and when it was first seen here: expiry is told by our own clock, as
    /// clocks differ.
    seen: Option<(Option<String>, Instant)>,
}

impl Campaign {
    async fn renew_or_take(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.leases.get_opt(LEASE).await? else {
            let metadata = ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(None)) };
            return won(self.leases.create(&PostParams::default(), &lease).await);
        };
        let ours = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref())
            == Some(&self.identity);
        let version = lease.metadata.resource_version.clone();
        match &self.seen {
            Some((seen, _)) if *seen == version => {}
            _ => self.seen = Some((version, Instant::now())),
        }
        let expired = self.seen.as_ref().is_some_and(|(_, since)| since.elapsed() > DURATION);
        if !ours && !expired {
            return Ok(false);
        }
        lease.spec = Some(self.spec(lease.spec.filter(|_| ours)));
        // With the version that was read: somebody faster wins.
        won(self.leases.replace(LEASE, &PostParams::default(), &lease).await)
    }

    fn spec(&self, held: Option<LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: held.and_then(|spec| spec.acquire_time).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }
    }
}

fn won(written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
