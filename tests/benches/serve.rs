//! What a call costs the running function, `idp serve` with mutual TLS as Crossplane calls it:
//! processor time a call, and memory.
//!
//! `cargo bench --workspace --bench serve`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use idp_function::wire::v1;
use idp_tests::pki::{Authority, MountedSecret};
use idp_tests::usage;
use prost::Message as _;
use tonic::client::Grpc;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic_prost::ProstCodec;

// What is used here of what the benches share.
#[allow(dead_code)]
mod fleet;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PATH: &str = "/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction";
const CALLS: u32 = 5_000;
/// Calls under way at once: what Crossplane's default of ten reconciles a second and kind comes to,
/// and more.
const AT_ONCE: u32 = 8;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        let _ = idp_function::cli::main();
        return;
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(measure());
}

async fn measure() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let server = Server::start();
    let started = Instant::now();
    let channel = loop {
        match server.connect().await {
            Ok(channel) => break channel,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    println!(
        "serving with a verified connection after {:.0} ms",
        started.elapsed().as_secs_f64() * 1e3
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("idle: {:.1} MiB resident", usage::memory(server.process.id(), "VmRSS"));

    let request = fleet::settled();
    println!(
        "a request of {} KiB: 30 observed resources of 8 KB, placed",
        request.encoded_len() / 1024
    );
    server.call(&channel, &request, CALLS / 10).await;
    let (cpu, clock) = (usage::cpu(server.process.id()), Instant::now());
    server.call(&channel, &request, CALLS).await;
    let (cpu, clock) =
        ((usage::cpu(server.process.id()) - cpu) / f64::from(CALLS), clock.elapsed().as_secs_f64());
    println!(
        "{CALLS} calls, {AT_ONCE} at once: {:.0} µs of processor time a call, {:.0} calls/s",
        cpu * 1e6,
        f64::from(CALLS) / clock
    );
    println!(
        "after that: {:.1} MiB resident, {:.1} at most",
        usage::memory(server.process.id(), "VmRSS"),
        usage::memory(server.process.id(), "VmHWM")
    );
}

/// The program under test; it ends with its handle.
struct Server {
    process: Child,
    address: SocketAddr,
    authority: Authority,
    _secret: MountedSecret,
}

impl Server {
    fn start() -> Self {
        let authority = Authority::new();
        let secret = MountedSecret::new(&authority.issue("localhost"), &authority.certificate);
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["serve", "--metrics-address=", &format!("--address={address}")])
            .arg("--tls-certs-dir")
            .arg(secret.path());
        let process = command.env("RUST_LOG", "warn").spawn().unwrap();
        Server { process, address, authority, _secret: secret }
    }

    async fn connect(&self) -> Result<Channel, tonic::transport::Error> {
        let identity = self.authority.issue("crossplane");
        let tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(&self.authority.certificate));
        let tls = tls.identity(Identity::from_pem(&identity.certificate, &identity.key));
        Channel::from_shared(format!("https://{}", self.address))
            .unwrap()
            .tls_config(tls)?
            .connect()
            .await
    }

    async fn call(&self, channel: &Channel, request: &v1::RunFunctionRequest, calls: u32) {
        let clients: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (mut client, request) = (Grpc::new(channel.clone()), request.clone());
                tokio::spawn(async move {
                    for _ in 0..calls / AT_ONCE {
                        client.ready().await.unwrap();
                        let codec =
                            ProstCodec::<v1::RunFunctionRequest, v1::RunFunctionResponse>::default(
                            );
                        let asked = tonic::Request::new(request.clone());
                        let answer = client
                            .unary(asked, PATH.parse().unwrap(), codec)
                            .await
                            .unwrap()
                            .into_inner();
                        assert_eq!(answer.desired.unwrap().resources.len(), 30);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
