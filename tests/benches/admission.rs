//! What an admission costs: a claim's CREATE with a full decision, beside a handler that reads the
//! same body and answers a fixed review, both as processes of their own, over HTTP/1.1 keep-alive
//! TLS as the API server speaks it.
//!
//! `cargo bench --bench admission`; `SECONDS=30` for longer runs, `BESIDE=<idp-webhook>` for another
//! build's program in the same run. Compare rows, not machines. The webhook logs as it is shipped.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use clap::Parser as _;
use idp_serving::http::{self, Options};
use idp_serving::runtime::runtime;
use idp_serving::tls::{Pem, ReloadingTls};
use idp_tests::https::{Connection, Trust};
use idp_tests::usage;
use idp_webhook::certificates::Authority;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant as Tick, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// As the webhook itself has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that ask as fast as they are answered.
const CONNECTIONS: usize = 64;
/// Connections that ask at a given pace, together once in a millisecond.
const PACED: u32 = 20;
const PATH: &str = "/mutate?timeout=10s";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["webhook", address, ca_file] => serve_webhook(address, ca_file),
        ["fixed", address, ca_file] => serve_fixed(address, Path::new(ca_file)),
        _ => measure(),
    }
}

fn measure() {
    let seconds = std::env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let time = Duration::from_secs(seconds);
    println!(
        "{:<9}{:>10}{:>14}{:>11}{:>11}{:>10}{:>10}",
        "handler", "req/s", "CPU µs/req", "p50 ms", "p99 ms", "RSS MiB", "peak"
    );
    println!("{:<9}{:>24}{:>22}", "", format!("({CONNECTIONS} connections)"), "(1000 req/s)");
    let mut rates: BTreeMap<&str, f64> = BTreeMap::new();
    let beside = std::env::var("BESIDE").ok();
    let kinds = || ["fixed", "webhook"].into_iter().chain(beside.is_some().then_some("beside"));
    // In turns, so that whatever else the machine does hits all.
    for kind in kinds().chain(kinds()) {
        let server = Server::start(kind, beside.as_deref());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let body = review();
        runtime.block_on(server.flood(&body, Duration::from_secs(1)));
        let (cpu, started) = (usage::cpu(server.process.id()), Instant::now());
        let answered = runtime.block_on(server.flood(&body, time)) as f64;
        let rate = answered / started.elapsed().as_secs_f64();
        let cpu = (usage::cpu(server.process.id()) - cpu) / answered * 1e6;
        let mut latencies = runtime.block_on(server.pace(&body, time));
        latencies.sort_unstable();
        let at = |share: f64| {
            latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
        };
        let (rss, peak) = (
            usage::memory(server.process.id(), "VmRSS"),
            usage::memory(server.process.id(), "VmHWM"),
        );
        println!(
            "{kind:<9}{rate:>10.0}{cpu:>14.1}{:>11.3}{:>11.3}{rss:>10.1}{peak:>10.1}",
            at(0.5),
            at(0.99)
        );
        *rates.entry(kind).or_default() += rate;
    }
    for (kind, rate) in &rates {
        println!("throughput, {kind} to fixed: {:.2}", rate / rates["fixed"]);
    }
}

