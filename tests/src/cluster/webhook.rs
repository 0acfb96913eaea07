//! The admission webhook as the chart sets it up, and our program as its pod, reached by URL.
//!
//! It is there when a test first asks for it ([`Cluster::with_webhook`]), and again for every test
//! after one that took it away.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::ours::{RELEASE, RELEASE_NAMESPACE, our_program, turn_on_webhook};
use super::ports::free_port;
use super::process::{Process, Program};
use super::users::User;
use super::{Cluster, MYSQL, eventually};

/// The annotation that it stamps.
pub const REASON: &str = "platform.example.org/placement-reason";

/// The webhook, with the rights of its own ServiceAccount.
pub struct Webhook {
    /// The program.
    pub process: Process,
    user: User,
    admin: User,
    read_api: SocketAddr,
    dir: PathBuf,
    /// Held while it is started or taken away.
    change: Mutex<()>,
}

impl Cluster {
    /// The shared cluster with the webhook in it.
    pub async fn with_webhook() -> Option<(&'static Self, &'static Webhook)> {
        let cluster = Self::shared()?;
        Some((cluster, cluster.webhook().await))
    }

    /// The webhook, started when it is first asked for.
    pub async fn webhook(&self) -> &Webhook {
        self.webhook.get_or_init(|| Webhook::start_first(self)).await
    }
}

impl Webhook {
    async fn start_first(cluster: &Cluster) -> Self {
        let (dir, admin) = (&cluster.dir, &cluster.control_plane.admin);
        turn_on_webhook(dir, admin);
        let name = format!("{RELEASE}-webhook");
        let user = cluster.control_plane.service_account(RELEASE_NAMESPACE, &name).await;
        let (port, read_api) = (free_port(), SocketAddr::from(([127, 0, 0, 1], free_port())));
        let process = program(dir, "webhook", &user)
            .args([
                "--debug".to_owned(),
                format!("--namespace={RELEASE_NAMESPACE}"),
                format!("--address=127.0.0.1:{port}"),
                format!("--metrics-address=127.0.0.1:{}", free_port()),
                format!("--read-address={read_api}"),
                format!("--url=https://localhost:{port}"),
            ])
            .start(dir);
        let admin = admin.clone();
        let webhook =
            Self { process, user, admin, read_api, dir: dir.clone(), change: Mutex::new(()) };
        webhook.start().await;
        webhook
    }

    /// Starts it, unless it runs, and waits until the API server asks it about claims.
    pub async fn start(&self) {
        let _alone = self.change.lock().await;
        if self.process.exit_status().is_some() {
            self.process.restart();
        }
        let client = self.admin.client().await;
        eventually("the webhook's stamp", async || {
            self.process.assert_running();
            stamp(&client).await?.map(|_| ()).ok_or_else(|| "nobody stamps claims".to_owned())
        })
        .await;
    }

    /// Ends it without warning. The API server goes on asking, in vain: claims fail closed.
    pub fn crash(&self) {
        self.process.kill();
    }

    /// Takes it away, registration and all, and waits until the API server has noticed.
    pub async fn remove(&self) {
        let _alone = self.change.lock().await;
        self.process.kill();
        program(&self.dir, "webhook-unregister", &self.user)
            .args(["unregister"])
            .finish(&self.dir)
            .await;
        let client = self.admin.client().await;
        eventually("claims without the webhook", async || match stamp(&client).await? {
            None => Ok(()),
            Some(_) => Err("claims are still stamped".to_owned()),
        })
        .await;
    }

    /// Waits until it has seen that these providers are healthy, for new placements, and no others.
    pub async fn has_seen_healthy(&self, providers: &[&str]) {
        eventually("the webhook to know which providers are healthy", async || {
            let answer = self.ask("/api/providers/health").await?;
            let all = answer["providers"].as_object().ok_or_else(|| answer.to_string())?;
            let healthy = |state: &Value| state["healthy"] == true && state["circuit"] == "closed";
            let agrees = all
                .iter()
                .all(|(name, state)| healthy(state) == providers.contains(&name.as_str()));
            agrees.then_some(()).ok_or_else(|| answer.to_string())
        })
        .await;
    }

    /// An answer of its read API.
    async fn ask(&self, path: &str) -> Result<Value, String> {
        let ask = async || {
            let mut stream = TcpStream::connect(self.read_api).await?;
            let bearer = format!("authorization: Bearer {}", self.admin.token);
            let request = format!("GET {path} HTTP/1.0\r\n{bearer}\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok(answer)
        };
        let answer = ask().await.map_err(|error: std::io::Error| error.to_string())?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| answer.clone())?;
        serde_json::from_str(body).map_err(|error| format!("{error}: {answer}"))
    }
}

fn program(dir: &Path, name: &'static str, user: &User) -> Program {
    Program::new(name, &our_program("idp-webhook"))
        .env("KUBECONFIG", &user.kubeconfig)
        .env("HOME", dir)
}

/// The decision that a new claim would get; none where nobody decides at admission.
async fn stamp(client: &Client) -> Result<Option<String>, String> {
    let (group, version) = MYSQL.api_version.split_once('/').expect("a group and a version");
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, MYSQL.kind));
    let claim: DynamicObject =
        serde_json::from_value(MYSQL.manifest("where-would-it-go")).expect("a claim");
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let answer = Api::<DynamicObject>::namespaced_with(client.clone(), "default", &kind)
        .create(&dry_run, &claim)
        .await;
    let claim = answer.map_err(|error| error.to_string())?;
    Ok(claim.metadata.annotations.and_then(|mut all| all.remove(REASON)))
}
