//! The webhook's own certificate is renewed early, and its authority with an overlap: reviews come
//! through all the while.

use base64::Engine as _;
use idp_tests::cluster::{Cluster, User, eventually};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{apply, claim};

/// What the Secret holds at `key`.
fn kept(admin: &User, key: &str) -> Result<String, String> {
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

/// Makes what the Secret holds as old as this.
fn age(admin: &User, key: &str, minutes: i64) {
    let since = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let patch = json!({"stringData": {key: since.to_string()}}).to_string();
    let ask =
        ["-n", "webhook-home", "patch", "secret", "idp-webhook-tls", "--type=merge", "-p", &patch];
    admin.kubectl(&ask, "").unwrap();
}

async fn changes(admin: &User, key: &str, before: &str) -> String {
    eventually(key, async || {
        let now = kept(admin, key)?;
        if now == before { Err(format!("{key} is as before")) } else { Ok(now) }
    })
    .await
}

/// The authorities in the registration.
fn registered(admin: &User) -> String {
    let configuration = admin
        .kubectl(&["get", "mutatingwebhookconfiguration", "idp-webhook", "-o", "json"], "")
        .unwrap();
    let configuration: Value = serde_json::from_str(&configuration).unwrap();
    decoded(&configuration["webhooks"][0]["clientConfig"]["caBundle"])
}

/// With the webhook running, which makes its own certificate.
pub async fn are_renewed_while_reviews_come_in(cluster: &'static Cluster) {
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
    let (certificate, authority) =
        (kept(admin, "tls.crt").unwrap(), kept(admin, "authority.crt").unwrap());
    age(admin, "tls.since", 61 * 24 * 60);
    let renewed = changes(admin, "tls.crt", &certificate).await;
    assert_eq!(kept(admin, "authority.crt").unwrap(), authority);

    println!(
        "--- an authority of a year and a half is replaced: published first, beside the one before"
    );
    age(admin, "authority.since", 549 * 24 * 60);
    let next = changes(admin, "authority.crt", &authority).await;
    assert_eq!(kept(admin, "tls.crt").unwrap(), renewed, "signed by the one before");
    eventually("both authorities in the registration", async || {
        let bundle = registered(admin);
        if bundle.contains(&next) && bundle.contains(&authority) { Ok(()) } else { Err(bundle) }
    })
    .await;

    println!("--- and signs once everybody trusts it");
    age(admin, "tls.since", 15);
    age(admin, "authority.since", 11);
    changes(admin, "tls.crt", &renewed).await;
    // The Secret is read every ten seconds: then the new certificate is served.
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    apply(developer, &claim("renewed-db")).unwrap();
    drop(end);
    println!("{} reviews meanwhile, none failed", asking.await.unwrap());
}
