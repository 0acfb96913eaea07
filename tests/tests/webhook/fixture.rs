//! A webhook, and reviews for it.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use idp_core::catalog::{Objects, embedded};
use idp_crds::names::{FAILOVER, PLACEMENT_REASON};
use idp_serving::http::{self, Options};
use idp_serving::ops::Readiness;
use idp_serving::tls::{Pem, ReloadingTls};
use idp_tests::https::{Connection, Reply, Trust};
use idp_webhook::admission::authorizer::Authorizer;
use idp_webhook::admission::secrets::Secrets;
use idp_webhook::admission::{Admission, DecisionMode};
use idp_webhook::certificates::Authority;
use idp_webhook::metrics::Metrics;
use idp_webhook::placements::{Placed, Placements};
use idp_webhook::probes::Probes;
use idp_webhook::server::routes;
use idp_webhook::snapshot::{SharedSnapshot, Snapshot};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const CROSSPLANE: &str = "system:serviceaccount:crossplane-system:crossplane";

pub struct Webhook {
    pub address: SocketAddr,
    pub authority: Authority,
    pub tls: ReloadingTls,
    pub snapshot: SharedSnapshot,
    pub placements: Arc<Placements>,
    pub shutdown: CancellationToken,
    pub running: JoinHandle<()>,
}

pub fn certificate(authority: &Authority) -> Pem {
    let serving = authority.sign(&["localhost".to_owned()], Timestamp::now(), 1).unwrap();
    Pem { certificate: serving.certificate.into(), key: serving.key.into(), client_ca: None }
}

impl Webhook {
    pub async fn start() -> Self {
        Self::with(embedded().unwrap(), DecisionMode::Admission).await
    }

    pub async fn with(objects: Objects, decision_mode: DecisionMode) -> Self {
        let snapshot = Snapshot::strict(objects).unwrap();
        Self::by(snapshot, Placements::offline(), decision_mode, Secrets::NotLooked).await
    }

    /// Beside a cluster that has Secrets.
    pub async fn beside_secrets(secrets: Secrets) -> Self {
        let snapshot = Snapshot::strict(embedded().unwrap()).unwrap();
        Self::by(snapshot, Placements::offline(), DecisionMode::Admission, secrets).await
    }

    /// Where workloads are watched, and none has been seen yet.
    pub async fn beside_unknown_workloads(snapshot: Snapshot) -> Self {
        let placements = Placements::of_cluster();
        Self::by(snapshot, placements, DecisionMode::Admission, Secrets::NotLooked).await
    }

