//! The first moments of the webhook: a signal is never too early, and nothing is judged by a
//! catalog that was not read.

use std::time::Duration;

use idp_tests::cluster::{Process, Program, our_program};
use idp_tests::https::{Connection, Trust};
use idp_tests::pki::{Authority, MountedSecret};
use tempfile::TempDir;

use super::fixture::{claim, ended, free_address, review, signal_to};

/// A webhook of a cluster whose API server takes connections and says nothing.
async fn in_a_silent_cluster(
    secret: &MountedSecret,
    dir: &TempDir,
) -> (Process, std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = silent.local_addr().unwrap();
    let silence = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            taken.push(stream);
        }
    });
    let kubeconfig = dir.path().join("kubeconfig");
    let config = format!(
        "{{apiVersion: v1, kind: Config, current-context: it, clusters: [{{name: it, cluster: {{server: \"http://{server}\"}}}}], \
         users: [{{name: it, user: {{}}}}], contexts: [{{name: it, context: {{cluster: it, user: it}}}}]}}"
    );
    std::fs::write(&kubeconfig, config).unwrap();
    let address = free_address();
    let process = Program::new("webhook", &our_program("idp-webhook"))
        .args([format!("--address={address}"), format!("--metrics-address={}", free_address())])
        .args([format!("--url=https://{address}"), "--read-address=".to_owned()])
        .env("TLS_SERVER_CERTS_DIR", secret.path())
        .env("KUBECONFIG", &kubeconfig)
        .start(dir.path());
    while tokio::net::TcpStream::connect(address).await.is_err() {
        process.assert_running();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (process, address, silence)
}

#[tokio::test]
async fn a_review_before_the_catalog_is_read_is_not_judged() {
    let authority = Authority::new();
    let secret = MountedSecret::new(&authority.issue("localhost"), &authority.certificate);
    let dir = TempDir::new().unwrap();
    let (process, address, silence) = in_a_silent_cluster(&secret, &dir).await;
    let mut connection =
        Connection::open(address, &Trust::new(&authority.certificate).unwrap()).await.unwrap();
    for path in ["/mutate?timeout=10s", "/validate?timeout=10s"] {
        let reply = connection.post(path, &review(&claim())).await.unwrap();
        assert_eq!(
            (reply.status, String::from_utf8_lossy(&reply.body).trim()),
            (503, "the catalog is not read yet: try again")
        );
    }
    signal_to(&process, "TERM");
    ended(&process).await;
    silence.abort();
}

#[tokio::test]
async fn a_signal_at_the_first_connection_ends_it_well() {
    let authority = Authority::new();
    let secret = MountedSecret::new(&authority.issue("localhost"), &authority.certificate);
    for _ in 0..5 {
        let dir = TempDir::new().unwrap();
        let (process, _, silence) = in_a_silent_cluster(&secret, &dir).await;
        // It listens since a moment ago.
        signal_to(&process, "TERM");
        ended(&process).await;
        silence.abort();
    }
}
