//! Requests are sent to a webhook only while clients can trust its certificate.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use idp_tests::cluster::{Program, our_program};
use idp_tests::pki::{Identity, MountedSecret};
use idp_webhook::certificates::Authority;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::free_address;

/// The status and the body of `/readyz`; none while nobody listens.
async fn readiness(ops: SocketAddr) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(ops).await.ok()?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[tokio::test]
async fn a_webhook_whose_certificate_is_not_valid_is_not_ready() {
    let authority = Authority::new(Timestamp::now(), 730).unwrap();
    let issued = |days_ago: i64| {
        let then = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
        let serving = authority.sign(&["localhost".to_owned()], then, 90).unwrap();
        Identity { certificate: serving.certificate, key: serving.key }
    };
    let mut secret = MountedSecret::new(&issued(100), &authority.certificate);
    let (address, ops) = (free_address(), free_address());
    let dir = TempDir::new().unwrap();
    let process = Program::new("webhook", &our_program("idp-webhook"))
        .args([
            "--catalog=embedded".to_owned(),
            format!("--address={address}"),
            format!("--metrics-address={ops}"),
            "--read-address=".to_owned(),
        ])
        .env("TLS_SERVER_CERTS_DIR", secret.path())
        .start(dir.path());
    let becomes = async |code: u16, said: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let now = readiness(ops).await;
            if now.as_ref().is_some_and(|(is, says)| *is == code && says.contains(said)) {
                return;
            }
            process.assert_running();
            assert!(Instant::now() < deadline, "not {code} {said:?} but {now:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    becomes(503, "not ready: the certificate has expired at ").await;
    secret.replace(&issued(0), &authority.certificate);
    becomes(200, "ready").await;
    secret.replace(&issued(-2), &authority.certificate);
    becomes(503, "not ready: the certificate is not valid before ").await;
}