    async fn by(
        snapshot: Snapshot,
        placements: Placements,
        decision_mode: DecisionMode,
        secrets: Secrets,
    ) -> Self {
        let (snapshot, placements) = (snapshot.shared(), Arc::new(placements));
        let admission = Admission {
            snapshot: snapshot.clone(),
            placements: Arc::clone(&placements),
            authorizer: Authorizer::NoCluster,
            secrets,
            probes: Probes::NoCluster,
            decision_mode,
            crossplane: [CROSSPLANE.to_owned()].into(),
            metrics: Metrics::register(&mut Registry::default()),
        };
        let authority = Authority::new(Timestamp::now(), 1).unwrap();
        let tls = ReloadingTls::new(&certificate(&authority)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let options = Options { tls: Some(tls.clone()), ..Options::default() };
        let router = routes::router(Arc::new(admission), Readiness::default());
        let running = tokio::spawn(http::serve(listener, options, router, shutdown.clone()));
        Webhook { address, authority, tls, snapshot, placements, shutdown, running }
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(self.address, &Trust::new(&self.authority.certificate).unwrap())
            .await
            .unwrap()
    }

    /// Takes `review` through the mutating and, if that allows it, the validating webhook, as the
    /// API server does.
    pub async fn admit(&self, review: &Review) -> Outcome {
        let mut connection = self.connect().await;
        let mutated =
            answer(&connection.post("/mutate?timeout=10s", &review.body()).await.unwrap());
        let warnings = texts(&mutated["warnings"]);
        if mutated["allowed"] != true {
            return Outcome {
                denied: Some(mutated["status"].clone()),
                object: Value::Null,
                patch: Value::Null,
                warnings,
            };
        }
        let mut object = review.object.clone();
        let patch = patch_of(&mutated);
        json_patch::patch(
            &mut object,
            &serde_json::from_value::<json_patch::Patch>(patch.clone()).unwrap(),
        )
        .unwrap();

        let again = Review { object: object.clone(), ..review.clone() };
        let repeated =
            answer(&connection.post("/mutate?timeout=10s", &again.body()).await.unwrap());
        assert_eq!(
            repeated["allowed"], true,
            "a second round refuses what the first one made: {repeated}"
        );
        assert_eq!(
            patch_of(&repeated),
            json!([]),
            "a second round changes what the first one made"
        );
        let validated =
            answer(&connection.post("/validate?timeout=10s", &again.body()).await.unwrap());
        assert_eq!(validated.get("patch"), None);
        let denied = (validated["allowed"] != true).then(|| validated["status"].clone());
        Outcome { denied, object, patch, warnings }
    }

    pub async fn validate(&self, review: &Review) -> Outcome {
        let validated = answer(
            &self.connect().await.post("/validate?timeout=10s", &review.body()).await.unwrap(),
        );
        let denied = (validated["allowed"] != true).then(|| validated["status"].clone());
        Outcome {
            denied,
            object: review.object.clone(),
            patch: Value::Null,
            warnings: texts(&validated["warnings"]),
        }
    }
}

/// The response of an AdmissionReview.
pub fn answer(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let mut review: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(review["response"]["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
    review["response"].take()
}

fn patch_of(response: &Value) -> Value {
    let Some(patch) = response["patch"].as_str() else {
        return json!([]);
    };
    assert_eq!(response["patchType"], "JSONPatch");
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(patch).unwrap())
        .unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[derive(Debug)]
pub struct Outcome {
    /// The Status of the refusal.
    pub denied: Option<Value>,
    /// The object as it would be stored.
    pub object: Value,
    pub patch: Value,
    pub warnings: Vec<String>,
}

impl Outcome {
    #[track_caller]
    pub fn allowed(self) -> Value {
        assert_eq!(self.denied, None, "{}", self.message());
        self.object
    }

    #[track_caller]
    pub fn refused(self) -> String {
        assert!(self.denied.is_some(), "was not refused: {}", self.object);
        self.message()
    }

    fn message(&self) -> String {
        self.denied
            .as_ref()
            .map(|status| status["message"].as_str().unwrap().to_owned())
            .unwrap_or_default()
    }
}

/// What the API server asks.
#[derive(Clone, Debug)]
pub struct Review {
    pub kind: Value,
    pub resource: Value,
    pub operation: &'static str,
    pub user: &'static str,
    pub groups: Vec<&'static str>,
    pub name: String,
    pub namespace: String,
    pub object: Value,
    pub old: Value,
    pub dry_run: bool,
    pub sub_resource: &'static str,
}

impl Review {
    pub fn create(object: Value) -> Self {
        let (group, version) = object["apiVersion"].as_str().unwrap().split_once('/').unwrap();
        let kind = object["kind"].as_str().unwrap();
        let text = |pointer: &str| {
            object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Review {
            kind: json!({"group": group, "version": version, "kind": kind}),
            resource: json!({"group": group, "version": version, "resource": idp_crds::product::ProductApi::plural(kind)}),
            operation: "CREATE",
            user: "alice",
            groups: vec!["developers", "system:authenticated"],
            name: text("/metadata/name"),
            namespace: text("/metadata/namespace"),
            object,
            old: Value::Null,
            dry_run: false,
            sub_resource: "",
        }
    }

    pub fn update(old: &Value, change: impl FnOnce(&mut Value)) -> Self {
        let mut object = old.clone();
        change(&mut object);
        Review { operation: "UPDATE", old: old.clone(), ..Review::create(object) }
    }

    pub fn delete(old: &Value) -> Self {
        Review {
            operation: "DELETE",
            object: Value::Null,
            old: old.clone(),
            ..Review::create(old.clone())
        }
    }

    /// By somebody who may do anything.
    pub fn by_admin(self) -> Self {
        Review { user: "root", groups: vec!["system:masters", "system:authenticated"], ..self }
    }

    pub fn by_crossplane(self) -> Self {
        Review { user: CROSSPLANE, groups: vec!["system:serviceaccounts"], ..self }
    }

    pub fn body(&self) -> Vec<u8> {
        let review = json!({
            "kind": "AdmissionReview",
            "apiVersion": "admission.k8s.io/v1",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "kind": self.kind, "resource": self.resource, "requestKind": self.kind, "requestResource": self.resource,
                "subResource": self.sub_resource, "name": self.name, "namespace": self.namespace, "operation": self.operation,
                "userInfo": {"username": self.user, "groups": self.groups, "extra": {"scopes": ["a"]}},
                "object": self.object, "oldObject": self.old, "dryRun": self.dry_run,
                "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-create"}
            }
        });
        serde_json::to_vec(&review).unwrap()
    }
}

/// A good claim.
pub fn claim() -> Value {
    json!({
        "apiVersion": "db.platform.example.org/v1alpha1", "kind": "MySQLInstanceClaim",
        "metadata": {"name": "orders-db", "namespace": "team-alpha", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}\n"}},
        "spec": {"parameters": {"cell": "c1", "tier": "medium", "environment": "production", "size": "large", "storageGB": 100}}
    })
}

pub fn annotate(object: &mut Value, name: &str, value: &str) {
    object["metadata"]["annotations"][name] = value.into();
}

pub fn ask_failover(object: &mut Value, value: &str) {
    annotate(object, FAILOVER, value);
}

pub fn reason(object: &Value) -> Value {
    let text = object["metadata"]["annotations"][PLACEMENT_REASON].as_str().expect("no decision");
    serde_json::from_str(text).unwrap()
}

pub fn place(object: &Value) -> String {
    let selected = &reason(object)["selected"];
    format!("{}/{}", selected["provider"].as_str().unwrap(), selected["region"].as_str().unwrap())
}

/// The claim with the function's status, as Crossplane copies it there.
pub fn with_status(claim: &Value, retained: &[(&str, &str)]) -> Value {
    let record = reason(claim);
    let mut placed = claim.clone();
    let retained: Vec<Value> = retained
        .iter()
        .map(|(p, r)| json!({"place": format!("{p}-{r}"), "provider": p, "region": r, "sequence": 1, "resources": []}))
        .collect();
    placed["status"] = json!({"placement": {
        "provider": record["selected"]["provider"], "region": record["selected"]["region"], "sequence": record["sequence"], "phase": "Steady",
        "reason": claim["metadata"]["annotations"][PLACEMENT_REASON], "retained": retained
    }});
    placed
}

/// The workload `orders-db` at a place.
pub fn placed(provider: &str, region: &str) -> Placed {
    Placed {
        product: "mysql".to_owned(),
        group: "db.platform.example.org".to_owned(),
        kind: "MySQLInstanceClaim".to_owned(),
        namespace: "team-alpha".to_owned(),
        name: "orders-db".to_owned(),
        tier: "medium".to_owned(),
        cell: "c1".to_owned(),
        environment: "production".to_owned(),
        provider: provider.to_owned(),
        region: region.to_owned(),
        sequence: 1,
        phase: "Steady".to_owned(),
        retained: Vec::new(),
        ha: false,
        given: r#"{"environment":"production","size":"small","storageGB":20}"#.into(),
    }
}
