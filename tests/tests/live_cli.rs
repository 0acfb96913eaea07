//! `idp` as it asks a cluster: over HTTP, by a kubeconfig, of an API server that is played here. The
//! real one is asked in `cluster_admission`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use idp_core::catalog::embedded_files;
use idp_crds::kinds::KINDS;
use idp_crds::product::ProductApi;
use serde_json::{Value, json};
use tempfile::TempDir;

/// So few objects are on a page, whatever is asked for.
const PAGE: usize = 2;

/// What an API server has, and what was asked of it.
struct Played {
    /// Objects by `<group>/<plural>`.
    objects: BTreeMap<String, Vec<Value>>,
    forbidden: Vec<&'static str>,
    asked: Mutex<Vec<String>>,
}

/// A cluster, and a kubeconfig for it.
struct Cluster {
    folder: TempDir,
    played: Arc<Played>,
    _runtime: tokio::runtime::Runtime,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn all_documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// The default catalog, and the example's fleet with an API server's own fields.
fn objects() -> BTreeMap<String, Vec<Value>> {
    let mut objects: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for kind in KINDS {
        objects.entry(format!("platform.example.org/{}", kind.plural)).or_default();
    }
    let mut put = |object: Value| {
        let group = object["apiVersion"].as_str().unwrap().split_once('/').unwrap().0.to_owned();
        let plural = ProductApi::plural(object["kind"].as_str().unwrap());
        objects.entry(format!("{group}/{plural}")).or_default().push(object);
    };
    embedded_files().flat_map(|(_, text)| all_documents(text)).for_each(&mut put);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../package/examples/fleet.yaml");
    let fleet = all_documents(&std::fs::read_to_string(path).unwrap()).remove(0);
    for mut object in fleet["items"].as_array().unwrap().clone() {
        let name = object["metadata"]["name"].clone();
        object["metadata"]["uid"] = format!("uid-{}", name.as_str().unwrap()).into();
        object["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z".into();
        if name == "orders" {
            // What Crossplane makes of it: the same workload once more.
            let mut composite = object.clone();
            composite["kind"] = "XMySQLInstance".into();
            composite["metadata"]["name"] = "orders-x7k2p".into();
            composite["metadata"].as_object_mut().unwrap().remove("namespace");
            composite["spec"]["claimRef"] = json!({"name": "orders", "namespace": "team-checkout"});
            put(composite);
        }
        put(object);
    }
    put(json!({
        "apiVersion": "/v1", "kind": "Event",
        "metadata": {"name": "orders.1", "namespace": "team-checkout"},
        "involvedObject": {"uid": "uid-orders"}, "lastTimestamp": "2020-01-01T00:00:05Z",
        "reason": "Placed", "message": "goes to aws/us-east-1",
    }));
    objects
}

fn status(code: StatusCode, message: &str) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
        "reason": "", "code": code.as_u16(),
    });
    (code, axum::Json(body)).into_response()
}

async fn answer(State(played): State<Arc<Played>>, method: Method, uri: Uri) -> Response {
    played.asked.lock().unwrap().push(format!("{method} {uri}"));
    let mut parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let group = if parts.remove(0) == "apis" { parts.remove(0) } else { "" };
    parts.remove(0);
    let mut namespace = None;
    if parts[0] == "namespaces" && parts.len() > 2 {
        namespace = Some(parts[1]);
        parts.drain(..2);
    }
    let plural = parts[0];
    if played.forbidden.contains(&plural) {
        return status(StatusCode::FORBIDDEN, &format!("{plural} is forbidden: User \"dev\""));
    }
    let Some(all) = played.objects.get(&format!("{group}/{plural}")) else {
        return status(StatusCode::NOT_FOUND, "404 page not found");
    };
    let query: BTreeMap<String, String> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("%3D", "=")))
        .collect();
    let of = query.get("fieldSelector").and_then(|selector| selector.split_once('='));
    let wanted = |object: &&Value| {
        let metadata = &object["metadata"];
        let here = namespace.is_none_or(|namespace| metadata["namespace"] == namespace);
        here && of.is_none_or(|(_, uid)| object["involvedObject"]["uid"] == uid)
    };
    let all: Vec<&Value> = all.iter().filter(wanted).collect();
    if let Some(name) = parts.get(1) {
        return match all.iter().find(|object| object["metadata"]["name"] == *name) {
            Some(object) => axum::Json(object).into_response(),
            None => status(StatusCode::NOT_FOUND, &format!("{plural} \"{name}\" not found")),
        };
    }
    let start: usize = query.get("continue").map_or(0, |token| token.parse().unwrap());
    let page: Vec<&&Value> = all.iter().skip(start).take(PAGE).collect();
    let end = start + page.len();
    let more = if end < all.len() { end.to_string() } else { String::new() };
    let list = json!({
        "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1", "continue": more},
        "items": page,
    });
    axum::Json(list).into_response()
}

