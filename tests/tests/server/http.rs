//! Serving a router as the webhook does: HTTPS/1.1, no client certificates, a
//! certificate that lives in memory.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use idp_serving::http::{Options, serve};
use idp_serving::tls::ReloadingTls;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

use idp_tests::pki::Authority;

struct Webhook {
    address: SocketAddr,
    tls: ReloadingTls,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

async fn webhook(authority: &Authority, router: Router) -> Webhook {
    let tls = ReloadingTls::new(&authority.server_pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options { tls: Some(tls.clone()), ..Options::default() };
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(serve(listener, options, router, shutdown.clone()));
    Webhook { address, tls, shutdown, running }
}

async fn connect(
    address: SocketAddr,
    authority: &Authority,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Sends a request and reads its answer, head and five bytes of body.
async fn exchange(stream: &mut TlsStream<TcpStream>, body: &str) -> std::io::Result<String> {
    let length = body.len();
    let request =
        format!("POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await?;
    answer(stream).await
}

async fn answer(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await?);
    }
    let mut body = [0; 5];
    stream.read_exact(&mut body).await?;
    text.extend(body);
    Ok(String::from_utf8(text).unwrap())
}

fn echo() -> Router {
    Router::new().route("/mutate", post(async |body: String| body))
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let authority = Authority::new();
    let webhook = webhook(&authority, echo()).await;
    // Without ALPN, as plain HTTP/1.1 clients connect.
    for alpn in [&[][..], &[&b"http/1.1"[..]]] {
        let mut stream = connect(webhook.address, &authority, alpn).await.unwrap();
        for body in ["first", "again"] {
            let answer = exchange(&mut stream, body).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(body), "{answer}");
        }
    }
    let stream = connect(webhook.address, &authority, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn a_certificate_in_memory_is_replaced() {
    let (old, new) = (Authority::new(), Authority::new());
    let webhook = webhook(&old, echo()).await;
    let mut established = connect(webhook.address, &old, &[]).await.unwrap();

    webhook.tls.replace(&new.server_pem()).unwrap();

    assert!(connect(webhook.address, &old, &[]).await.is_err());
    let mut fresh = connect(webhook.address, &new, &[]).await.unwrap();
    exchange(&mut fresh, "fresh").await.unwrap();
    exchange(&mut established, "still").await.unwrap();
}

#[tokio::test]
async fn clients_that_say_nothing_or_nonsense_delay_nobody() {
    let authority = Authority::new();
    let webhook = webhook(&authority, echo()).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(webhook.address).await.unwrap());
        let mut nonsense = TcpStream::connect(webhook.address).await.unwrap();
        nonsense.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        silent.push(nonsense);
    }
    let mut stream = connect(webhook.address, &authority, &[]).await.unwrap();
    exchange(&mut stream, "quick").await.unwrap();
    // Nor do they delay the end.
    webhook.shutdown.cancel();
    webhook.running.await.unwrap();
}

#[tokio::test]
async fn shutdown_answers_requests_in_flight_and_closes_idle_connections() {
    let authority = Authority::new();
    let (entered, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let gate = (Arc::clone(&entered), Arc::clone(&open));
    let router = Router::new().route(
        "/mutate",
        post(async move |body: String| {
            gate.0.add_permits(1);
            let _ = gate.1.acquire().await.unwrap();
            body
        }),
    );
    let webhook = webhook(&authority, router).await;
    let mut idle = connect(webhook.address, &authority, &[]).await.unwrap();
    open.add_permits(1);
    exchange(&mut idle, "first").await.unwrap();
    open.forget_permits(1);
    entered.acquire().await.unwrap().forget();

    let mut busy = connect(webhook.address, &authority, &[]).await.unwrap();
    let request = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nlater";
    busy.write_all(request).await.unwrap();
    let _ = entered.acquire().await.unwrap();
    webhook.shutdown.cancel();

    // Closed by the server, properly.
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    open.add_permits(1);
    let answer = answer(&mut busy).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("later"), "{answer}");
    webhook.running.await.unwrap();
}
