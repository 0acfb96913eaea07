//! Our programs as processes.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use idp_tests::cluster::{Process, Program, our_program};
use idp_tests::https::{Connection, Trust};
use idp_tests::pki::{Authority, MountedSecret};
use serde_json::{Value, json};
use tempfile::TempDir;

pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// `idp-webhook`, without a cluster.
pub struct Webhook {
    pub process: Process,
    pub address: SocketAddr,
    pub ops: SocketAddr,
    pub read: SocketAddr,
    pub authority: Authority,
    /// The folder that its certificate comes from.
    pub secret: MountedSecret,
    _dir: TempDir,
}

impl Webhook {
    pub async fn start() -> Self {
        Self::with_environment(&[]).await
    }

    pub async fn with_environment(environment: &[(&str, String)]) -> Self {
        Self::with(&[], environment).await
    }

    pub async fn with(arguments: &[String], environment: &[(&str, String)]) -> Self {
        let authority = Authority::new();
        let secret = MountedSecret::new(&authority.issue("localhost"), &authority.certificate);
        let (address, ops, read) = (free_address(), free_address(), free_address());
        let dir = TempDir::new().unwrap();
        let mut program = Program::new("webhook", &our_program("idp-webhook"))
            .args([
                "--catalog=embedded".to_owned(),
                format!("--address={address}"),
                format!("--metrics-address={ops}"),
                format!("--read-address={read}"),
            ])
            .args(arguments.iter().cloned())
            .env("TLS_SERVER_CERTS_DIR", secret.path())
            .env("RUST_LOG", "warn,idp_webhook::run=info");
        for (name, value) in environment {
            program = program.env(name, value);
        }
        let webhook = Webhook {
            process: program.start(dir.path()),
            address,
            ops,
            read,
            authority,
            secret,
            _dir: dir,
        };
        webhook.listening().await;
        webhook
    }

    async fn listening(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(self.ops).await.is_err() {
            self.process.assert_running();
            assert!(Instant::now() < deadline, "does not listen\n{}", self.process.log_tail());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn trust(&self) -> Trust {
        Trust::new(&self.authority.certificate).unwrap()
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(self.address, &self.trust()).await.unwrap()
    }

    pub fn signal(&self, signal: &str) {
        signal_to(&self.process, signal);
    }

    /// Waits until it has ended, well.
    pub async fn ended(&self) {
        ended(&self.process).await;
    }

    /// Memory that is resident, MiB.
    pub fn resident(&self) -> f64 {
        idp_tests::usage::memory(self.process.pid(), "VmRSS")
    }
}

pub fn signal_to(process: &Process, signal: &str) {
    assert!(
        Command::new("kill")
            .args(["-s", signal, &process.pid().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

pub async fn ended(process: &Process) {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        if let Some(status) = process.exit_status() {
            assert!(status.success(), "{status}\n{}", process.log_tail());
            return;
        }
        assert!(Instant::now() < deadline, "still runs\n{}", process.log_tail());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An AdmissionReview of an object's CREATE.
pub fn review(object: &Value) -> Vec<u8> {
    let (group, version) = object["apiVersion"].as_str().unwrap().split_once('/').unwrap();
    let kind = json!({"group": group, "version": version, "kind": object["kind"]});
    let resource = idp_crds::product::ProductApi::plural(object["kind"].as_str().unwrap());
    let resource = json!({"group": group, "version": version, "resource": resource});
    let review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"], "operation": "CREATE",
            "userInfo": {"username": "alice", "groups": ["developers", "system:authenticated"]},
            "object": object, "oldObject": null, "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}
        }
    });
    serde_json::to_vec(&review).unwrap()
}

/// A good claim.
pub fn claim() -> Value {
    json!({
        "apiVersion": "db.platform.example.org/v1alpha1", "kind": "MySQLInstanceClaim",
        "metadata": {"name": "orders-db", "namespace": "team-alpha"},
        "spec": {"parameters": {"cell": "c1", "tier": "medium", "environment": "production", "size": "large", "storageGB": 100}}
    })
}

/// The response of an AdmissionReview.
pub fn response(body: &[u8]) -> Value {
    let mut review: Value = serde_json::from_slice(body).unwrap();
    review["response"].take()
}
