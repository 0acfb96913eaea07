//! A real Kubernetes API with a real Crossplane, as plain processes on loopback.
//!
//! [`Cluster::shared`] starts it once for all tests of a test program: etcd,
//! kube-apiserver, kube-controller-manager, Crossplane and its RBAC manager. There is no
//! kubelet, so no pod ever runs. Every test works in a namespace of its own.
//!
//! `tests/cluster/run` builds the programs and sets `IDP_CLUSTER` to a fresh directory for
//! state and logs. Without it there is no cluster and the tests that want one skip.
//! `tests/cluster/up` starts the same for people ([`Cluster::start`]).

mod cloud;
mod control_plane;
mod crossplane;
mod function;
mod hosts;
mod operator;
mod ours;
mod ports;
mod process;
mod providers;
mod read_fields;
mod registry;
mod team;
mod tools;
mod users;
mod wait;
mod webhook;
mod workload;

use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock, mpsc};
use std::time::Instant;

pub use cloud::{Cloud, External, Ledger, Mood};
pub use control_plane::ControlPlane;
pub use crossplane::{Crossplane, Line};
pub use ours::{Release, our_program};
pub use process::{Process, Program};
pub use team::Team;
pub use users::User;
pub use wait::eventually;
pub use webhook::{REASON, Webhook};
pub use workload::{KINDS, Kind, MYSQL, WEBAPP, Workload, kinds, resource_name};

use cloud::ManagedKind;
use hosts::Hosts;
use registry::Registry;
use tokio::sync::OnceCell;

/// Everything that runs, and where its files are.
pub struct Cluster {
    /// State, credentials and logs.
    pub dir: PathBuf,
    /// etcd, the API server and the controllers.
    pub control_plane: ControlPlane,
    /// Crossplane and its RBAC manager.
    pub crossplane: Crossplane,
    /// The stand-in for AWS, GCP and OCI.
    pub cloud: Cloud,
    registry: Registry,
    /// The composition function, `idp serve`.
    pub function: Process,
    webhook: OnceCell<Webhook>,
    /// Where the function package is.
    pub package: String,
}

/// What is installed at the start, where a test program wants it otherwise.
static RELEASE: OnceLock<Release> = OnceLock::new();

static SHARED: LazyLock<Option<Cluster>> = LazyLock::new(|| {
    let dir = PathBuf::from(std::env::var_os("IDP_CLUSTER")?).join(test_program());
    Some(Cluster::start(dir, RELEASE.get_or_init(Release::default)))
});

/// What a test program's own directory is called: several run one after another, and each starts a
/// cluster.
fn test_program() -> String {
    let program = std::env::current_exe().expect("the path of the test program");
    let name = program.file_stem().expect("a name").to_string_lossy();
    // Cargo puts a hash at its end.
    let name = name.rsplit_once('-').map_or(&*name, |(name, _)| name);
    format!("{name}.{}", std::process::id())
}

impl Cluster {
    /// The cluster, started when the first test asks for it; `None` when these tests are
    /// switched off, which is said aloud.
    pub fn shared() -> Option<&'static Self> {
        let cluster = SHARED.as_ref();
        if cluster.is_none() {
            eprintln!("SKIPPED: no cluster (IDP_CLUSTER is not set); run tests/cluster/run");
        }
        cluster
    }

    /// The same, but started with another release of the chart.
    pub fn shared_with(release: Release) -> Option<&'static Self> {
        RELEASE.set(release).ok();
        Self::shared()
    }

    /// Starts a cluster with this release in it, its files in `dir`. All of it ends with this
    /// program.
    pub fn start(dir: PathBuf, release: &Release) -> Self {
        // Another crate of the tests brings a second provider; rustls does not choose for us.
        rustls::crypto::ring::default_provider().install_default().ok();
        let release = release.clone();
        let (started, cluster) = mpsc::channel();
        // The stand-in cloud lives as long as the program, whatever runtimes its tests have.
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime for the cluster")
                .block_on(async {
                    let (cluster, kinds) = Self::assemble(dir, &release).await;
                    let client = cluster.control_plane.admin.client().await;
                    let providers = cluster.cloud.clone().run(client, kinds);
                    started.send(cluster).expect("somebody waits for the cluster");
                    providers.await;
                });
        });
        cluster.recv().expect("the cluster did not start; the reason is above")
    }

    async fn assemble(dir: PathBuf, release: &Release) -> (Self, Vec<ManagedKind>) {
        let clock = Instant::now();
        let control_plane = ControlPlane::start(&dir).await;
        let admin = &control_plane.admin;
        let service = format!("{}.{}", function::FUNCTION, crossplane::NAMESPACE);
        let hosts = Hosts::write(&dir, &service);
        // The CRDs are many and large: the API server takes some seconds over them.
        let installer = admin.clone();
        let install =
            move || providers::install(&installer, &providers::named_in(&ours::products()));
        let (crossplane, registry, kinds) = tokio::join!(
            Crossplane::start(&dir, &control_plane, &hosts),
            Registry::start(&dir),
            tokio::task::spawn_blocking(install),
        );
        let package = registry.push(&dir);
        ours::install_chart(&dir, admin, release, &package);
        let function = function::start(&dir, admin, &hosts).await;
        eprintln!("cluster: started in {} s", clock.elapsed().as_secs());
        let (cloud, webhook) = (Cloud::default(), OnceCell::new());
        let cluster =
            Self { dir, control_plane, crossplane, function, cloud, webhook, registry, package };
        (cluster, kinds.expect("the providers' CRDs are installed"))
    }

    /// What the kubelet does: a program that has ended, because it could not do without the API
    /// server or for whatever reason, is started again.
    pub fn restart_the_ended(&self) {
        let ControlPlane { etcd, api_server, controllers, .. } = &self.control_plane;
        let Crossplane { core, rbac_manager } = &self.crossplane;
        let registry = &self.registry.process;
        let webhook = self.webhook.get().map(|webhook| &webhook.process);
        [etcd, api_server, controllers, core, rbac_manager, registry, &self.function]
            .into_iter()
            .chain(webhook)
            .for_each(Process::restart_if_ended);
    }
}
