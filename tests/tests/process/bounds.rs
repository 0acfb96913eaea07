//! What clients that mean harm, or are only many, make the webhook hold: far less than the chart
//! grants it.
//!
//! The table of them all: `cargo test --test process -- --ignored --nocapture what_clients`; with
//! `IDP_PROGRAMS` of another folder's programs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use idp_tests::https::{Connection, Trust};
use idp_tests::pki::Authority;
use idp_tests::usage;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::fixture::{Webhook, claim, response, review};

/// What the chart grants, MiB.
const GRANTED: f64 = 256.0;
/// What becomes of one request.
type Answer = String;

const PATH: &str = "/mutate?timeout=10s";

/// Asks, and waits for an answer as long as a bound may take.
async fn ask(connection: &mut Connection, body: &[u8]) -> Answer {
    match timeout(PATIENCE, connection.post(PATH, body)).await {
        Err(_) => "no answer in 15 s".to_owned(),
        Ok(Err(_)) => "closed".to_owned(),
        Ok(Ok(reply)) if reply.status != 200 => reply.status.to_string(),
        Ok(Ok(reply)) => {
            let allowed = response(&reply.body)["allowed"] == true;
            format!("{}, {}", if allowed { "allowed" } else { "denied" }, size(reply.body.len()))
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(15);

fn size(bytes: usize) -> String {
    match bytes >> 10 {
        0..=3 => format!("{bytes} B"),
        kib @ 4..=4095 => format!("{kib} KiB"),
        kib => format!("{} MiB", kib >> 10),
    }
}

/// Each of `clients` sends `body`, on a connection of its own, at the same time.
async fn all_at_once(webhook: &Webhook, clients: usize, body: Vec<u8>) -> Vec<Answer> {
    let body: Arc<[u8]> = body.into();
    let asking = (0..clients).map(|_| {
        let (trust, address, body) = (webhook.trust(), webhook.address, Arc::clone(&body));
        tokio::spawn(async move {
            match Connection::open(address, &trust).await {
                Ok(mut connection) => ask(&mut connection, &body).await,
                Err(_) => "closed".to_owned(),
            }
        })
    });
    join_all(asking).await.into_iter().map(Result::unwrap).collect()
}

/// All but the last byte of a body.
async fn without_an_end(webhook: &Webhook, clients: usize) -> Vec<Answer> {
    let asking = (0..clients).map(|_| {
        let (trust, address) = (webhook.trust(), webhook.address);
        tokio::spawn(async move {
            let mut connection = Connection::open(address, &trust).await.unwrap();
            let part = vec![b' '; LARGE - 1];
            let begun = connection.begin(PATH, LARGE, &part);
            match timeout(PATIENCE, begun).await {
                Ok(Ok(reply)) => reply.status.to_string(),
                Ok(Err(_)) => "closed".to_owned(),
                Err(_) => "no answer in 15 s".to_owned(),
            }
        })
    });
    join_all(asking).await.into_iter().map(Result::unwrap).collect()
}

const LARGE: usize = 7 << 20;

/// Connections on which nothing is asked; then one more that asks.
async fn idle(webhook: &Webhook, clients: usize) -> Vec<Answer> {
    let mut held = Vec::new();
    for _ in 0..clients {
        held.push(webhook.connect().await);
    }
    sleep(Duration::from_millis(200)).await;
    let answer = ask(&mut webhook.connect().await, &review(&claim())).await;
    drop(held);
    vec![answer]
}

/// Heads that do not end.
async fn endless_heads(webhook: &Webhook, clients: usize) -> Vec<Answer> {
    let head = format!("POST {PATH} HTTP/1.1\r\nx: {}", "x".repeat(380 << 10));
    let mut held = Vec::new();
    for _ in 0..clients {
        let mut connection = webhook.connect().await;
        // What is not taken any more is not sent.
        let _ = timeout(Duration::from_millis(100), connection.write(head.as_bytes())).await;
        held.push(connection);
    }
    let answer = ask(&mut webhook.connect().await, &review(&claim())).await;
    drop(held);
    vec![answer]
}

/// Clients that ask and ask, and read none of the answers; then one that does.
async fn slow_readers(webhook: &Webhook, clients: usize) -> Vec<Answer> {
    let body = review(&unknown_parameters(2000));
    let mut held = Vec::new();
    for _ in 0..clients {
        let mut connection = webhook.connect().await;
        for _ in 0..400 {
            let sent = connection.request(PATH, body.len(), &body);
            if timeout(Duration::from_millis(50), sent).await.is_err() {
                break;
            }
        }
        held.push(connection);
    }
    let answer = ask(&mut webhook.connect().await, &review(&claim())).await;
    drop(held);
    vec![answer]
}

/// As many users, each with a long name, who ask for what needs a right.
async fn many_users(webhook: &Webhook, users: usize) -> Vec<Answer> {
    let mut connection = webhook.connect().await;
    let mut asked: Value = serde_json::from_slice(&review(&claim())).unwrap();
    asked["request"]["object"]["metadata"]["annotations"] =
        json!({"platform.example.org/placement-reason": "{}"});
    let mut answers = Vec::new();
    for user in 0..users {
        asked["request"]["userInfo"]["username"] = format!("{user}{}", "u".repeat(900)).into();
        answers.push(ask(&mut connection, &serde_json::to_vec(&asked).unwrap()).await);
    }
    answers
}

fn unknown_parameters(count: usize) -> Value {
    let mut claim = claim();
    let parameters = claim["spec"]["parameters"].as_object_mut().unwrap();
    for number in 0..count {
        parameters.insert(format!("x{number}"), 1.into());
    }
    claim
}

fn with_parameter(name: String, value: Value) -> Value {
    let mut claim = claim();
    claim["spec"]["parameters"][name] = value;
    claim
}

fn with_long_names() -> Vec<u8> {
    let mut asked: Value = serde_json::from_slice(&review(&claim())).unwrap();
    for field in ["uid", "name", "namespace"] {
        asked["request"][field] = "u".repeat(2 << 20).into();
    }
    serde_json::to_vec(&asked).unwrap()
}

/// The length of the longest line that the webhook has logged.
fn longest_line(webhook: &Webhook) -> usize {
    let log = std::fs::read(&webhook.process.log).unwrap();
    log.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or_default()
}

/// What one kind of client does to a webhook of its own.
async fn measure(what: &str, arguments: &[String], act: impl AsyncFnOnce(&Webhook) -> Vec<Answer>) {
    let environment = [("RUST_LOG", "info".to_owned())];
    let webhook = Webhook::with(arguments, &environment).await;
    let answers = act(&webhook).await;
    let peak = usage::memory(webhook.process.pid(), "VmHWM");
    let mut counted: BTreeMap<Answer, usize> = BTreeMap::new();
    for answer in answers {
        *counted.entry(answer).or_default() += 1;
    }
    let answers: Vec<String> =
        counted.iter().map(|(what, count)| format!("{count} × {what}")).collect();
    // Written together, a moment later.
    sleep(Duration::from_millis(100)).await;
    let line = size(longest_line(&webhook));
    println!("| {what} | {peak:.0} | {line} | {} |", answers.join("; "));
    webhook.process.assert_running();
    if std::env::var_os("IDP_UNBOUNDED").is_none() {
        assert!(peak < GRANTED, "{what}: {peak:.0} MiB");
        assert!(longest_line(&webhook) < 8 << 10, "{what}: a line of {line}");
    }
}

/// Every kind of client, `share` times as few of them.
async fn all(share: usize, arguments: &[String]) {
    println!("| clients | peak MiB | longest log line | answers |\n|---|---|---|---|");
    let of = |count: usize| count.div_ceil(share);
    let numbers = || with_parameter("x".to_owned(), vec![1; of(1_400_000)].into());
    let unknown = || review(&unknown_parameters(of(200_000)));

    let what = "one, with a good claim";
    measure(what, arguments, async |w| all_at_once(w, 1, review(&claim())).await).await;
    let what = format!("{} that hold back the end of a 7 MB body", of(60));
    measure(&what, arguments, async |w| without_an_end(w, of(60)).await).await;
    let what = format!("8, with {} unknown parameters each", of(200_000));
    measure(&what, arguments, async |w| all_at_once(w, 8, unknown()).await).await;
    let what = "one claim with an unknown field of 180 kB";
    let long = with_parameter("x".repeat(180_000), 1.into());
    measure(what, arguments, async |w| all_at_once(w, 1, review(&long)).await).await;
    let what = format!("4, with a list of {} numbers each", of(1_400_000));
    measure(&what, arguments, async |w| all_at_once(w, 4, review(&numbers())).await).await;
    let what = "8, with names of 2 MiB each";
    measure(what, arguments, async |w| all_at_once(w, 8, with_long_names()).await).await;
    let what = format!("{} users with names of 900 bytes", of(20_000));
    measure(&what, arguments, async |w| many_users(w, of(20_000)).await).await;
    let what = format!("{} idle connections, then a good claim", of(1000));
    measure(&what, arguments, async |w| idle(w, of(1000)).await).await;
    let what = format!("{} heads without an end, then a good claim", of(500));
    measure(&what, arguments, async |w| endless_heads(w, of(500)).await).await;
    let what = format!("{} that read no answers, then a good claim", of(100));
    measure(&what, arguments, async |w| slow_readers(w, of(100)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_clients_hold_little() {
    all(20, &["--request-timeout=2".to_owned()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; prints the table of docs/src/performance.md"]
async fn what_clients_can_make_the_webhook_hold() {
    all(1, &[]).await;
}

/// Who shows no certificate that the API server's authority has signed is not answered at all.
#[tokio::test]
async fn with_a_client_authority_only_its_clients_are_answered() {
    let theirs = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.crt");
    std::fs::write(&file, &theirs.certificate).unwrap();
    let webhook = Webhook::with(&[format!("--client-ca={}", file.display())], &[]).await;
    let body = review(&claim());

    let known = theirs.issue("kube-apiserver");
    let trust = Trust::new(&webhook.authority.certificate).unwrap();
    let with = |identity| trust.with_identity(identity).unwrap();
    let mut connection = Connection::open(webhook.address, &with(&known)).await.unwrap();
    assert!(ask(&mut connection, &body).await.starts_with("allowed"));

    let stranger = Authority::new().issue("kube-apiserver");
    for trust in [trust.clone(), with(&stranger)] {
        // With TLS 1.3 a client learns of it when it reads.
        let answer = match Connection::open(webhook.address, &trust).await {
            Ok(mut connection) => ask(&mut connection, &body).await,
            Err(_) => "closed".to_owned(),
        };
        assert_eq!(answer, "closed");
    }

    // Another authority is taken over without a restart.
    let next = Authority::new();
    std::fs::write(&file, &next.certificate).unwrap();
    let identity = next.issue("kube-apiserver");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(mut connection) = Connection::open(webhook.address, &with(&identity)).await
            && ask(&mut connection, &body).await.starts_with("allowed")
        {
            break;
        }
        assert!(Instant::now() < deadline, "the new authority is not taken over");
        sleep(Duration::from_millis(200)).await;
    }
}
