//! What a page of the console costs with ten thousand workloads: time to the first byte, and bytes.
//!
//! `cargo bench --workspace --bench console`. To be held against 100 ms and, for pages, 300 KB.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use idp_console::access::Access;
use idp_console::placements::{GroupKind, Placed};
use idp_tests::web_port::{WebPort, placed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// As the programs have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WORKLOADS: usize = 10_000;
const TIMES: usize = 30;

fn main() {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(measure());
}

async fn measure() {
    let port = WebPort::of_example(Access::Open).await;
    let kind = GroupKind::new("db.platform.example.org", "MySQLInstanceClaim");
    let places = [("aws", "us-east-1"), ("gcp", "us-central1"), ("oci", "us-ashburn-1")];
    let all = (0..WORKLOADS).map(|number| {
        let (provider, region) = places[number % places.len()];
        let namespace = format!("team-{}", number % 100);
        Placed { name: format!("orders-{number:05}"), namespace, ..placed(provider, region) }
    });
    port.placements.replace(&kind, all);
    println!("{WORKLOADS} workloads, {TIMES} times each");
    for path in [
        "/",
        "/workloads",
        "/workloads?q=0042&sort=-name",
        "/workloads?provider=gcp&page=20",
        "/workloads/db.platform.example.org/MySQLInstanceClaim/team-42/orders-00042",
        "/experiments",
        "/catalog",
        "/api/v1/workloads",
        "/api/v1/workloads?limit=1000",
        "/api/v1/analytics",
    ] {
        let mut took = Vec::new();
        let mut size = 0;
        for _ in 0..TIMES {
            let (first, bytes) = get(&port, path).await;
            took.push(first);
            size = bytes;
        }
        took.sort();
        let milliseconds = |at: usize| took[at].as_secs_f64() * 1e3;
        println!(
            "{path:80} first byte {:6.1} ms, slowest {:6.1} ms; {:6.1} KB",
            milliseconds(TIMES / 2),
            milliseconds(TIMES - 1),
            f64::from(u32::try_from(size).unwrap()) / 1e3
        );
    }
}

/// How long the first byte took, and how many there were.
async fn get(port: &WebPort, path: &str) -> (Duration, usize) {
    let mut stream = TcpStream::connect(port.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let started = Instant::now();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![stream.read_u8().await.unwrap()];
    let first = started.elapsed();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    (first, answer.len())
}
