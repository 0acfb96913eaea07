//! Crossplane as its own chart installs it, its two programs run by us.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;

use super::control_plane::ControlPlane;
use super::hosts::Hosts;
use super::ports::free_port;
use super::process::{Process, Program};
use super::tools::{helm, tool};
use super::users::{User, write_secret};
use super::wait::eventually;

/// The namespace Crossplane and its functions live in.
pub const NAMESPACE: &str = "crossplane-system";

/// A release line of Crossplane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// 1.20, which knows claims and cluster-scoped composites only.
    V1,
    /// 2.x.
    V2,
}

impl Line {
    /// The line that IDP_CROSSPLANE_LINE names; 2.x without it.
    pub fn in_use() -> Self {
        match std::env::var("IDP_CROSSPLANE_LINE").as_deref() {
            Err(_) | Ok("2") => Self::V2,
            Ok("1.20") => Self::V1,
            Ok(other) => panic!("IDP_CROSSPLANE_LINE is 1.20 or 2, and not {other:?}"),
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::V1 => "crossplane-1.20",
            Self::V2 => "crossplane",
        }
    }

    fn source(self) -> PathBuf {
        tool(&format!("{}-source", self.program()))
    }
}

/// Crossplane, with the rights of its own ServiceAccount.
pub struct Crossplane {
    /// Claims, composite resources, packages.
    pub core: Process,
    /// Grants rights on the kinds that XRDs define.
    pub rbac_manager: Process,
}

impl Crossplane {
    pub(super) async fn start(dir: &Path, control_plane: &ControlPlane, hosts: &Hosts) -> Self {
        install_chart(dir, &control_plane.admin);
        let core_user = control_plane.service_account(NAMESPACE, "crossplane").await;
        let rbac_user = control_plane.service_account(NAMESPACE, "rbac-manager").await;

        init(dir, &core_user, hosts).args(["core", "init"]).finish(dir).await;
        let certificates = fetch_client_certificate(dir, &control_plane.admin).await;

        let rbac_manager = Program::new("crossplane-rbac", &tool(Line::in_use().program()))
            .args(["rbac", "start", "--debug"])
            .env("KUBECONFIG", &rbac_user.kubeconfig)
            .env("LEADER_ELECTION", "false")
            .start(dir);

        let health_port = free_port();
        let core = Program::with_hosts("crossplane", &tool(Line::in_use().program()), hosts);
        let core = in_a_pod(core, dir, &core_user)
            .args(["core", "start", "--debug"])
            // The stand-in cloud does in a second what takes a cloud minutes: as many events, in
            // far less time.
            .args((Line::in_use() == Line::V2).then_some("--circuit-breaker-refill-rate=100"))
            .env("TLS_CLIENT_CERTS_DIR", certificates)
            .env("HEALTH_PROBE_PORT", health_port.to_string())
            .env("METRICS_PORT", free_port().to_string())
            .env("WEBHOOK_PORT", free_port().to_string())
            .start(dir);
        wait_until_ready(&core, &rbac_manager, health_port).await;
        Self { core, rbac_manager }
    }
}

/// The program that installs Crossplane's own definitions.
fn init(dir: &Path, user: &User, hosts: &Hosts) -> Program {
    let line = Line::in_use();
    let program = tool(line.program());
    let program = match line {
        Line::V1 => {
            let root = dir.join("root");
            std::fs::create_dir_all(&root).expect("a directory for a root of its own");
            Program::with_hosts("crossplane-init", Path::new("sh"), hosts)
                .args(["-c", WITH_CRDS, "sh"])
                .args([root, line.source().join("cluster/crds"), program])
        }
        Line::V2 => Program::with_hosts("crossplane-init", &program, hosts),
    };
    in_a_pod(program, dir, user)
}

/// Crossplane 1.20 finds its definitions at `/crds` only: the program gets a root that is ours but
/// for that.
const WITH_CRDS: &str = r#"
mount -t tmpfs tmpfs "$1" || exit
for dir in /*; do
  if [ -d "$dir" ] && [ ! -L "$dir" ]; then mkdir "$1$dir" && mount --rbind "$dir" "$1$dir"; else cp -P "$dir" "$1"; fi || exit
done
mkdir "$1/crds" && mount --bind "$2" "$1/crds" && root=$1 && shift 2 && exec chroot "$root" "$@""#;

/// Sets the environment that Crossplane's Deployment sets.
fn in_a_pod(program: Program, dir: &Path, user: &User) -> Program {
    let packages = dir.join("xpkg");
    std::fs::create_dir_all(&packages).expect("a cache for packages");
    let source = Line::in_use().source();
    program
        .env("KUBECONFIG", &user.kubeconfig)
        .env("POD_NAMESPACE", NAMESPACE)
        .env("POD_SERVICE_ACCOUNT", "crossplane")
        .env("LEADER_ELECTION", "false")
        // The API server could not reach Crossplane's webhook through its Service.
        .env("ENABLE_WEBHOOKS", "false")
        .env("WEBHOOK_ENABLED", "false")
        .env("TLS_CA_SECRET_NAME", "crossplane-root-ca")
        .env("TLS_SERVER_SECRET_NAME", "crossplane-tls-server")
        .env("TLS_CLIENT_SECRET_NAME", CLIENT_SECRET)
        .env("CRDS_PATH", source.join("cluster/crds"))
        .env("WEBHOOK_CONFIGS_PATH", source.join("cluster/webhookconfigurations"))
        .env("XPKG_CACHE_DIR", packages)
        .env("XFN_CACHE_DIR", dir.join("xfn"))
}

const CLIENT_SECRET: &str = "crossplane-tls-client";

fn install_chart(dir: &Path, admin: &User) {
    let chart = Line::in_use().source().join("cluster/charts/crossplane");
    helm(
        dir,
        admin,
        ["install", "crossplane", "--create-namespace", "--namespace", NAMESPACE],
        &chart,
    );
}

/// Writes the certificate that init made for calling functions, as a pod would mount it.
async fn fetch_client_certificate(dir: &Path, admin: &User) -> PathBuf {
    let secrets: Api<Secret> = Api::namespaced(admin.client().await, NAMESPACE);
    let secret = secrets.get(CLIENT_SECRET).await.expect("init made the certificate");
    let target = dir.join("credentials").join(CLIENT_SECRET);
    write_secret(&secret, &target);
    target
}

async fn wait_until_ready(core: &Process, rbac_manager: &Process, health_port: u16) {
    eventually("Crossplane", async || {
        core.assert_running();
        rbac_manager.assert_running();
        tokio::net::TcpStream::connect(("127.0.0.1", health_port))
            .await
            .map(|_| ())
            .map_err(|error| error.to_string())
    })
    .await;
}
