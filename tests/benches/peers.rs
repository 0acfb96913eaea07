//! Composition functions beside one another, whoever wrote them: the same requests to each over gRPC,
//! in turns, what a call costs its process and how long it takes.
//!
//! ```text
//! cargo bench --workspace --bench peers -- ours=http://127.0.0.1:9443,pid=101 \
//!     other=http://127.0.0.1:9444,pid=102,input=other-input.json
//! ```
//!
//! `pid` tells whose processor time is counted, `input` what the function's step has for its input
//! (JSON). An `https` address is called with the `tls.crt`, `tls.key` and `ca.crt` in `TLS_DIR`. Without
//! functions `idp serve` of this build is measured, without TLS.
//!
//! Closed loop: a connection with so many calls in flight, each new one when one is answered. Open
//! loop: `RATE` calls a second (200), and each one's clock starts when it is due, whether or not the
//! answers before it have come. `SECONDS` (5) for each; ratios are to the first function. Read those: the
//! client is on the same machine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use idp_core::structs::to_struct;
use idp_function::wire::v1;
use idp_tests::usage;
use prost::Message as _;
use tokio::time::{Instant, sleep_until};
use tonic::client::Grpc;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic_prost::ProstCodec;

// What is used here of what the benches share.
#[allow(dead_code)]
mod fleet;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PATH: &str = "/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction";
/// Rounds in turns, so that whatever else the machine does hits all; medians of them.
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        let _ = idp_function::cli::main();
        return;
    }
    // cargo says `--bench`.
    let mut peers: Vec<Peer> = arguments
        .iter()
        .filter(|word| !word.starts_with('-'))
        .map(|word| Peer::read(word))
        .collect();
    let own = peers.is_empty().then(Own::start);
    peers.extend(own.as_ref().map(Own::peer));
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut mysql = fleet::settled_mysql();
        fleet::narrow(&mut mysql, 7);
        measure(&peers, "the default MySQL, placed", &mysql).await;
        measure(&peers, "30 resources of 8 KB, placed", &fleet::settled()).await;
    });
}

async fn measure(peers: &[Peer], what: &str, request: &v1::RunFunctionRequest) {
    println!("{what}: {} KiB a request", request.encoded_len() / 1024);
    println!(
        "{:<12}{:>12}{:>9}{:>8}{:>12}{:>9}{:>11}{:>10}{:>10}{:>9}",
        "function",
        "CPU µs, 1",
        "calls/s",
        "ratio",
        "CPU µs, 8",
        "calls/s",
        "open: CPU",
        "p50 ms",
        "p99 ms",
        "RSS MiB"
    );
    let mut rounds: Vec<Vec<[f64; 8]>> = vec![Vec::new(); peers.len()];
    for _ in 0..ROUNDS {
        for (peer, rounds) in peers.iter().zip(&mut rounds) {
            let call = peer.call(request).await;
            closed(&call, peer, 1, Duration::from_millis(300)).await;
            let (cpu_1, rate_1) = closed(&call, peer, 1, seconds()).await;
            let (cpu_8, rate_8) = closed(&call, peer, 8, seconds()).await;
            let (cpu, p50, p99) = open(&call, peer).await;
            rounds.push([cpu_1, rate_1, cpu_8, rate_8, cpu, p50, p99, peer.memory()]);
        }
    }
    let medians: Vec<[f64; 8]> =
        rounds.iter().map(|rounds| std::array::from_fn(|at| median(rounds, at))).collect();
    for (peer, row) in peers.iter().zip(&medians) {
        let [cpu_1, rate_1, cpu_8, rate_8, cpu, p50, p99, memory] = row;
        let ratio = cpu_1 / medians[0][0];
        println!(
            "{:<12}{cpu_1:>12.0}{rate_1:>9.0}{ratio:>8.1}{cpu_8:>12.0}{rate_8:>9.0}{cpu:>11.0}{p50:>10.2}{p99:>10.2}{memory:>9.1}",
            peer.name
        );
    }
}

