//! The webhook's own certificate is renewed early, and its authority with an overlap: reviews come
//! through all the while. One that nobody trusts is replaced, however it came into the Secret.

use std::net::SocketAddr;

use base64::Engine as _;
use idp_tests::cluster::{Cluster, User, eventually};
use idp_tests::https::{Connection, Trust};
use idp_webhook::certificates::{Authority, Serving};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{apply, claim, free_port, placement, replica_with};

/// What the Secret holds at `key`.
pub fn kept(admin: &User, key: &str) -> Result<String, String> {
    let secret = admin
        .kubectl(&["-n", "webhook-home", "get", "secret", "idp-webhook-tls", "-o", "json"], "")?;
    let secret: Value = serde_json::from_str(&secret).unwrap();
    Ok(decoded(&secret["data"][key]))
}

fn decoded(value: &Value) -> String {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(value.as_str().unwrap_or_default())
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Writes into the Secret, as somebody does who restores a backup.
fn put(admin: &User, fields: &[(&str, &str)]) {
    let fields: Map<String, Value> =
        fields.iter().map(|(key, text)| ((*key).to_owned(), Value::from(*text))).collect();
    let patch = json!({"stringData": fields}).to_string();
    let ask =
        ["-n", "webhook-home", "patch", "secret", "idp-webhook-tls", "--type=merge", "-p", &patch];
    admin.kubectl(&ask, "").unwrap();
}

fn put_serving(admin: &User, serving: &Serving) {
    put(admin, &[("tls.crt", &serving.certificate), ("tls.key", &serving.key)]);
}

/// With what its authority is beside, so that it is trusted at every moment.
fn put_authority(admin: &User, authority: &Authority, previous: &str, serving: &Serving) {
    put(
        admin,
        &[
            ("authority.crt", &authority.certificate),
            ("authority.key", &authority.key),
            ("previous.crt", previous),
            ("tls.crt", &serving.certificate),
            ("tls.key", &serving.key),
        ],
    );
}

fn authority(admin: &User) -> Authority {
    let text = |key| kept(admin, key).unwrap();
    Authority { certificate: text("authority.crt"), key: text("authority.key") }
}

/// A certificate for the webhook as it would have been made then.
fn signed(authority: &Authority, age: SignedDuration) -> Serving {
    authority.sign(&["localhost".to_owned()], Timestamp::now() - age, 90).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

async fn changes(admin: &User, key: &str, before: &str) -> String {
    eventually(key, async || {
        let now = kept(admin, key)?;
        if now == before { Err(format!("{key} is as before")) } else { Ok(now) }
    })
    .await
}

/// Until the API server trusts all of these.
async fn published(admin: &User, authorities: &[&str]) {
    eventually("the authorities in the registration", async || {
        let configuration = admin
            .kubectl(&["get", "mutatingwebhookconfiguration", "idp-webhook", "-o", "json"], "")?;
        let configuration: Value = serde_json::from_str(&configuration).unwrap();
        let bundle = decoded(&configuration["webhooks"][0]["clientConfig"]["caBundle"]);
        if authorities.iter().all(|it| bundle.contains(*it)) { Ok(()) } else { Err(bundle) }
    })
    .await;
    // The registration is written; the API server follows it by a watch of its own.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
}

/// With the webhook running, which makes its own certificate.
pub async fn are_renewed_while_reviews_come_in(cluster: &'static Cluster, address: SocketAddr) {
    let (admin, developer) = (&cluster.control_plane.admin, &cluster.control_plane.developer);
    let done = CancellationToken::new();
    let end = done.clone().drop_guard();
    let asking = tokio::task::spawn_blocking(move || {
        let mut asked = 0;
        while !done.is_cancelled() {
            let answer =
                developer.kubectl(&["apply", "--dry-run=server", "-f", "-"], &claim("renewal-dry"));
            assert!(answer.is_ok(), "{answer:?}");
            asked += 1;
        }
        asked
    });

    println!("--- a certificate of two months is replaced");
    let first = authority(admin);
    let old = signed(&first, days(61));
    put_serving(admin, &old);
    changes(admin, "tls.crt", &old.certificate).await;
    assert_eq!(authority(admin).certificate, first.certificate);

    println!("--- one that nobody trusts is replaced, whatever its age");
    let stranger = Authority::new(Timestamp::now(), 730).unwrap();
    for (what, bad) in [
        ("expired", signed(&first, days(100))),
        ("of tomorrow", signed(&first, days(-2))),
        ("of somebody else", signed(&stranger, days(0))),
    ] {
        println!("{what}");
        put_serving(admin, &bad);
        changes(admin, "tls.crt", &bad.certificate).await;
    }

    println!(
        "--- an authority of a year and a half is replaced: published first, beside the one before"
    );
    let old = Authority::new(Timestamp::now() - days(549), 730).unwrap();
    put(admin, &[("previous.crt", &old.certificate)]);
    published(admin, &[&first.certificate, &old.certificate]).await;
    let served = signed(&old, days(0));
    put_authority(admin, &old, &first.certificate, &served);
    let next = changes(admin, "authority.crt", &old.certificate).await;
    assert_ne!(next, first.certificate);
    published(admin, &[&next, &old.certificate]).await;
    assert_eq!(kept(admin, "tls.crt").unwrap(), served.certificate, "signed by the one before");

    println!("--- and signs once everybody trusts it");
    let next = Authority::new(Timestamp::now() - SignedDuration::from_mins(11), 730).unwrap();
    put(admin, &[("previous.crt", &format!("{}{}", old.certificate, next.certificate))]);
    published(admin, &[&old.certificate, &next.certificate]).await;
    put_authority(admin, &next, &old.certificate, &served);
    changes(admin, "tls.crt", &served.certificate).await;
    let trust = Trust::new(&next.certificate).unwrap();
    eventually("a replica that serves with it", async || {
        let opened = Connection::open(address, &trust).await;
        opened.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
    apply(developer, &claim("renewed-db")).unwrap();
    drop(end);
    println!("{} reviews meanwhile, none failed", asking.await.unwrap());
}

/// With no webhook running: the Secret that the next one finds.
pub fn leave_one_that_cannot_be_used(admin: &User) {
    put(admin, &[("tls.crt", "garbage"), ("authority.crt", "garbage")]);
}

/// With no webhook running, and an API server that shows webhooks a certificate.
pub async fn tell_the_api_server_from_others(cluster: &Cluster) {
    println!("--- nobody but the API server is answered");
    let (admin, developer) = (&cluster.control_plane.admin, &cluster.control_plane.developer);
    let clients = cluster.control_plane.webhook_clients.display();
    let (port, only) = (free_port(), format!("--client-ca={clients}"));
    let replica = replica_with(cluster, admin, "webhook-d", port, Some(only)).await;
    eventually("the fourth replica's turn", async || {
        replica.process.assert_running();
        apply(developer, &claim("only-the-api-server"))
    })
    .await;
    assert_eq!(placement(developer, "only-the-api-server").unwrap()["sequence"], 1);
    let trust = Trust::new(&kept(admin, "authority.crt").unwrap()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    // With TLS 1.3 a client hears of it with the first answer.
    let answer = async { Connection::open(address, &trust).await?.post("/mutate", b"{}").await };
    let error = answer.await.unwrap_err().to_string();
    assert!(error.contains("CertificateRequired"), "{error}");
    replica.process.kill();
}
