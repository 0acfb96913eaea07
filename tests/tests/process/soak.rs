//! The webhook under load, watched from outside: no error while its certificate changes, no request
//! lost when it is told to end, and no more memory for whatever is thrown at it.
//!
//! A minute of it: `cargo test --release --workspace --test process -- --ignored --nocapture
//! a_minute`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use idp_tests::https::{Connection, Trust};
use idp_tests::pki::Authority;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::fixture::{Webhook, claim, response, review};

/// Clients that create claims as fast as they are answered, each on a connection that it keeps.
const CLIENTS: usize = 64;
/// A client that opens its connection anew after this many answers meets every certificate.
const ANSWERS: usize = 2000;
/// What the process goes on for after a signal, less what the machine may take.
const LINGERS: Duration = Duration::from_secs(2);

struct Load {
    state: Arc<State>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    answered: AtomicU64,
    connected: AtomicU64,
    stop: AtomicBool,
    /// The process was told to end.
    signalled: std::sync::OnceLock<Instant>,
}

impl Load {
    fn start(webhook: &Webhook, trust: &Trust) -> Self {
        let state = Arc::new(State::default());
        let body: Arc<[u8]> = review(&claim()).into();
        let clients = (0..CLIENTS).map(|_| {
            let (state, body, trust, address) =
                (Arc::clone(&state), Arc::clone(&body), trust.clone(), webhook.address);
            tokio::spawn(async move {
                while !state.stop.load(Ordering::Relaxed) {
                    let opened = Instant::now();
                    let connection = Connection::open(address, &trust).await;
                    match connection {
                        Ok(connection) => {
                            state.connected.fetch_add(1, Ordering::Relaxed);
                            if let Err(error) = state.use_up(connection, &body).await {
                                state.assert_gone(opened, &error);
                                return;
                            }
                        }
                        Err(error) => return state.assert_gone(opened, &error),
                    }
                }
            })
        });
        Load { clients: clients.collect(), state }
    }

    fn answered(&self) -> u64 {
        self.state.answered.load(Ordering::Relaxed)
    }

    async fn end(self) {
        self.state.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
    }
}

impl State {
    async fn use_up(&self, mut connection: Connection, body: &[u8]) -> std::io::Result<()> {
        for _ in 0..ANSWERS {
            let reply = connection.post("/mutate?timeout=10s", body).await?;
            assert_eq!(response(&reply.body)["allowed"], true);
            self.answered.fetch_add(1, Ordering::Relaxed);
            if reply.last || self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    /// A connection, opened at `opened`, that failed: only one that came when the process had
    /// lingered long enough may.
    fn assert_gone(&self, opened: Instant, error: &std::io::Error) {
        let signalled =
            self.signalled.get().unwrap_or_else(|| panic!("a connection failed: {error}"));
        let after = opened.checked_duration_since(*signalled).unwrap_or_default();
        assert!(after > LINGERS, "a connection of {after:?} after the signal failed: {error}");
    }
}

/// Resident memory over `time`, MiB: half way, and the most after that.
async fn watch(webhook: &Webhook, time: Duration) -> (f64, f64) {
    let (started, first) = (Instant::now(), webhook.resident());
    sleep(time / 2).await;
    let middle = webhook.resident();
    let mut most = middle;
    while started.elapsed() < time {
        most = most.max(webhook.resident());
        sleep(Duration::from_millis(50)).await;
    }
    println!(
        "  resident: {first:.1} MiB at first, {middle:.1} half way, at most {most:.1} after that"
    );
    (middle, most)
}

/// Grown by no more than noise.
fn assert_flat((middle, most): (f64, f64)) {
    assert!(most < middle * 1.1 + 2.0, "memory grows: {middle:.1} MiB half way, {most:.1} later");
}

async fn soak(time: Duration) {
    let mut webhook = Webhook::start().await;
    let next = Authority::new();
    let both =
        Trust::new(&format!("{}{}", webhook.authority.certificate, next.certificate)).unwrap();
    println!("  resident: {:.1} MiB idle", webhook.resident());

    let load = Load::start(&webhook, &both);
    let started = Instant::now();
    sleep(time / 4).await;
    webhook.secret.replace(&next.issue("localhost"), &next.certificate);
    assert_flat(watch(&webhook, time - time / 4).await);
    // The one before is not trusted here: the certificate has been changed.
    Connection::open(webhook.address, &Trust::new(&next.certificate).unwrap()).await.unwrap();
    let (answered, connected) = (load.answered(), load.state.connected.load(Ordering::Relaxed));
    println!(
        "  {answered} answers on {connected} connections of {CLIENTS} clients in {:.1?}, no error",
        started.elapsed()
    );

    load.state.signalled.set(Instant::now()).unwrap();
    webhook.signal("TERM");
    webhook.ended().await;
    let took = load.state.signalled.get().unwrap().elapsed();
    println!(
        "  SIGTERM: {} answers more, none lost, ended after {took:.1?}",
        load.answered() - answered
    );
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_a_new_certificate_and_a_signal_lose_nothing() {
    soak(Duration::from_secs(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; meant for a release build"]
async fn a_minute_of_load_a_new_certificate_and_a_signal_lose_nothing() {
    soak(Duration::from_secs(60)).await;
}

/// Throws what is no review at the webhook, from a few clients at once, for `time`.
async fn abuse(time: Duration) {
    let webhook = Webhook::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    let nested = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"#
        .to_owned() + &"[".repeat(100_000);
    let bodies: Arc<[(&str, Vec<u8>)]> = Arc::new([
        ("malformed", br#"{"kind": "#.to_vec()),
        ("deep", deep),
        ("deep within", nested.into_bytes()),
        ("huge", vec![b' '; 50 << 20]),
    ]);
    let end = Instant::now() + time;
    let clients = (0..4).map(|client| {
        let (bodies, trust, address) = (Arc::clone(&bodies), webhook.trust(), webhook.address);
        tokio::spawn(async move {
            let mut sent = 0_u64;
            while Instant::now() < end {
                for (what, body) in bodies.iter() {
                    // One of them sends huge bodies: they cost the client more than the server.
                    if *what == "huge" && client != 0 {
                        continue;
                    }
                    let mut connection = Connection::open(address, &trust).await.unwrap();
                    match connection.post("/mutate", body).await {
                        Ok(reply) => {
                            assert!([400, 413].contains(&reply.status), "{what}: {}", reply.status)
                        }
                        // The connection is cut while the rest is still being sent.
                        Err(error) => assert_eq!(*what, "huge", "{error}"),
                    }
                    sent += 1;
                }
            }
            sent
        })
    });
    let clients: Vec<_> = clients.collect();
    assert_flat(watch(&webhook, time).await);
    let mut sent = 0;
    for client in clients {
        sent += client.await.unwrap();
    }
    println!(
        "  {sent} bodies that are no review; resident {:.1} MiB in the end",
        webhook.resident()
    );
    let good = webhook.connect().await.post("/mutate", &review(&claim())).await.unwrap();
    assert_eq!(response(&good.body)["allowed"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_review_takes_no_memory() {
    abuse(Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; meant for a release build"]
async fn a_minute_of_what_is_no_review_takes_no_memory() {
    abuse(Duration::from_secs(60)).await;
}