fn median(rounds: &[[f64; 8]], at: usize) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// So many calls in flight for so long: processor time of one in µs, and how many a second.
async fn closed(call: &Call, peer: &Peer, in_flight: usize, time: Duration) -> (f64, f64) {
    let (start, cpu) = (Instant::now(), peer.cpu());
    let clients: Vec<_> = (0..in_flight)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut calls = 0_u32;
                while start.elapsed() < time {
                    call.run().await;
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0.0;
    for client in clients {
        calls += f64::from(client.await.unwrap());
    }
    ((peer.cpu() - cpu) / calls * 1e6, calls / start.elapsed().as_secs_f64())
}

/// Calls at given times: processor time of one in µs, and latencies in ms, from when each was due.
async fn open(call: &Call, peer: &Peer) -> (f64, f64, f64) {
    let rate = variable("RATE", 200.0);
    let (start, cpu) = (Instant::now() + Duration::from_millis(10), peer.cpu());
    let calls: Vec<_> = (0..(rate * seconds().as_secs_f64()) as u32)
        .map(|at| {
            let (call, due) = (call.clone(), start + Duration::from_secs_f64(f64::from(at) / rate));
            tokio::spawn(async move {
                sleep_until(due).await;
                call.run().await;
                due.elapsed()
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for call in calls {
        latencies.push(call.await.unwrap());
    }
    latencies.sort_unstable();
    let at =
        |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    ((peer.cpu() - cpu) / latencies.len() as f64 * 1e6, at(0.5), at(0.99))
}

fn seconds() -> Duration {
    Duration::from_secs_f64(variable("SECONDS", 5.0))
}

fn variable(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// A function that is running.
struct Peer {
    name: String,
    address: String,
    pid: Option<u32>,
    input: Option<serde_json::Value>,
}

impl Peer {
    /// `name=address[,pid=…][,input=…]`
    fn read(word: &str) -> Self {
        let (name, rest) =
            word.split_once('=').unwrap_or_else(|| panic!("name=address, not {word}"));
        let mut parts = rest.split(',');
        let address = parts.next().unwrap_or_default().to_owned();
        let mut peer = Peer { name: name.to_owned(), address, pid: None, input: None };
        for part in parts {
            match part.split_once('=') {
                Some(("pid", pid)) => peer.pid = Some(pid.parse().unwrap()),
                Some(("input", path)) => {
                    peer.input =
                        Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());
                }
                _ => panic!("pid=… or input=…, not {part}"),
            }
        }
        peer
    }

    /// Processor time so far, seconds; no number where its process is not known.
    fn cpu(&self) -> f64 {
        self.pid.map_or(f64::NAN, usage::cpu)
    }

    fn memory(&self) -> f64 {
        self.pid.map_or(f64::NAN, |pid| usage::memory(pid, "VmRSS"))
    }

    /// A connection, and what is called on it.
    async fn call(&self, request: &v1::RunFunctionRequest) -> Call {
        let mut request = request.clone();
        request.input = self.input.as_ref().map(|input| to_struct(input).unwrap());
        let mut endpoint: Endpoint = Channel::from_shared(self.address.clone()).unwrap();
        if self.address.starts_with("https:") {
            let folder = std::env::var("TLS_DIR")
                .unwrap_or_else(|_| panic!("TLS_DIR: tls.crt, tls.key, ca.crt"));
            let pem = |name: &str| std::fs::read(Path::new(&folder).join(name)).unwrap();
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem("ca.crt")));
            let tls = tls.identity(Identity::from_pem(pem("tls.crt"), pem("tls.key")));
            endpoint = endpoint.tls_config(tls).unwrap();
        }
        let started = Instant::now();
        let channel = loop {
            match endpoint.connect().await {
                Ok(channel) => break channel,
                Err(error) => {
                    assert!(started.elapsed() < Duration::from_secs(10), "{}: {error}", self.name)
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Call { channel, request }
    }
}

/// One call, as often as it is asked for.
#[derive(Clone)]
struct Call {
    channel: Channel,
    request: v1::RunFunctionRequest,
}

impl Call {
    async fn run(&self) {
        let mut client = Grpc::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        client.ready().await.unwrap();
        let codec = ProstCodec::<v1::RunFunctionRequest, v1::RunFunctionResponse>::default();
        let asked = tonic::Request::new(self.request.clone());
        let answer = client.unary(asked, PATH.parse().unwrap(), codec).await.unwrap().into_inner();
        let is_fatal = |result: &v1::Result| result.severity() == v1::Severity::Fatal;
        assert!(!answer.results.iter().any(is_fatal), "{:?}", answer.results);
    }
}

/// `idp serve` of this build; it ends with its handle.
struct Own {
    process: Child,
    address: String,
}

impl Own {
    fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "serve",
            "--insecure",
            "--metrics-address=",
            &format!("--address={address}"),
        ]);
        Own { process: command.spawn().unwrap(), address }
    }

    fn peer(&self) -> Peer {
        let address = format!("http://{}", self.address);
        Peer { name: "idp".to_owned(), address, pid: Some(self.process.id()), input: None }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
