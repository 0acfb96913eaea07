//! The images that `package/build` made, if it did: run with nothing but what they hold, and held
//! to their targets.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use function_sdk_rust::proto::v1::function_runner_service_client::FunctionRunnerServiceClient;
use serde_json::Value;
use tempfile::TempDir;

use super::client::{connect, tagged};
use idp_tests::pki::{Authority, Identity};

const LARGEST: usize = 20_000_000;
const LARGEST_IDLE_MIB: f64 = 15.0;
/// A machine that does something else has bad moments: so many starts, of which the fastest counts.
const STARTS: usize = 15;

/// An image's files in a folder.
struct Root {
    folder: TempDir,
    entrypoint: Vec<String>,
    compressed: usize,
}

impl Root {
    fn of(program: &str) -> Option<Self> {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let path = format!(
            "{}/../target/package/{program}-{architecture}.tar",
            env!("CARGO_MANIFEST_DIR")
        );
        let Ok(tarball) = std::fs::File::open(&path) else {
            eprintln!("SKIPPED: no image; run package/build");
            return None;
        };
        let mut files = std::collections::BTreeMap::new();
        for entry in tar::Archive::new(tarball).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(name, content);
        }
        let json = |name: &str| serde_json::from_slice::<Value>(&files[name]).unwrap();
        let image = json("manifest.json")[0].clone();
        let (config, layer) =
            (json(image["Config"].as_str().unwrap()), &files[image["Layers"][0].as_str().unwrap()]);
        let entrypoint = config["config"]["Entrypoint"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap().to_owned());
        let folder = TempDir::new().unwrap();
        tar::Archive::new(GzDecoder::new(layer.as_slice())).unpack(folder.path()).unwrap();
        Some(Self { entrypoint: entrypoint.collect(), compressed: layer.len(), folder })
    }

    /// Writes a certificate where the program will see it as `/tls`.
    fn mount(&self, identity: &Identity, authority: &Authority) {
        let folder = self.folder.path().join("tls");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in [
            ("tls.crt", &identity.certificate),
            ("tls.key", &identity.key),
            ("ca.crt", &authority.certificate),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    /// Starts it with this folder for its root.
    fn start(&self, arguments: &[&str]) -> Running {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let started = Instant::now();
        let child = Command::new("unshare")
            .args(["--map-root-user", "--root"])
            .arg(self.folder.path())
            .args(&self.entrypoint)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Running { child, started, log: self.folder.path().join("log") }
    }
}

struct Running {
    child: Child,
    started: Instant,
    log: PathBuf,
}

impl Running {
    /// Tries until `probe` succeeds; how long that took from the start.
    async fn until<T>(&mut self, mut probe: impl AsyncFnMut() -> Option<T>) -> Duration {
        while probe().await.is_none() {
            let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(
                self.started.elapsed() < Duration::from_secs(10)
                    && self.child.try_wait().unwrap().is_none(),
                "{}",
                log()
            );
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        self.started.elapsed()
    }

    /// Resident memory, MiB.
    fn resident(&self) -> f64 {
        idp_tests::usage::memory(self.child.id(), "VmRSS")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// From nothing to the answer of a call over mutual TLS.
#[tokio::test]
async fn the_function_runs_in_its_image() {
    let Some(root) = Root::of("idp") else { return };
    let authority = Authority::new();
    root.mount(&authority.issue("localhost"), &authority);
    let crossplane = authority.issue("crossplane");
    let mut times = Vec::new();
    let mut resident = 0.0;
    for _ in 0..STARTS {
        let address = free_address();
        let mut function = root.start(&[
            "--tls-certs-dir=/tls",
            &format!("--address={address}"),
            &format!("--metrics-address={}", free_address()),
        ]);
        let took = function.until(async || {
            let channel = connect(address, &authority.certificate, Some(&crossplane)).await.ok()?;
            // Without an object it is refused, by the program and not on the way.
            let answer =
                FunctionRunnerServiceClient::new(channel).run_function(tagged("first")).await;
            answer.map_or_else(
                |status| (status.code() != tonic::Code::Unavailable).then_some(()),
                |_| Some(()),
            )
        });
        times.push(took.await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        resident = function.resident();
    }
    report("idp", &root, times, resident);
}

/// From nothing to the answer of a review over TLS. Without a cluster: with one, reading the
/// catalog comes on top.
#[tokio::test]
async fn the_webhook_runs_in_its_image() {
    let Some(root) = Root::of("idp-webhook") else { return };
    let authority = Authority::new();
    root.mount(&authority.issue("localhost"), &authority);
    let mut times = Vec::new();
    let mut resident = 0.0;
    for _ in 0..STARTS {
        let (address, ops) = (free_address(), free_address());
        let mut webhook = root.start(&[
            "--catalog=embedded",
            "--tls-certs-dir=/tls",
            &format!("--address={address}"),
            &format!("--metrics-address={ops}"),
            "--read-address=",
        ]);
        let took = webhook.until(async || {
            let mut answer = String::new();
            let mut stream = std::net::TcpStream::connect(ops).ok()?;
            std::io::Write::write_all(
                &mut stream,
                b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            )
            .ok()?;
            stream.read_to_string(&mut answer).ok()?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        });
        times.push(took.await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        resident = webhook.resident();
    }
    report("idp-webhook", &root, times, resident);
}

fn report(name: &str, root: &Root, mut starts: Vec<Duration>, resident: f64) {
    starts.sort();
    let (fastest, median) = (starts[0], starts[STARTS / 2]);
    let megabytes = root.compressed as f64 / 1e6;
    println!(
        "{name}: {megabytes:.1} MB compressed, serves after {fastest:.0?} (median {median:.0?}), idles at {resident:.1} MiB"
    );
    assert!(root.compressed < LARGEST, "{name}: {megabytes:.1} MB");
    assert!(resident < LARGEST_IDLE_MIB, "{name} idles at {resident:.1} MiB");
}
