//! The webhook's certificate, kept in a Secret: made by the first replica, used by all, renewed
//! early by the leader.
//!
//! A new authority is published before anything is signed with it, and the old one stays published
//! until what it has signed is no longer used: at every moment each replica's certificate is
//! trusted.

use std::collections::BTreeMap;
use std::time::Duration;

use idp_serving::tls::{Pem, ReloadingTls};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Background, ClusterError};
use crate::certificates::{Authority, Serving};
use crate::options::ClusterOptions;

/// The Secret's name.
const SECRET: &str = "idp-webhook-tls";
/// How often the Secret is read; what a replica serves with is trusted for weeks longer.
const REREAD: Duration = Duration::from_secs(10);
/// An authority lives for two years and is replaced half a year before its end.
const AUTHORITY_DAYS: i64 = 730;
const AUTHORITY_RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 182);
/// A certificate lives for 90 days and is replaced a month before its end.
const SERVING_DAYS: i64 = 90;
const SERVING_RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 30);
/// The registration is written within seconds of the Secret: after this long every API server
/// trusts a published authority.
const PUBLISHED: SignedDuration = SignedDuration::from_mins(10);

/// What the Secret holds.
#[derive(Clone, PartialEq, Eq)]
struct Kept {
    /// The authority that signs.
    authority: Authority,
    /// When it was made.
    authority_since: Timestamp,
    /// The one before it.
    previous: String,
    serving: Serving,
    serving_since: Timestamp,
    /// For whom the certificate is.
    names: Vec<String>,
}

impl Kept {
    fn new(names: &[String], now: Timestamp) -> Result<Self, ClusterError> {
        let authority = Authority::new(now, AUTHORITY_DAYS)?;
        let serving = authority.sign(names, now, SERVING_DAYS)?;
        Ok(Kept {
            authority,
            authority_since: now,
            previous: String::new(),
            serving,
            serving_since: now,
            names: names.to_vec(),
        })
    }

    /// What whoever connects has to trust.
    fn bundle(&self) -> String {
        format!("{}{}", self.authority.certificate, self.previous)
    }

    /// The next step, if it is time for one.
    fn renewed(&self, names: &[String], now: Timestamp) -> Result<Option<Self>, ClusterError> {
        let age = |since: Timestamp| now.duration_since(since);
        if age(self.authority_since)
            > SignedDuration::from_hours(24 * AUTHORITY_DAYS) - AUTHORITY_RENEWAL
        {
            let authority = Authority::new(now, AUTHORITY_DAYS)?;
            let previous = self.authority.certificate.clone();
            return Ok(Some(Kept { authority, authority_since: now, previous, ..self.clone() }));
        }
        let published = age(self.authority_since) > PUBLISHED || self.previous.is_empty();
        let of_previous = self.serving_since < self.authority_since;
        let old = age(self.serving_since)
            > SignedDuration::from_hours(24 * SERVING_DAYS) - SERVING_RENEWAL;
        if published && (of_previous || old || self.names != names) {
            let serving = self.authority.sign(names, now, SERVING_DAYS)?;
            return Ok(Some(Kept {
                serving,
                serving_since: now,
                names: names.to_vec(),
                ..self.clone()
            }));
        }
        Ok(None)
    }

    fn read(secret: &Secret) -> Option<Self> {
        let text = |key: &str| String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok();
        Some(Kept {
            authority: Authority {
                certificate: text("authority.crt")?,
                key: text("authority.key")?,
            },
            authority_since: text("authority.since")?.parse().ok()?,
            previous: text("previous.crt")?,
            serving: Serving { certificate: text("tls.crt")?, key: text("tls.key")? },
            serving_since: text("tls.since")?.parse().ok()?,
            names: text("names")?.split(',').map(str::to_owned).collect(),
        })
    }

    fn write(&self) -> BTreeMap<String, ByteString> {
        let fields = [
            ("authority.crt", self.authority.certificate.clone()),
            ("authority.key", self.authority.key.clone()),
            ("authority.since", self.authority_since.to_string()),
            ("previous.crt", self.previous.clone()),
            ("ca.crt", self.bundle()),
            ("tls.crt", self.serving.certificate.clone()),
            ("tls.key", self.serving.key.clone()),
            ("tls.since", self.serving_since.to_string()),
            ("names", self.names.join(",")),
        ];
        fields.map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes()))).into()
    }

    fn pem(&self) -> Pem {
        let Serving { certificate, key } = self.serving.clone();
        Pem { certificate: certificate.into(), key: key.into(), client_ca: None }
    }
}

