//! Certificates: changed while in use, and unusable ones.

use std::fs;
use std::time::Duration;

use idp_serving::tls::{CertificateDir, Pem, ReloadingTls};
use tempfile::TempDir;

use super::client::{Server, connect, echo, tagged};
use idp_tests::pki::{Authority, Identity};

use function_sdk_rust::proto::v1::function_runner_service_client::FunctionRunnerServiceClient;

/// Calls over a new connection each, until one only succeeds with `authority`'s
/// certificate. Every call must succeed, as Crossplane trusts both meanwhile.
async fn call_until_served_by(server: &Server, authority: &Authority, clients: &Authority) {
    let both = format!("{}{}", server.authority.certificate, authority.certificate);
    let identity = clients.issue("crossplane");
    let switched = async {
        loop {
            let channel = connect(server.address, &both, Some(&identity)).await.unwrap();
            let mut client = FunctionRunnerServiceClient::new(channel);
            client.run_function(tagged("loop")).await.unwrap();
            let only = connect(server.address, &authority.certificate, Some(&identity));
            if only.await.is_ok() {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), switched).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_replaced_under_load_and_a_bad_one_is_not_taken() {
    let mut server = Server::start(echo).await;
    let mut old_connection = server.client().await;
    let clients = server.authority.certificate.clone();
    let next = Authority::new();

    // A key that belongs to another certificate, and no certificate at all.
    let mixed = Identity {
        certificate: next.issue("localhost").certificate,
        key: next.issue("localhost").key,
    };
    let garbage = Identity { certificate: "garbage".to_owned(), key: String::new() };
    for bad in [mixed, garbage] {
        server.secret.replace(&bad, &clients);
        // They are read every two seconds.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        server.client().await.run_function(tagged("old")).await.unwrap();
    }

    server.secret.replace(&next.issue("localhost"), &clients);
    call_until_served_by(&server, &next, &server.authority).await;
    old_connection.run_function(tagged("same connection")).await.unwrap();

    // And once more, with the clients' authority changed as well.
    let last = Authority::new();
    let trusted = format!("{clients}{}", last.certificate);
    server.secret.replace(&last.issue("localhost"), &trusted);
    let both = format!("{}{}", next.certificate, last.certificate);
    let identity = last.issue("crossplane");
    let switched = async {
        loop {
            if let Ok(channel) = connect(server.address, &both, Some(&identity)).await {
                let mut client = FunctionRunnerServiceClient::new(channel);
                if client.run_function(tagged("new client")).await.is_ok() {
                    break;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), switched).await.unwrap();
    server.stop().await;
}

fn message(pem: &Pem) -> String {
    ReloadingTls::new(pem).err().unwrap().to_string()
}

#[test]
fn an_unusable_certificate_is_told_apart() {
    let authority = Authority::new();
    let good = authority.server_pem();

    let pem = Pem { certificate: b"nothing".to_vec(), ..good.clone() };
    assert_eq!(
        message(&pem),
        "tls.crt is not usable: expected PEM with a BEGIN CERTIFICATE section: no items found"
    );
    let pem = Pem { key: good.certificate.clone(), ..good.clone() };
    assert_eq!(
        message(&pem),
        "tls.key is not usable: expected PEM with a BEGIN PRIVATE KEY section: no items found"
    );
    let pem = Pem { key: authority.server_pem().key, ..good.clone() };
    let text = message(&pem);
    assert!(text.starts_with("tls.crt and tls.key cannot be used together: "), "{text}");
    let pem = Pem { client_ca: Some(good.key.clone()), ..good };
    assert_eq!(
        message(&pem),
        "ca.crt is not usable: expected PEM with a BEGIN CERTIFICATE section: no items found"
    );
}

#[test]
fn a_missing_file_is_named() {
    let directory = TempDir::new().unwrap();
    let pem = Authority::new().server_pem();
    fs::write(directory.path().join("tls.crt"), &pem.certificate).unwrap();
    fs::write(directory.path().join("tls.key"), &pem.key).unwrap();
    assert!(CertificateDir::new(directory.path()).load().is_ok());

    let error = CertificateDir::verifying_clients(directory.path()).load().err().unwrap();
    let path = directory.path().join("ca.crt");
    assert_eq!(
        error.to_string(),
        format!("cannot read {}: No such file or directory (os error 2)", path.display())
    );
}
