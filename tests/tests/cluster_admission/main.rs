//! The webhook on a real API server, with `kubectl` as its user. Skips, aloud, unless
//! `tests/cluster/run` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod breaker;
mod certificates;
mod conditions;
mod console;
mod deletion;
mod findings;
mod guards;
mod live;
mod simulation;
mod tenants;

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use idp_tests::cluster::{Cluster, Process, Program, User, eventually};
use serde_json::Value;

const NAMESPACE: &str = "team-alpha";
const CLAIM: &str = "
apiVersion: db.platform.example.org/v1alpha1
kind: MySQLInstanceClaim
metadata: {name: NAME, namespace: team-alpha}
spec:
  parameters: {cell: c1, tier: medium, environment: production, size: small, storageGB: 20}
";
/// What a developer may do, and nothing beyond: Crossplane's own `crossplane-edit` grants every
/// verb.
const RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: claims-edit}
rules:
- {apiGroups: [db.platform.example.org], resources: ['*'], verbs: [get, list, watch, create, update, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: claims-edit, namespace: team-alpha}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: claims-edit}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}]
";
const FAILOVER_RIGHT: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: mover, namespace: team-alpha}
rules: [{apiGroups: [db.platform.example.org], resources: [mysqlinstanceclaims], verbs: [failover]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: mover, namespace: team-alpha}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: mover}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}]
";

fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(Path::parent).unwrap().join(name)
}

