//! There is no kubelet: what a pod would run is started here, as its template says, with the rights
//! of its ServiceAccount.

use std::net::{IpAddr, TcpListener, UdpSocket};
use std::path::PathBuf;

use idp_tests::cluster::{Cluster, Process, Program, eventually, our_program};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, PodSpec, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

pub const NAMESPACE: &str = "idp-system";
/// What the webhook stamps on a workload.
pub const REASON: &str = "platform.example.org/placement-reason";
const WEBHOOK: &str = "idp-webhook";

/// The program that a container's image holds.
fn program(container: &Container) -> PathBuf {
    let image = container.image.as_deref().unwrap();
    our_program(image.rsplit('/').next().and_then(|last| last.split([':', '@']).next()).unwrap())
}

/// The pod's only container as a program.
async fn container(cluster: &Cluster, name: &'static str, pod: &PodSpec) -> Program {
    let account = pod.service_account_name.as_deref().unwrap();
    let user = cluster.control_plane.service_account(NAMESPACE, account).await;
    let container = &pod.containers[0];
    let mut program = Program::new(name, &program(container)).env("KUBECONFIG", &user.kubeconfig);
    for variable in container.env.iter().flatten() {
        let field = || {
            variable.value_from.as_ref()?.field_ref.as_ref().map(|field| field.field_path.as_str())
        };
        let value = match (variable.value.as_deref(), field()) {
            (Some(value), _) => value,
            (None, Some("metadata.namespace")) => NAMESPACE,
            (None, Some("metadata.name")) => name,
            other => panic!("{}: {other:?}", variable.name),
        };
        program = program.env(&variable.name, value);
    }
    program.args(container.args.iter().flatten())
}

/// A replica of the webhook, behind its Service.
pub struct Replica {
    pub process: Process,
    ready: String,
}

/// Starts a replica as the Deployment says, and adds it to the Service.
pub async fn webhook(cluster: &Cluster, name: &'static str) -> Replica {
    let client = cluster.control_plane.admin.client().await;
    let deployment =
        Api::<Deployment>::namespaced(client.clone(), NAMESPACE).get(WEBHOOK).await.unwrap();
    let template = deployment.spec.unwrap().template;
    let pod = template.spec.unwrap();
    let service = Api::<Service>::namespaced(client.clone(), NAMESPACE)
        .get(WEBHOOK)
        .await
        .unwrap()
        .spec
        .unwrap();
    let labels = template.metadata.unwrap().labels.unwrap();
    for (key, value) in service.selector.as_ref().unwrap() {
        assert_eq!(labels.get(key), Some(value), "the Service selects the Deployment's pods");
    }

    let (address, port, metrics) = (own_address(), free_port(), free_port());
    let process = container(cluster, name, &pod)
        .await
        // The template's ports may be taken: this is no network of its own.
        .args([
            format!("--address={address}:{port}"),
            format!("--metrics-address=127.0.0.1:{metrics}"),
            format!("--read-address=127.0.0.1:{}", free_port()),
        ])
        .start(&cluster.dir);

    let ports: Vec<_> = service.ports.iter().flatten().collect();
    let https =
        ports.iter().find(|one| one.port == 443).expect("the port that the registration names");
    let Some(IntOrString::String(target)) = &https.target_port else { panic!("{https:?}") };
    assert!(
        pod.containers[0].ports.iter().flatten().any(|port| port.name.as_ref() == Some(target)),
        "{target}"
    );
    let slice: EndpointSlice = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": WEBHOOK}},
        "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
        "ports": [{"name": https.name, "port": port, "protocol": "TCP"}],
    }))
    .unwrap();
    let slices: Api<EndpointSlice> = Api::namespaced(client, NAMESPACE);
    slices.create(&PostParams::default(), &slice).await.unwrap();

    let probe = pod.containers[0].readiness_probe.as_ref().unwrap().http_get.as_ref().unwrap();
    assert_eq!(probe.port, IntOrString::String("metrics".to_owned()));
    let replica = Replica {
        process,
        ready: format!("http://127.0.0.1:{metrics}{}", probe.path.as_deref().unwrap()),
    };
    eventually("a ready webhook", async || replica.ready().await).await;
    replica
}

impl Replica {
    /// Whether its readiness probe succeeds.
    async fn ready(&self) -> Result<(), String> {
        self.process.assert_running();
        let address = self.ready.trim_start_matches("http://").split('/').next().unwrap();
        let path = self.ready.trim_start_matches("http://").trim_start_matches(address);
        let answer = http_get(address, path).await.map_err(|error| error.to_string())?;
        if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer) }
    }

    /// Its resident memory, as the kernel says it: all of it, its own, and what it has mapped of
    /// its binary.
    pub fn resident(&self) -> String {
        let line =
            |name| format!("{name} {:.1} MiB", idp_tests::usage::memory(self.process.pid(), name));
        ["VmRSS", "RssAnon", "RssFile"].map(line).join(", ")
    }

    /// Ends it, and takes it out of the Service.
    pub async fn stop(self, cluster: &Cluster, name: &str) {
        self.process.kill();
        cluster
            .control_plane
            .admin
            .kubectl(&["-n", NAMESPACE, "delete", "endpointslice", name], "")
            .unwrap();
    }
}

async fn http_get(address: &str, path: &str) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut connection = tokio::net::TcpStream::connect(address).await?;
    connection
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Runs a Job once helm has made it, and says that it is done, as its controller would.
pub async fn job(cluster: &Cluster, name: &'static str) {
    let jobs: Api<Job> = Api::namespaced(cluster.control_plane.admin.client().await, NAMESPACE);
    let job =
        eventually("the Job", async || jobs.get(name).await.map_err(|error| error.to_string()))
            .await;
    let pod = job.spec.unwrap().template.spec.unwrap();
    container(cluster, name, &pod).await.finish(&cluster.dir).await;
    let now = job.metadata.creation_timestamp.unwrap().0;
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now});
    let done = json!({"status": {
        "startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
    }});
    jobs.patch_status(name, &PatchParams::default(), &Patch::Merge(&done)).await.unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An address of this machine that is not loopback: EndpointSlices hold no other. Nothing is sent.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").expect("an address that is not loopback");
    socket.local_addr().unwrap().ip()
}
