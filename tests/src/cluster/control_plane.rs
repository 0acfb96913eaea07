//! etcd, kube-apiserver and kube-controller-manager.

use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::ports::free_port;
use super::process::{Process, Program};
use super::tools::tool;
use super::users::{Address, User};
use super::wait::eventually;
use crate::{pages, pki};

/// What a Kubernetes control plane is without nodes: no scheduler, and of the controllers
/// only those that deal with objects as such.
pub struct ControlPlane {
    /// The database.
    pub etcd: Process,
    /// The API server, with RBAC and the admission plugins of a production cluster.
    pub api_server: Process,
    /// Garbage collection, namespaces, service accounts, aggregated roles.
    pub controllers: Process,
    /// May do everything (`system:masters`).
    pub admin: User,
    /// May do nothing until a role is bound to the group `developers`.
    pub developer: User,
    /// The authority of the certificate that the API server shows to webhooks, which need not look
    /// at it: a file.
    pub webhook_clients: PathBuf,
    dir: PathBuf,
    address: Address,
}

const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,\
    serviceaccount-controller,clusterrole-aggregation-controller";

/// A year in seconds: there is no kubelet to renew tokens, and `tests/cluster/up` may be left alone.
const LONGER_THAN_ANY_CLUSTER: i64 = 365 * 24 * 60 * 60;

impl ControlPlane {
    pub(super) async fn start(dir: &Path) -> Self {
        let credentials = Credentials::write(dir);
        let etcd_url = format!("http://127.0.0.1:{}", free_port());
        let etcd = start_etcd(dir, &etcd_url);

        let port = free_port();
        let api_server = start_api_server(dir, port, &etcd_url, &credentials);
        let address = Address { url: format!("https://127.0.0.1:{port}"), ca_pem: credentials.ca };
        let admin = User::new(dir, "admin", ADMIN_TOKEN, &address);
        let developer = User::new(dir, "developer", DEVELOPER_TOKEN, &address);
        wait_until_ready(&admin, &[&etcd, &api_server]).await;

        let controllers = Program::new("kube-controller-manager", &tool("kube-controller-manager"))
            .args([
                format!("--kubeconfig={}", admin.kubeconfig.display()),
                format!("--controllers={CONTROLLERS}"),
                format!("--secure-port={}", free_port()),
                "--bind-address=127.0.0.1".into(),
                "--leader-elect=false".into(),
            ])
            .start(dir);

        let webhook_clients = credentials.webhook_clients;
        let dir = dir.to_owned();
        Self { etcd, api_server, controllers, admin, developer, webhook_clients, dir, address }
    }

    /// The user a pod with this ServiceAccount would be. The account must exist.
    pub async fn service_account(&self, namespace: &str, name: &str) -> User {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin.client().await, namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(LONGER_THAN_ANY_CLUSTER),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .unwrap_or_else(|error| panic!("no token for {namespace}/{name}: {error}"));
        let token = answer.status.expect("an issued token").token;
        User::new(&self.dir, &format!("{namespace}.{name}"), &token, &self.address)
    }
}

fn start_etcd(dir: &Path, url: &str) -> Process {
    let peer_url = format!("http://127.0.0.1:{}", free_port());
    Program::new("etcd", &tool("etcd"))
        .args([
            "--data-dir".into(),
            dir.join("etcd").display().to_string(),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            format!("--listen-peer-urls={peer_url}"),
            format!("--initial-advertise-peer-urls={peer_url}"),
            format!("--initial-cluster=default={peer_url}"),
        ])
        .start(dir)
}