/// What `idp` prints.
fn idp(arguments: &[&str]) -> String {
    let output = Command::new(program("idp")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A replica of the webhook, reached by URL.
struct Replica {
    process: Process,
    /// The port of the console.
    read: u16,
}

async fn replica(cluster: &Cluster, name: &'static str, port: u16) -> Replica {
    replica_of(cluster, &cluster.control_plane.admin, name, port).await
}

/// With this user's rights.
async fn replica_of(cluster: &Cluster, user: &User, name: &'static str, port: u16) -> Replica {
    replica_with(cluster, user, name, port, None).await
}

/// With this argument more.
async fn replica_with(
    cluster: &Cluster,
    user: &User,
    name: &'static str,
    port: u16,
    more: Option<String>,
) -> Replica {
    let (ops, read) = (free_port(), free_port());
    let process = Program::new(name, &program("idp-webhook"))
        .args(more)
        .args([
            format!("--address=127.0.0.1:{port}"),
            format!("--metrics-address=127.0.0.1:{ops}"),
            format!("--read-address=127.0.0.1:{read}"),
            format!("--url=https://localhost:{port}"),
            format!("--identity={name}"),
            "--namespace=webhook-home".to_owned(),
        ])
        .env("KUBECONFIG", &user.kubeconfig)
        .start(&cluster.dir);
    Replica { process, read }
}

fn placement(user: &User, name: &str) -> Result<Value, String> {
    let path = r"jsonpath={.metadata.annotations.platform\.example\.org/placement-reason}";
    let text =
        user.kubectl(&["-n", NAMESPACE, "get", "mysqlinstanceclaim", name, "-o", path], "")?;
    serde_json::from_str(&text).map_err(|error| format!("{text:?}: {error}"))
}

fn apply(user: &User, text: &str) -> Result<String, String> {
    user.kubectl(&["apply", "-f", "-"], text)
}

fn claim(name: &str) -> String {
    CLAIM.replace("NAME", name)
}

#[tokio::test]
async fn kubectl_meets_the_webhook() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let (admin, developer) = (&cluster.control_plane.admin, &cluster.control_plane.developer);

    // An empty cluster: what the chart installs, then the webhook.
    apply(admin, &idp(&["generate", "crds"])).unwrap();
    eventually("the configuration kinds", async || apply(admin, &idp(&["generate", "catalog"])))
        .await;
    apply(admin, &idp(&["generate", "xrd"])).unwrap();
    for namespace in [NAMESPACE, "webhook-home"] {
        admin.kubectl(&["create", "namespace", namespace], "").unwrap();
    }
    eventually("the claims' API", async || {
        admin.kubectl(
            &[
                "wait",
                "--for=condition=Established",
                "crd/mysqlinstanceclaims.db.platform.example.org",
                "--timeout=5s",
            ],
            "",
        )
    })
    .await;
    apply(admin, RIGHTS).unwrap();
    tenants::find_the_policy_before_the_webhook(admin, developer).await;
    tenants::make_the_credentials_before_the_workload_does(admin, developer).await;
    conditions::apply_what_is_wrong(admin);
    let port = free_port();
    let first = replica(cluster, "webhook-a", port).await;
    eventually("the registration", async || {
        first.process.assert_running();
        admin.kubectl(&["get", "mutatingwebhookconfiguration", "idp-webhook"], "")
    })
    .await;

    println!("--- what was there before says whether it counts");
    conditions::are_on_every_object(admin).await;

    println!("--- a good claim");
    eventually("the first stamp", async || {
        apply(developer, &claim("orders-db"))?;
        let stamped = placement(developer, "orders-db");
        if stamped.is_err() {
            // The API server takes a moment to learn of a registration.
            deletion::unprotect(admin, NAMESPACE, "orders-db").await;
            let delete = ["-n", NAMESPACE, "delete", "mysqlinstanceclaim", "orders-db"];
            developer.kubectl(&delete, "")?;
        }
        stamped
    })
    .await;
    let decided = placement(developer, "orders-db").unwrap();
    assert_eq!(decided["selected"]["provider"], "aws");
    let columns = "custom-columns=L:.metadata.labels,S:.spec.writeConnectionSecretToRef.name";
    let stamped = developer
        .kubectl(&["-n", NAMESPACE, "get", "mysqlinstanceclaim", "orders-db", "-o", columns], "")
        .unwrap();
    assert!(
        stamped.contains("platform.example.org/cell:c1")
            && stamped.contains("orders-db-mysql-conn"),
        "{stamped}"
    );

    println!("--- dry run: where would it go?");
    let dry = developer
        .kubectl(&["apply", "--dry-run=server", "-o", "json", "-f", "-"], &claim("probe-db"))
        .unwrap();
    let dry: Value = serde_json::from_str(&dry).unwrap();
    assert!(dry["metadata"]["annotations"]["platform.example.org/placement-reason"].is_string());
    assert!(placement(developer, "probe-db").unwrap_err().contains("NotFound"));

    println!("--- everything that is wrong");
    let bad = claim("bad-db")
        .replace("tier: medium", "tier: mediun")
        .replace("size: small", "size: tiny");
    let message = apply(developer, &bad).unwrap_err();
    println!("{message}");
    assert!(
        message.contains("spec.parameters.tier: must be one of")
            && message.contains("spec.parameters.size"),
        "{message}"
    );

    println!("--- edit of a placed claim");
    let edit = |from: &str, to: &str| {
        let editor = cluster.dir.join("editor");
        std::fs::write(
            &editor,
            format!("#!/bin/sh\nsed -i 's/storageGB: {from}/storageGB: {to}/' \"$1\"\n"),
        )
        .unwrap();
        std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(kubectl())
            .args([
                "--kubeconfig",
                developer.kubeconfig.to_str().unwrap(),
                "-n",
                NAMESPACE,
                "edit",
                "mysqlinstanceclaim",
                "orders-db",
            ])
            .env("KUBE_EDITOR", &editor)
            .output()
            .unwrap();
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    let said = edit("20", "40");
    assert!(said.contains("edited"), "{said}");
    let said = edit("40", "30");
    println!("{said}");
    // kubectl shows the reasons in the editor, as comments.
    let copy = said
        .split('"')
        .find(|part| part.contains("kubectl-edit"))
        .expect("a copy of the edited object");
    let comments = std::fs::read_to_string(copy).unwrap();
    std::fs::remove_file(copy).unwrap();
    assert!(comments.contains("spec.parameters.storageGB: can only grow"), "{comments}");
    assert_eq!(placement(developer, "orders-db").unwrap(), decided);

    println!("--- replace without the annotation");
    let larger = claim("orders-db").replace("storageGB: 20", "storageGB: 40");
    // What is still being made reports of itself between kubectl's reading and its writing.
    let replaced = eventually("a replace that nobody else's write comes between", async || {
        developer.kubectl(&["replace", "-f", "-"], &larger)
    })
    .await;
    println!("{replaced}");
    assert_eq!(placement(developer, "orders-db").unwrap(), decided);

    println!("--- failover, without the right and with it");
    let ask = [
        "-n",
        NAMESPACE,
        "annotate",
        "mysqlinstanceclaim",
        "orders-db",
        "platform.example.org/failover=aws",
    ];
    let message = developer.kubectl(&ask, "").unwrap_err();
    println!("{message}");
    assert!(message.contains("does not have the verb \"failover\""), "{message}");
    let message = admin.kubectl(
        &[
            "-n",
            NAMESPACE,
            "annotate",
            "mysqlinstanceclaim",
            "orders-db",
            "platform.example.org/failover=aws,gcp,oci",
        ],
        "",
    );
    println!("{}", message.unwrap_err());
    apply(admin, FAILOVER_RIGHT).unwrap();
    let dry: Vec<&str> = ask.iter().copied().chain(["--dry-run=server"]).collect();
    eventually("the right", async || developer.kubectl(&dry, "")).await;
    assert_eq!(placement(developer, "orders-db").unwrap(), decided, "a dry run moves nothing");
    developer.kubectl(&ask, "").unwrap();
    let moved = placement(developer, "orders-db").unwrap();
    assert_eq!(
        (&moved["sequence"], &moved["previous"]["provider"]),
        (&Value::from(2), &decided["selected"]["provider"])
    );
    assert_ne!(moved["selected"]["provider"], "aws");

    println!("--- restore from a backup");
    let of_claim = |path: &str| {
        let ask = ["-n", NAMESPACE, "get", "mysqlinstanceclaim", "orders-db", "-o"];
        developer.kubectl(&[&ask[..], &[&format!("jsonpath={{{path}}}")]].concat(), "")
    };
    let id = eventually("the id at the provider, for a backup", async || {
        let id = of_claim(r".metadata.annotations.platform\.example\.org/id")?;
        id.strip_suffix("@2").map(str::to_owned).ok_or(id)
    })
    .await;
    let backup = developer
        .kubectl(&["-n", NAMESPACE, "get", "mysqlinstanceclaim", "orders-db", "-o", "json"], "")
        .unwrap();
    let mut backup: Value = serde_json::from_str(&backup).unwrap();
    for field in ["resourceVersion", "uid", "finalizers"] {
        backup["metadata"].as_object_mut().unwrap().shift_remove(field);
    }
    deletion::unprotect(admin, NAMESPACE, "orders-db").await;
    developer
        .kubectl(
            &["-n", NAMESPACE, "delete", "mysqlinstanceclaim", "orders-db", "--timeout=60s"],
            "",
        )
        .unwrap();
    let message = developer.kubectl(&["create", "-f", "-"], &backup.to_string()).unwrap_err();
    println!("{message}");
    assert!(message.contains("is set by the platform and must not be given"), "{message}");
    admin.kubectl(&["create", "-f", "-"], &backup.to_string()).unwrap();
    assert_eq!(placement(developer, "orders-db").unwrap(), moved);
    eventually("what it was called at its provider", async || {
        let now = of_claim(".status.placement.id")?;
        if now == id { Ok(()) } else { Err(now) }
    })
    .await;

    live::answers_each_by_their_own_rights(cluster).await;
    simulation::foretells_what_happens(cluster).await;

    println!("--- the console");
    console::shows_each_what_they_may_list(cluster, first.read).await;

    tenants::find_the_webhook(admin, developer).await;
    findings::do_not_come_back(cluster).await;
    deletion::is_on_purpose(cluster).await;

    println!("--- the catalog");
    let message = admin.kubectl(&["delete", "product", "mysql"], "");
    println!("{message:?}");
    assert!(message.unwrap_err().contains("MySQLInstanceClaim team-alpha/orders-db"));
    let tier = idp(&["generate", "catalog"])
        .split("---")
        .find(|d| d.contains("kind: Tier"))
        .unwrap()
        .to_owned();
    let twin = idp(&["generate", "catalog"])
        .split("---")
        .find(|d| d.contains("name: aws-us-east-1"))
        .unwrap()
        .replace("name: aws-us-east-1", "name: twin");
    apply(admin, &tier).unwrap();
    let message = apply(admin, &twin).unwrap_err();
    println!("{message}");
    assert!(message.contains("a place has one"), "{message}");

    guards::keep_kinds_of_one_name_apart(admin).await;
    guards::do_not_say_unused_where_they_do_not_know(cluster).await;

    println!("--- a Product added while it runs");
    let redis = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/redis.yaml");
    admin.kubectl(&["apply", "-f", redis], "").unwrap();
    eventually("rules for the new product", async || {
        let rules = admin.kubectl(
            &[
                "get",
                "mutatingwebhookconfiguration",
                "idp-webhook",
                "-o",
                "jsonpath={.webhooks[*].rules[*].resources}",
            ],
            "",
        )?;
        if rules.contains("redis") { Ok(()) } else { Err(rules) }
    })
    .await;

    breaker::opens_lets_one_try_and_closes(cluster).await;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    certificates::are_renewed_while_reviews_come_in(cluster, address).await;

    println!("--- two replicas do not fight");
    let generation = || {
        admin
            .kubectl(
                &[
                    "get",
                    "mutatingwebhookconfiguration",
                    "idp-webhook",
                    "-o",
                    "jsonpath={.metadata.generation}",
                ],
                "",
            )
            .unwrap()
    };
    let before = generation();
    let second = replica(cluster, "webhook-b", free_port()).await;
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
    second.process.assert_running();
    assert_eq!(generation(), before);

    println!(
        "--- down: claims fail closed, their deletion does not, and what is protected is not deleted"
    );
    apply(developer, &claim("down-db")).unwrap();
    deletion::unprotect(admin, NAMESPACE, "orders-db").await;
    first.process.kill();
    deletion::is_refused_while_the_webhook_is_down(developer);
    let message = apply(developer, &claim("late-db")).unwrap_err();
    println!("{message}");
    assert!(message.contains("failed calling webhook"), "{message}");
    admin
        .kubectl(
            &[
                "patch",
                "cloudprovider",
                "aws",
                "--type=merge",
                "-p",
                r#"{"spec":{"healthy":false}}"#,
            ],
            "",
        )
        .unwrap();
    developer
        .kubectl(
            &["-n", NAMESPACE, "delete", "mysqlinstanceclaim", "orders-db", "--timeout=60s"],
            "",
        )
        .unwrap();
    eventually("the second replica's turn", async || apply(developer, &claim("late-db"))).await;
    let decided = placement(developer, "late-db").unwrap();
    assert_ne!(decided["selected"]["provider"], "aws", "the operator's switch counts");

    println!("--- a Secret that cannot be served with is mended by the replica that finds it");
    second.process.kill();
    certificates::leave_one_that_cannot_be_used(admin);
    let third = replica(cluster, "webhook-c", free_port()).await;
    eventually("the third replica's turn", async || {
        third.process.assert_running();
        apply(developer, &claim("mended-db"))
    })
    .await;

    println!("--- told to end, it hands over");
    let holder = || {
        let path = "jsonpath={.spec.holderIdentity}";
        let ask = ["-n", "webhook-home", "get", "lease", "idp-webhook", "-o", path];
        admin.kubectl(&ask, "").unwrap()
    };
    assert_eq!(holder(), "webhook-c");
    let pid = third.process.pid().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    eventually("the third replica's end", async || match third.process.exit_status() {
        Some(status) if status.success() => Ok(()),
        status => Err(format!("{status:?}")),
    })
    .await;
    // Long before the lease would expire.
    assert_eq!(holder(), "");

    certificates::tell_the_api_server_from_others(cluster).await;

    println!("--- two upgrades at once");
    let definitions = || {
        Command::new(program("idp-webhook"))
            .arg("apply-crds")
            .env("KUBECONFIG", &cluster.control_plane.admin.kubeconfig)
            .spawn()
            .unwrap()
    };
    for mut upgrade in [(); 4].map(|()| definitions()) {
        assert!(upgrade.wait().unwrap().success());
    }

    println!("--- removed: nothing is in the way");
    let unregister = Command::new(program("idp-webhook"))
        .arg("unregister")
        .env("KUBECONFIG", &cluster.control_plane.admin.kubeconfig)
        .status()
        .unwrap();
    assert!(unregister.success());
    eventually("a claim without the webhook", async || apply(developer, &claim("free-db"))).await;
    tenants::find_the_policy_after_the_webhook(developer).await;
}

/// For what needs an environment of its own.
fn kubectl() -> PathBuf {
    let built = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/.cache/bin"));
    std::env::var_os("IDP_TOOLS_DIR").map_or_else(built, PathBuf::from).join("kubectl")
}
