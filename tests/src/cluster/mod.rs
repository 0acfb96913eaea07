//! A real Kubernetes API with a real Crossplane, as plain processes on loopback.
//!
//! [`Cluster::shared`] starts it once for all tests of a test program: etcd,
//! kube-apiserver, kube-controller-manager, Crossplane and its RBAC manager. There is no
//! kubelet, so no pod ever runs. Every test works in a namespace of its own.
//!
//! `tests/cluster/run` builds the programs and sets `IDP_CLUSTER` to a fresh directory for
//! state and logs. Without it there is no cluster and the tests that want one skip.

mod control_plane;
mod crossplane;
mod ports;
mod process;
mod team;
mod tools;
mod users;
mod wait;

use std::path::PathBuf;
use std::sync::LazyLock;

pub use control_plane::ControlPlane;
pub use crossplane::Crossplane;
pub use process::Process;
pub use team::Team;
pub use users::User;
pub use wait::eventually;

/// Everything that runs, and where its files are.
pub struct Cluster {
    /// State, credentials and logs.
    pub dir: PathBuf,
    /// etcd, the API server and the controllers.
    pub control_plane: ControlPlane,
    /// Crossplane and its RBAC manager.
    pub crossplane: Crossplane,
}

static SHARED: LazyLock<Option<Cluster>> = LazyLock::new(|| {
    let dir = PathBuf::from(std::env::var_os("IDP_CLUSTER")?);
    // Another crate of the tests brings a second provider; rustls does not choose for us.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    // The first test to come here waits; its runtime must not be the one the start runs on.
    let start = std::thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime to start the cluster on")
            .block_on(Cluster::start(dir))
    });
    Some(start.join().expect("the cluster did not start"))
});

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

    async fn start(dir: PathBuf) -> Self {
        let control_plane = ControlPlane::start(&dir).await;
        let crossplane = Crossplane::start(&dir, &control_plane).await;
        Self {
            dir,
            control_plane,
            crossplane,
        }
    }
}
