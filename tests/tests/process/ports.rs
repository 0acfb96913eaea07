//! What is answered on which port: who may reach the probes need not reach what people read.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::Webhook;

async fn status(address: SocketAddr, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_read_api_has_a_port_of_its_own() {
    let webhook = Webhook::start().await;
    for path in ["/metrics", "/healthz", "/readyz"] {
        let both = (status(webhook.ops, path).await, status(webhook.read, path).await);
        assert_eq!(both, (200, 404), "{path}");
    }
    for path in ["/api/products", "/api/providers/health", "/api/placements"] {
        let both = (status(webhook.ops, path).await, status(webhook.read, path).await);
        assert_eq!(both, (404, 200), "{path}");
    }
}
