//! The function package as Crossplane installs it, and our program as its pod.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;

use super::Cluster;
use super::crossplane::NAMESPACE;
use super::hosts::Hosts;
use super::ours::our_program;
use super::ports::free_port;
use super::process::{Process, Program};
use super::users::{User, write_secret};
use super::wait::eventually;

/// The name of the Function, which is also that of its Service.
pub(super) const FUNCTION: &str = "function-idp-multicloud";

/// Where the address of its metrics is written down.
const METRICS: &str = "function.metrics";

/// Starts `idp serve` with the certificate Crossplane made for the package, and waits until
/// Crossplane takes the function for healthy.
pub(super) async fn start(dir: &Path, admin: &User, hosts: &Hosts) -> Process {
    let client = admin.client().await;
    let certificates = certificates(dir, &client).await;
    let metrics = format!("127.0.0.1:{}", free_port());
    std::fs::write(dir.join(METRICS), &metrics).expect("the cluster's directory is writable");
    let process = Program::new("function", &our_program("idp"))
        .args(["serve", "--debug"])
        .args([format!("--address={}:9443", hosts.function)])
        .args([format!("--metrics-address={metrics}")])
        .env("TLS_SERVER_CERTS_DIR", certificates)
        .start(dir);
    play_the_kubelet(&client).await;
    wait_until_healthy(&client, &process).await;
    process
}

impl Cluster {
    /// How many calls the function has answered since it was started.
    pub fn function_calls(&self) -> u64 {
        let address = std::fs::read_to_string(self.dir.join(METRICS)).expect("the function runs");
        let mut connection = TcpStream::connect(address).expect("its metrics are served");
        let request = b"GET /metrics HTTP/1.1\r\nHost: function\r\nConnection: close\r\n\r\n";
        connection.write_all(request).expect("the request is taken");
        let mut page = String::new();
        connection.read_to_string(&mut page).expect("an answer");
        let counts = page.lines().filter(|line| line.starts_with("grpc_server_started_total{"));
        let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        counts.sum()
    }

    /// Gives the function the certificate of a package that was installed again, and waits until
    /// Crossplane takes it for healthy.
    pub async fn function_again(&self) {
        let client = self.control_plane.admin.client().await;
        certificates(&self.dir, &client).await;
        self.function.restart();
        play_the_kubelet(&client).await;
        wait_until_healthy(&client, &self.function).await;
    }
}

/// The revision of our function; Crossplane names it after the package's digest.
async fn revision(client: &Client) -> Result<DynamicObject, String> {
    let kind = GroupVersionKind::gvk("pkg.crossplane.io", "v1", "FunctionRevision");
    let revisions = Api::<DynamicObject>::all_with(client.clone(), &ApiResource::from_gvk(&kind));
    let list = revisions.list(&Default::default()).await;
    let list = list.map_err(|error| error.to_string())?;
    list.items.into_iter().next().ok_or_else(|| "no FunctionRevision".to_owned())
}

/// Writes the server certificate as the pod would have it mounted.
async fn certificates(dir: &Path, client: &Client) -> PathBuf {
    let secret = eventually("the function's certificate", async || {
        let revision = revision(client).await?;
        let (spec, status) = (&revision.data["spec"], &revision.data["status"]);
        // Crossplane 1.20 has the name in the spec, long before there is an endpoint.
        let name =
            status["tlsServerSecretName"].as_str().or_else(|| spec["tlsServerSecretName"].as_str());
        let (Some(name), Some(endpoint)) = (name, status["endpoint"].as_str()) else {
            return Err(format!("the revision has no certificate or no endpoint: {status}"));
        };
        assert_eq!(endpoint, format!("dns:///{FUNCTION}.{NAMESPACE}:9443"));
        let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
        let secret = secrets.get(name).await.map_err(|error| error.to_string())?;
        let ready = secret.data.as_ref().is_some_and(|data| data.contains_key("tls.crt"));
        ready.then_some(secret).ok_or_else(|| "the Secret is still empty".to_owned())
    })
    .await;
    let target = dir.join("credentials/function");
    write_secret(&secret, &target);
    target
}

/// There is no kubelet to say that the pod runs, and Crossplane waits for it.
async fn play_the_kubelet(client: &Client) {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let available = json!({"status": {"conditions": [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
    ]}});
    eventually("the function's Deployment", async || {
        let name = revision(client).await?.metadata.name.unwrap_or_default();
        let patch = Patch::Strategic(&available);
        let patched = deployments.patch_status(&name, &PatchParams::default(), &patch).await;
        patched.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
}

async fn wait_until_healthy(client: &Client, process: &Process) {
    eventually("a healthy function", async || {
        process.assert_running();
        let revision = revision(client).await?;
        let conditions = revision.data["status"]["conditions"].as_array().cloned();
        let healthy = |kind: &str| {
            conditions.iter().flatten().any(|one| one["type"] == kind && one["status"] == "True")
        };
        // One condition of Crossplane 1.20 became two.
        let all = healthy("Healthy") || healthy("RevisionHealthy") && healthy("RuntimeHealthy");
        if all { Ok(()) } else { Err(format!("{conditions:?}")) }
    })
    .await;
}