fn start_api_server(dir: &Path, port: u16, etcd_url: &str, credentials: &Credentials) -> Process {
    let path = |path: &Path| path.display().to_string();
    Program::new("kube-apiserver", &tool("kube-apiserver"))
        .args([
            format!("--etcd-servers={etcd_url}"),
            "--bind-address=127.0.0.1".into(),
            "--advertise-address=127.0.0.1".into(),
            format!("--secure-port={port}"),
            format!("--tls-cert-file={}", path(&credentials.server_certificate)),
            format!("--tls-private-key-file={}", path(&credentials.server_key)),
            "--service-cluster-ip-range=10.0.0.0/24".into(),
            // There is no node to reach the `kubernetes` service.
            "--endpoint-reconciler-type=none".into(),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            format!("--service-account-key-file={}", path(&credentials.accounts_public_key)),
            format!("--service-account-signing-key-file={}", path(&credentials.accounts_key)),
            format!("--token-auth-file={}", path(&credentials.tokens)),
            format!("--admission-control-config-file={}", path(&credentials.admission)),
            // A webhook's Service is reached by the addresses in its EndpointSlices: no proxy
            // serves a cluster IP here.
            "--enable-aggregator-routing=true".into(),
            "--authorization-mode=Node,RBAC".into(),
            // Beside the default ones; kubeadm sets the same.
            "--enable-admission-plugins=NodeRestriction".into(),
        ])
        .start(dir)
}

async fn wait_until_ready(admin: &User, processes: &[&Process]) {
    let client = admin.client().await;
    eventually("the API server", async || {
        for process in processes {
            process.assert_running();
        }
        let request = http::Request::get("/readyz").body(Vec::new());
        let answer = client.request_text(request.expect("a request")).await;
        answer.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
}

/// The API server's configuration, and the kubeconfig that it names, by which it shows webhooks a
/// certificate.
fn client_certificate_setup() -> [String; 2] {
    let page = fs::read_to_string(pages::top().join("docs/src/operations/limits.md"))
        .expect("the page about limits");
    ["kind: AdmissionConfiguration", "kind: Config\n"].map(|kind| {
        let blocks = pages::blocks(&page).into_iter();
        let block = blocks.filter(|block| block.info == "yaml").find(|b| b.text.contains(kind));
        block.unwrap_or_else(|| panic!("no {kind} on the page")).text
    })
}

const ADMIN_TOKEN: &str = "admin-token";
const DEVELOPER_TOKEN: &str = "developer-token";

/// Files the API server reads when it starts.
struct Credentials {
    ca: PathBuf,
    server_certificate: PathBuf,
    server_key: PathBuf,
    accounts_key: PathBuf,
    accounts_public_key: PathBuf,
    tokens: PathBuf,
    webhook_clients: PathBuf,
    admission: PathBuf,
}

impl Credentials {
    fn write(dir: &Path) -> Self {
        let dir = dir.join("credentials");
        fs::create_dir_all(&dir).expect("a directory for credentials");
        let write = |name: &str, content: String| {
            let path = dir.join(name);
            fs::write(&path, content).expect("a credentials file");
            path
        };
        let key = || KeyPair::generate().expect("a key");

        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, key()).expect("a certificate authority");
        let server_key = key();
        let accounts_key = key();
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
            .and_then(|params| params.signed_by(&server_key, &ca))
            .expect("a server certificate");

        let clients = pki::Authority::new();
        let client = clients.issue("kube-apiserver");
        let certificate_file = write("webhooks.crt", client.certificate);
        let key_file = write("webhooks.key", client.key);
        // As the page says that it is to be set up, but for where the files are and which webhooks.
        let [admission, kubeconfig] = client_certificate_setup();
        let kubeconfig = kubeconfig
            .replace("idp-webhook.idp-system.svc", "\"*\"")
            .replace("/etc/kubernetes/webhooks.crt", &certificate_file.display().to_string())
            .replace("/etc/kubernetes/webhooks.key", &key_file.display().to_string());
        let kubeconfig = write("webhooks.kubeconfig", kubeconfig).display().to_string();
        let admission = admission.replace("/etc/kubernetes/webhooks.kubeconfig", &kubeconfig);

        Self {
            webhook_clients: write("webhook-clients.crt", clients.certificate),
            admission: write("admission.yaml", admission),
            ca: write("ca.crt", ca.pem()),
            server_certificate: write("apiserver.crt", certificate.pem()),
            server_key: write("apiserver.key", server_key.serialize_pem()),
            accounts_key: write("service-accounts.key", accounts_key.serialize_pem()),
            accounts_public_key: write("service-accounts.pub", accounts_key.public_key_pem()),
            tokens: write(
                "tokens.csv",
                format!(
                    "{ADMIN_TOKEN},admin,1,system:masters\n\
                     {DEVELOPER_TOKEN},developer,2,developers\n"
                ),
            ),
        }
    }
}
