//! Which replica does what only one may do: the holder of a Lease.
//!
//! It holds it for as long as it says so in time, told by everybody's own clock, as clocks differ;
//! and gives it back when it ends, so that another takes over at once.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::options::ClusterOptions;

/// The Lease's name.
const LEASE: &str = "idp-webhook";
/// How long a holder that is not heard of stays the holder; client-go's default.
const DURATION: Duration = Duration::from_secs(15);
/// How often it says that it is there.
const RENEWAL: Duration = Duration::from_secs(4);
/// How long giving it back may take: an API server that does not answer must not keep the process.
const RELEASE: Duration = Duration::from_secs(2);

/// Campaigns until it is dropped; `leads` says whether this replica leads.
pub async fn campaign(client: Client, options: ClusterOptions, leads: watch::Sender<bool>) {
    let mut campaign = Campaign { leases: leases(client, &options), options, seen: None };
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

/// Gives the lease back, if this replica holds it. To be called when it acts as the leader no more.
pub async fn release(client: Client, options: ClusterOptions) {
    let leases = leases(client, &options);
    let released = tokio::time::timeout(RELEASE, give_back(&leases, &options.identity));
    match released.await {
        Ok(Ok(true)) => info!("gave the lease back"),
        Ok(Ok(false)) => {}
        Ok(Err(error)) => warn!(%error, "cannot give the lease back: it expires"),
        Err(_) => warn!("cannot give the lease back in time: it expires"),
    }
}

fn leases(client: Client, options: &ClusterOptions) -> Api<Lease> {
    Api::namespaced(client, &options.namespace)
}

async fn give_back(leases: &Api<Lease>, identity: &str) -> Result<bool, kube::Error> {
    let Some(mut lease) = leases.get_opt(LEASE).await?.filter(|lease| is_held(lease, identity))
    else {
        return Ok(false);
    };
    // As client-go does it: nobody's, and expired.
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        renew_time: Some(MicroTime(Timestamp::now())),
        ..lease.spec.unwrap_or_default()
    });
    won(leases.replace(LEASE, &PostParams::default(), &lease).await)
}

fn is_held(lease: &Lease, identity: &str) -> bool {
    holder(lease) == Some(identity)
}

/// None where it was given back.
fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

struct Campaign {
    leases: Api<Lease>,
    options: ClusterOptions,
    /// The Lease's version, and when it was first seen here.
    seen: Option<(Option<String>, Instant)>,
}

impl Campaign {
    async fn renew_or_take(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.leases.get_opt(LEASE).await? else {
            let metadata = ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(None)) };
            return won(self.leases.create(&PostParams::default(), &lease).await);
        };
        let ours = is_held(&lease, &self.options.identity);
        let version = lease.metadata.resource_version.clone();
        match &self.seen {
            Some((seen, _)) if *seen == version => {}
            _ => self.seen = Some((version, Instant::now())),
        }
        let expired = self.seen.as_ref().is_some_and(|(_, since)| since.elapsed() > DURATION);
        if !ours && !expired && holder(&lease).is_some() {
            return Ok(false);
        }
        lease.spec = Some(self.spec(lease.spec.filter(|_| ours)));
        // With the version that was read: somebody faster wins.
        won(self.leases.replace(LEASE, &PostParams::default(), &lease).await)
    }

    fn spec(&self, held: Option<LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.options.identity.clone()),
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