/// The certificate in the Secret, made if need be, kept current in the background; and the
/// authorities to trust.
pub(super) async fn own(
    client: &Client,
    options: &ClusterOptions,
    leading: watch::Receiver<bool>,
    background: &mut Background,
) -> Result<(ReloadingTls, watch::Receiver<Option<String>>), crate::run::RunError> {
    let keeper = Keeper {
        secrets: Api::namespaced(client.clone(), &options.namespace),
        names: names(options),
    };
    let (kept, _) = keeper.read_or_make().await?;
    let tls = ReloadingTls::new(&kept.pem())?;
    let (publish, bundle) = watch::channel(Some(kept.bundle()));
    background.spawn(keeper.keep(kept, tls.clone(), leading, publish));
    Ok((tls, bundle))
}

/// By which names the API server reaches the webhook.
fn names(options: &ClusterOptions) -> Vec<String> {
    match &options.url {
        Some(url) => {
            let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
            let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
            vec![host.trim_matches(['[', ']']).to_owned()]
        }
        None => {
            let (service, namespace) = (&options.service, &options.namespace);
            ["", ".cluster.local"].map(|domain| format!("{service}.{namespace}.svc{domain}")).into()
        }
    }
}

struct Keeper {
    secrets: Api<Secret>,
    names: Vec<String>,
}

impl Keeper {
    async fn read_or_make(&self) -> Result<(Kept, Secret), ClusterError> {
        if let Some(secret) = self.secrets.get_opt(SECRET).await? {
            let kept =
                Kept::read(&secret).ok_or_else(|| ClusterError::Secret(SECRET.to_owned()))?;
            return Ok((kept, secret));
        }
        let kept = Kept::new(&self.names, Timestamp::now())?;
        let metadata = ObjectMeta { name: Some(SECRET.to_owned()), ..ObjectMeta::default() };
        let secret = Secret { metadata, data: Some(kept.write()), ..Secret::default() };
        match self.secrets.create(&PostParams::default(), &secret).await {
            Ok(secret) => Ok((kept, secret)),
            // Another replica was faster.
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let secret = self.secrets.get(SECRET).await?;
                let kept =
                    Kept::read(&secret).ok_or_else(|| ClusterError::Secret(SECRET.to_owned()))?;
                Ok((kept, secret))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn keep(
        self,
        mut current: Kept,
        tls: ReloadingTls,
        leading: watch::Receiver<bool>,
        publish: watch::Sender<Option<String>>,
    ) {
        loop {
            let leads = *leading.borrow();
            match self.step(leads).await {
                Ok(kept) if kept == current => {}
                Ok(kept) => {
                    match tls.replace(&kept.pem()) {
                        Ok(()) => info!("using a new certificate"),
                        Err(error) => warn!(%error, "keeping the present certificate"),
                    }
                    publish.send_replace(Some(kept.bundle()));
                    current = kept;
                }
                Err(error) => warn!(%error, "cannot look after the certificate; trying again"),
            }
            tokio::time::sleep(REREAD).await;
        }
    }

    /// Reads the Secret, and renews what it holds if it is time for that and ours to do.
    async fn step(&self, leading: bool) -> Result<Kept, ClusterError> {
        let (kept, mut secret) = self.read_or_make().await?;
        if !leading {
            return Ok(kept);
        }
        let Some(next) = kept.renewed(&self.names, Timestamp::now())? else {
            return Ok(kept);
        };
        secret.data = Some(next.write());
        self.secrets.replace(SECRET, &PostParams::default(), &secret).await?;
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_hours(24 * days)
    }

    #[test]
    fn at_every_step_what_is_served_is_in_the_bundle() {
        let names = ["idp-webhook.idp-system.svc".to_owned()];
        let first = Kept::new(&names, after(0)).unwrap();
        assert!(first.renewed(&names, after(59)).unwrap().is_none());

        let renewed = first.renewed(&names, after(61)).unwrap().unwrap();
        assert!(
            renewed.serving.certificate != first.serving.certificate
                && renewed.bundle() == first.bundle()
        );

        // The new authority is published first, and signs later.
        let rotated = renewed.renewed(&names, after(549)).unwrap().unwrap();
        assert!(
            rotated.serving == renewed.serving
                && rotated.bundle().contains(&renewed.authority.certificate)
        );
        assert!(
            rotated.renewed(&names, after(549) + SignedDuration::from_mins(9)).unwrap().is_none()
        );
        let signed =
            rotated.renewed(&names, after(549) + SignedDuration::from_mins(11)).unwrap().unwrap();
        assert!(signed.serving != rotated.serving && signed.bundle() == rotated.bundle());
        assert!(signed.renewed(&names, after(550)).unwrap().is_none());
    }

    #[test]
    fn what_is_written_reads_back() {
        let kept = Kept::new(&["a".to_owned(), "b".to_owned()], after(0)).unwrap();
        let secret = Secret { data: Some(kept.write()), ..Secret::default() };
        assert!(Kept::read(&secret) == Some(kept));
    }
}
