//! The webhook's certificate, kept in a Secret: made by the first replica, used by all, renewed
//! early by the leader. Or in a folder, where somebody else keeps it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures::stream;
use idp_serving::tls::{CertificateDir, ReloadingTls, TlsError};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tracing::{info, warn};

use super::singleton::{self, Singleton};
use crate::background::Background;
use crate::certificates::bundle::CertificateBundle;
use crate::certificates::{Authority, CertificateError, Serving};
use crate::options::{ClusterOptions, ServeOptions};

/// The Secret's name.
const SECRET: &str = "idp-webhook-tls";
/// How often the Secret is read; what a replica serves with is trusted for weeks longer.
const REREAD: Duration = Duration::from_secs(10);
/// How often it is read by a replica that has nothing to serve with.
const RETRY: Duration = Duration::from_secs(1);

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// The API server does not do what it is asked.
    #[error("the API server: {0}")]
    Api(#[from] kube::Error),
    /// The Secret with the webhook's certificate is not one of its making.
    #[error(
        "the Secret {0} holds no certificate of this program: delete it, and a new one is made"
    )]
    Secret(String),
    /// No certificate can be made.
    #[error(transparent)]
    Make(#[from] CertificateError),
    /// The certificate in the folder cannot be used.
    #[error(transparent)]
    Folder(#[from] TlsError),
}

/// What is served with, and what clients have to trust.
pub struct Certificates {
    /// The certificate of the moment.
    pub tls: ReloadingTls,
    /// The authorities of the moment, PEM; none where there is no telling.
    pub authorities: watch::Receiver<Option<String>>,
}

/// The certificate to serve with, kept current in the background.
///
/// # Errors
/// When there is none.
pub async fn keep(
    client: &Client,
    options: &ServeOptions,
    leads: watch::Receiver<bool>,
    background: &mut Background,
) -> Result<Certificates, CertificatesError> {
    match &options.tls_certs_dir {
        Some(folder) => from_folder(folder.clone(), background),
        None => self_signed(client, &options.cluster, leads, background).await,
    }
}

fn from_folder(
    folder: PathBuf,
    background: &mut Background,
) -> Result<Certificates, CertificatesError> {
    let directory = CertificateDir::new(&folder);
    let tls = directory.load()?;
    let (publish, authorities) = watch::channel(None);
    let mut authority = FolderAuthority { file: folder.join("ca.crt"), publish };
    authority.read();
    background.source({
        let tls = tls.clone();
        async move {
            directory.follow(&tls).await;
        }
    });
    background.source(singleton::run(authority, stream::pending()));
    Ok(Certificates { tls, authorities })
}

/// The authority beside a certificate that somebody else keeps.
struct FolderAuthority {
    file: PathBuf,
    publish: watch::Sender<Option<String>>,
}

impl FolderAuthority {
    fn read(&mut self) {
        // One that is being replaced is read next time.
        if let Ok(text) = std::fs::read_to_string(&self.file) {
            publish(&self.publish, text);
        }
    }
}

impl Singleton for FolderAuthority {
    type Error = Infallible;

    async fn reconcile(&mut self) -> Result<Duration, Infallible> {
        self.read();
        Ok(REREAD)
    }

    fn error_policy(&self, error: &Infallible) -> Duration {
        match *error {}
    }
}

/// The certificate in the Secret, made if need be, and renewed in time.
async fn self_signed(
    client: &Client,
    options: &ClusterOptions,
    leads: watch::Receiver<bool>,
    background: &mut Background,
) -> Result<Certificates, CertificatesError> {
    let secret = CertificateSecret {
        secrets: Api::namespaced(client.clone(), &options.namespace),
        names: names(options),
        leads,
    };
    // One that cannot even be served with is the leader's to replace, and that may be us.
    let (bundle, tls) = loop {
        let bundle = secret.reconciled().await?;
        match ReloadingTls::new(&bundle.pem()) {
            Ok(tls) => break (bundle, tls),
            Err(error) => {
                warn!(%error, "the certificate in the Secret cannot be used; waiting for the leader");
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    let (publish, authorities) = watch::channel(Some(bundle.authorities()));
    let controller = CertificateController { secret, bundle, tls: tls.clone(), publish };
    background.controller(singleton::run(controller, stream::pending()));
    Ok(Certificates { tls, authorities })
}

/// By which names the API server reaches the webhook, as certificates spell them.
fn names(options: &ClusterOptions) -> Vec<String> {
    match &options.url {
        Some(url) => {
            let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
            let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
            let host = host.trim_matches(['[', ']']);
            vec![host.parse::<IpAddr>().map_or_else(|_| host.to_owned(), |it| it.to_string())]
        }
        None => {
            let (service, namespace) = (&options.service, &options.namespace);
            ["", ".cluster.local"].map(|domain| format!("{service}.{namespace}.svc{domain}")).into()
        }
    }
}

fn publish(publish: &watch::Sender<Option<String>>, authorities: String) {
    publish.send_if_modified(|published| {
        let changed = published.as_ref() != Some(&authorities);
        *published = Some(authorities);
        changed
    });
}

/// Serves with what the Secret holds.
struct CertificateController {
    secret: CertificateSecret,
    bundle: CertificateBundle,
    tls: ReloadingTls,
    publish: watch::Sender<Option<String>>,
}

impl Singleton for CertificateController {
    type Error = CertificatesError;

    async fn reconcile(&mut self) -> Result<Duration, CertificatesError> {
        let bundle = self.secret.reconciled().await?;
        if bundle != self.bundle {
            match self.tls.replace(&bundle.pem()) {
                Ok(()) => info!("using a new certificate"),
                Err(error) => warn!(%error, "keeping the present certificate"),
            }
            publish(&self.publish, bundle.authorities());
            self.bundle = bundle;
        }
        Ok(REREAD)
    }

    fn error_policy(&self, error: &CertificatesError) -> Duration {
        warn!(%error, "cannot look after the certificate; trying again");
        REREAD
    }
}

/// The Secret.
struct CertificateSecret {
    secrets: Api<Secret>,
    names: Vec<String>,
    leads: watch::Receiver<bool>,
}

impl CertificateSecret {
    /// What it holds, after the step that is due, if that is ours to take.
    async fn reconciled(&self) -> Result<CertificateBundle, CertificatesError> {
        let (bundle, mut secret) = self.read_or_make().await?;
        if !*self.leads.borrow() {
            return Ok(bundle);
        }
        let Some((next, why)) = bundle.renewed(&self.names, Timestamp::now())? else {
            return Ok(bundle);
        };
        secret.data = Some(write(&next));
        self.secrets.replace(SECRET, &PostParams::default(), &secret).await?;
        info!(why, "renewed the certificate in the Secret");
        Ok(next)
    }

    async fn read_or_make(&self) -> Result<(CertificateBundle, Secret), CertificatesError> {
        if let Some(secret) = self.secrets.get_opt(SECRET).await? {
            return held(secret);
        }
        let bundle = CertificateBundle::new(&self.names, Timestamp::now())?;
        let metadata = ObjectMeta { name: Some(SECRET.to_owned()), ..ObjectMeta::default() };
        let secret = Secret { metadata, data: Some(write(&bundle)), ..Secret::default() };
        match self.secrets.create(&PostParams::default(), &secret).await {
            Ok(secret) => Ok((bundle, secret)),
            // Another replica was faster.
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                held(self.secrets.get(SECRET).await?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn held(secret: Secret) -> Result<(CertificateBundle, Secret), CertificatesError> {
    match read(&secret) {
        Some(bundle) => Ok((bundle, secret)),
        // Somebody else's: it is not ours to write over.
        None => Err(CertificatesError::Secret(SECRET.to_owned())),
    }
}

fn read(secret: &Secret) -> Option<CertificateBundle> {
    let text = |key: &str| String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok();
    Some(CertificateBundle {
        authority: Authority { certificate: text("authority.crt")?, key: text("authority.key")? },
        previous: text("previous.crt")?,
        serving: Serving { certificate: text("tls.crt")?, key: text("tls.key")? },
    })
}

fn write(bundle: &CertificateBundle) -> BTreeMap<String, ByteString> {
    let CertificateBundle { authority, previous, serving } = bundle;
    let fields = [
        ("authority.crt", authority.certificate.clone()),
        ("authority.key", authority.key.clone()),
        ("previous.crt", previous.clone()),
        ("ca.crt", bundle.authorities()),
        ("tls.crt", serving.certificate.clone()),
        ("tls.key", serving.key.clone()),
    ];
    fields.map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes()))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let bundle = CertificateBundle::new(&["a".to_owned()], Timestamp::now()).unwrap();
        let secret = Secret { data: Some(write(&bundle)), ..Secret::default() };
        assert!(read(&secret) == Some(bundle));
    }

    #[test]
    fn a_certificate_for_how_we_are_reached_is_for_these_names() {
        use clap::Parser as _;
        for (flag, expected) in [
            ("--url=https://hooks.example.org:8443/a", &["hooks.example.org"][..]),
            ("--url=https://127.0.0.1:8443", &["127.0.0.1"]),
            ("--url=https://[0:0:0:0:0:0:0:1]:8443", &["::1"]),
            ("--service=hook", &["hook.idp-system.svc", "hook.idp-system.svc.cluster.local"]),
        ] {
            let options = crate::options::Options::parse_from(["idp-webhook", flag]);
            let names = names(&options.serve.cluster);
            assert_eq!(names, expected);
            let bundle = CertificateBundle::new(&names, Timestamp::now()).unwrap();
            assert!(bundle.renewed(&names, Timestamp::now()).unwrap().is_none(), "{flag}");
        }
    }
}