/// A server under test; it ends with its handle.
struct Server {
    process: Child,
    address: SocketAddr,
    ca_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(kind: &str, beside: Option<&str>) -> Self {
        let address = free_address();
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.crt");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = match beside.filter(|_| kind == "beside") {
            Some(program) => {
                let mut command = Command::new(program);
                let ca_file = ca_file.display().to_string();
                command.args(&webhook_arguments(&address.to_string(), &ca_file)[1..]);
                command
            }
            None => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args([kind, &address.to_string()]).arg(&ca_file);
                command
            }
        };
        let process = command.env("RUST_LOG", "info").stderr(log).spawn().unwrap();
        while std::net::TcpStream::connect(address).is_err() || !ca_file.exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Server { process, address, ca_file, _folder: folder }
    }

    async fn connect(&self) -> Connection {
        let trust = Trust::new(&std::fs::read_to_string(&self.ca_file).unwrap()).unwrap();
        Connection::open(self.address, &trust).await.unwrap()
    }

    /// Asks as fast as answers come; how many came.
    async fn flood(&self, body: &Bytes, time: Duration) -> u64 {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let (mut connection, body) = (self.connect().await, body.clone());
            clients.push(tokio::spawn(async move {
                let (end, mut answered) = (Instant::now() + time, 0);
                while Instant::now() < end {
                    assert_eq!(connection.post(PATH, &body).await.unwrap().status, 200);
                    answered += 1;
                }
                answered
            }));
        }
        let mut answered = 0;
        for client in clients {
            answered += client.await.unwrap();
        }
        answered
    }

    /// Asks a thousand times a second; how long each answer took from when its request was due: one
    /// that had to wait for the answer before it has waited, too. (That a timer wakes up late is
    /// nobody's answer.)
    async fn pace(&self, body: &Bytes, time: Duration) -> Vec<Duration> {
        let mut connections = Vec::new();
        for _ in 0..PACED {
            connections.push(self.connect().await);
        }
        let start = Tick::now() + Duration::from_millis(10);
        let clients: Vec<_> = (0..)
            .zip(connections)
            .map(|(at, mut connection)| {
                let body = body.clone();
                tokio::spawn(async move {
                    let mut due = start + Duration::from_millis(at);
                    let mut latencies = Vec::new();
                    while due < start + time {
                        let is_late = Tick::now() > due;
                        sleep_until(due).await;
                        let asked = if is_late { due } else { Tick::now() };
                        assert_eq!(connection.post(PATH, &body).await.unwrap().status, 200);
                        latencies.push(asked.elapsed());
                        due += Duration::from_millis(PACED.into());
                    }
                    latencies
                })
            })
            .collect();
        let mut all = Vec::new();
        for client in clients {
            all.extend(client.await.unwrap());
        }
        sleep(Duration::from_millis(10)).await;
        all
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn webhook_arguments(address: &str, ca_file: &str) -> Vec<String> {
    vec![
        "idp-webhook".to_owned(),
        "--catalog=embedded".to_owned(),
        format!("--address={address}"),
        format!("--metrics-address={}", free_address()),
        "--read-address=".to_owned(),
        format!("--ca-file={ca_file}"),
    ]
}

/// The whole program.
fn serve_webhook(address: &str, ca_file: &str) {
    let options = webhook_arguments(address, ca_file);
    let _ = idp_webhook::run::main(idp_webhook::options::Options::parse_from(options));
}

/// The same server, TLS and threads around a handler that knows its answer.
fn serve_fixed(address: &str, ca_file: &Path) {
    const ANSWER: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","allowed":true}}"#;
    let authority = Authority::new(Timestamp::now(), 1).unwrap();
    let serving = authority.sign(&["localhost".to_owned()], Timestamp::now(), 1).unwrap();
    let pem =
        Pem { certificate: serving.certificate.into(), key: serving.key.into(), client_ca: None };
    let answer = async |body: Bytes| {
        std::hint::black_box(&body);
        ([("content-type", "application/json")], ANSWER)
    };
    runtime().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        std::fs::write(ca_file, &authority.certificate).unwrap();
        let options = Options { tls: Some(ReloadingTls::new(&pem).unwrap()), ..Options::default() };
        http::serve(
            listener,
            options,
            Router::new().route("/mutate", post(answer)),
            CancellationToken::new(),
        )
        .await;
    });
}

/// A claim's CREATE as `kubectl apply` leads to it.
fn review() -> Bytes {
    let claim: Value = json!({
        "apiVersion": "db.platform.example.org/v1alpha1", "kind": "MySQLInstanceClaim",
        "metadata": {
            "name": "orders-db", "namespace": "team-alpha", "uid": "f6a8bd3c-0f9c-4f52-8d39-7b6f6b3c8a11", "generation": 1,
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"apiVersion\":\"db.platform.example.org/v1alpha1\"}\n"},
            "managedFields": [{
                "manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "db.platform.example.org/v1alpha1",
                "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {".": {}, "f:parameters": {".": {}, "f:cell": {}, "f:tier": {}, "f:environment": {}, "f:size": {}, "f:storageGB": {}}}}
            }]
        },
        "spec": {"parameters": {"cell": "c1", "tier": "medium", "environment": "production", "size": "large", "storageGB": 100}}
    });
    let kind = json!({"group": "db.platform.example.org", "version": "v1alpha1", "kind": "MySQLInstanceClaim"});
    let resource = json!({"group": "db.platform.example.org", "version": "v1alpha1", "resource": "mysqlinstanceclaims"});
    let review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": "orders-db", "namespace": "team-alpha", "operation": "CREATE",
            "userInfo": {"username": "alice", "groups": ["developers", "system:authenticated"]},
            "object": claim, "oldObject": null, "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-client-side-apply"}
        }
    });
    serde_json::to_vec(&review).unwrap().into()
}