impl Cluster {
    fn with(objects: BTreeMap<String, Vec<Value>>, forbidden: &[&'static str]) -> Self {
        let asked = Mutex::default();
        let played = Arc::new(Played { objects, forbidden: forbidden.to_vec(), asked });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&played));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        let folder = tempfile::tempdir().unwrap();
        let context = |name: &str, namespace: &str| json!({"name": name, "context": {"cluster": "here", "user": "dev", "namespace": namespace}});
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "checkout",
            "clusters": [{"name": "here", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "dev", "user": {}}],
            "contexts": [context("checkout", "team-checkout"), context("finance", "team-finance")],
        });
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).unwrap();
        Cluster { folder, played, _runtime: runtime }
    }

    fn idp(&self, arguments: &[&str]) -> Ran {
        let programs = std::env::current_exe().unwrap();
        let programs = programs.parent().unwrap().parent().unwrap();
        let output = Command::new(programs.join("idp"))
            .args(arguments)
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .env_remove("IDP_CATALOG")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        // Whatever is asked, nothing is written.
        let asked = self.played.asked.lock().unwrap();
        assert!(asked.iter().all(|request| request.starts_with("GET ")), "{asked:#?}");
        Ran {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

fn names(table: &str, column: usize) -> Vec<String> {
    let rows = table.lines().skip(1);
    rows.map(|row| row.split_whitespace().nth(column).unwrap().to_owned()).collect()
}

#[test]
fn gets_what_runs_where_as_kubectl_would() {
    let cluster = Cluster::with(objects(), &[]);
    let here = cluster.idp(&["get"]);
    assert_eq!((here.code, here.err.as_str()), (0, ""), "{}", here.err);
    let head: Vec<&str> = here.out.lines().next().unwrap().split_whitespace().collect();
    let columns = "PRODUCT NAME TIER CELL ENVIRONMENT PLACE FAILOVER STATE READY AGE";
    assert_eq!(head.join(" "), columns);
    assert_eq!(names(&here.out, 1), ["orders", "carts", "shop"], "the context's namespace");
    let orders: Vec<&str> = here.out.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(orders.contains(&"gcp/us-central1"), "{}", here.out);

    let there = cluster.idp(&["get", "--context", "finance", "-o", "wide"]);
    assert_eq!(names(&there.out, 1), ["invoices", "ledger", "reports"]);
    assert!(there.out.contains("MySQLInstanceClaim"), "{}", there.out);
    let all = cluster.idp(&["get", "-A"]);
    assert_eq!(names(&all.out, 2).len(), 10, "none twice, though a composite stands behind one");
    let moving = cluster.idp(&["get", "-A", "--state", "moving", "-o", "name"]);
    assert_eq!(moving.out, "webappclaim.compute.platform.example.org/recommender\n");
    let some =
        cluster.idp(&["get", "-A", "--provider", "oci", "--tier", "critical", "--no-headers"]);
    assert_eq!(some.out.lines().count(), 2, "{}", some.out);
    let product = cluster.idp(&["get", "-A", "--product", "mysql", "-o", "json"]);
    let list: Value = serde_json::from_str(&product.out).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    let nothing = cluster.idp(&["get", "-n", "nobody"]);
    let said = (nothing.code, nothing.out.as_str(), nothing.err.as_str());
    assert_eq!(said, (0, "", "No workloads found in namespace nobody.\n"));
    let wrong = cluster.idp(&["get", "--product", "mysqll"]);
    assert!(wrong.code == 3 && wrong.err.contains("did you mean \"mysql\""), "{}", wrong.err);
}

#[test]
fn the_status_counts_everything() {
    let mut objects = objects();
    let clouds = objects.get_mut("platform.example.org/cloudproviders").unwrap();
    let aws = clouds.iter_mut().find(|cloud| cloud["metadata"]["name"] == "aws").unwrap();
    aws["status"] = json!({"state": "Open", "failing": 7});
    let oci = clouds.iter_mut().find(|cloud| cloud["metadata"]["name"] == "oci").unwrap();
    oci["spec"]["healthy"] = false.into();
    let cluster = Cluster::with(objects, &[]);
    let ran = cluster.idp(&["status"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let line = |start: &str| {
        let line = ran.out.lines().find(|line| line.starts_with(start)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("aws "), "aws yes open 7 3 6");
    assert_eq!(line("oci "), "oci no closed 0 2 2");
    assert_eq!(line("gcp/us-central1"), "gcp/us-central1 yes 2 1 1 0 0");
    assert_eq!(line("aws/us-east-1"), "aws/us-east-1 no 6 6 0 1 1");
    assert!(ran.out.contains("10 workloads: 9 ready, 1 moving"), "{}", ran.out);
    assert_eq!(
        line("moving"),
        "moving WebAppClaim team-discovery/recommender aws/us-east-1 -> gcp/us-central1 <none>"
    );
    let status: Value = serde_json::from_str(&cluster.idp(&["status", "-o", "json"]).out).unwrap();
    assert_eq!(status["workloads"], json!({"moving": 1, "ready": 9}));
    assert_eq!(status["unsettled"][0]["leaving"], json!(["aws/us-east-1"]));
}

#[test]
fn questions_are_answered_by_the_clusters_own_catalog_and_fleet() {
    let mut objects = objects();
    // A catalog of its own: where the built-in one is asked instead, the place is another.
    for place in objects.get_mut("platform.example.org/candidates").unwrap() {
        if place["metadata"]["name"] == "aws-us-east-1" {
            place["spec"]["scores"]["latency"] = 0.1.into();
        }
    }
    // A bad object does not take the others down.
    objects.get_mut("platform.example.org/tiers").unwrap().push(json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "Tier",
        "metadata": {"name": "forgotten"}, "spec": {},
    }));
    let cluster = Cluster::with(objects, &[]);
    let named = ["explain", "mysqlinstanceclaims", "team-checkout/orders"];
    let ran = cluster.idp(&named);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("left out of the catalog: Tier forgotten"), "{}", ran.err);
    for part in [
        "is at aws/us-east-1",
        "decided by another catalog",
        "goes to aws/eu-west-1",
        "2020-01-01T00:00:05Z Placed: goes to aws/us-east-1",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let short = cluster.idp(&["explain", "MySQLInstanceClaim", "orders"]);
    assert_eq!(short.out, ran.out, "in the context's namespace");
    let missing = cluster.idp(&["explain", "mysqlinstanceclaim", "team-checkout/order"]);
    assert!(missing.code == 3 && missing.err.contains("not found"), "{}", missing.err);
    let unknown = cluster.idp(&["explain", "mysqlinstanceclam", "orders"]);
    assert!(unknown.code == 3 && unknown.err.contains("did you mean"), "{}", unknown.err);

    let impact = cluster.idp(&["impact", "aws", "--live"]);
    assert!(impact.out.contains("losing aws hits 6 of 10 workloads"), "{}", impact.out);
    let simulate = cluster.idp(&["simulate", "--live", "--remove", "Candidate/aws-eu-west-1"]);
    assert_eq!(simulate.code, 0, "{}", simulate.err);
    assert!(simulate.out.contains("of 10 workloads"), "{}", simulate.out);
    let check = cluster.idp(&["check", "--live"]);
    assert!(check.out.contains("errors"), "{}{}", check.out, check.err);
}

#[test]
fn what_may_not_be_seen_is_said() {
    let cluster = Cluster::with(objects(), &["webappclaims", "events"]);
    let ran = cluster.idp(&["get", "-A"]);
    assert_eq!((ran.code, names(&ran.out, 2).len()), (0, 7), "{}", ran.out);
    assert!(ran.err.contains("not seen: cannot read webappclaims.compute"), "{}", ran.err);
    assert!(ran.err.contains("is forbidden: User \"dev\""), "{}", ran.err);
    let explained = cluster.idp(&["explain", "mysqlinstanceclaim", "orders"]);
    assert_eq!(explained.code, 0, "without its events: {}", explained.err);

    let nothing = Cluster::with(objects(), &["products"]);
    let ran = nothing.idp(&["get"]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("cannot read products.platform.example.org"), "{}", ran.err);
}

#[test]
fn without_a_cluster_it_says_how_to_name_one() {
    let cluster = Cluster::with(BTreeMap::new(), &[]);
    let ran = cluster.idp(&["get", "--context", "nowhere"]);
    assert!(ran.code == 3 && ran.err.contains("nowhere"), "{}", ran.err);
    let ran = cluster.idp(&["get", "--kubeconfig", "/does/not/exist"]);
    assert!(ran.code == 3 && ran.err.contains("/does/not/exist"), "{}", ran.err);
}
