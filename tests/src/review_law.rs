//! What a user without the platform's verbs can never do, whatever is written: the law, and a
//! generator of writes that try. A fuzz target and a property share both.
//!
//! The API server's part is played here: it drops what a write to the object says of its status,
//! and what a write to the status says of the object.

use std::sync::{Arc, LazyLock};

use futures::FutureExt as _;
use idp_core::catalog::embedded;
use idp_crds::contract::{forbidden, reserved};
use idp_crds::names::{ADOPT_CANDIDATE, FAILOVER, PLACEMENT_REASON, RELEASE};
use idp_crds::product::ProductApi;
use idp_webhook::admission::authorizer::Authorizer;
use idp_webhook::admission::secrets::Secrets;
use idp_webhook::admission::verdict::Verdict;
use idp_webhook::admission::{Admission, DecisionMode, WebhookKind, admit, review};
use idp_webhook::metrics::Metrics;
use idp_webhook::placements::Placements;
use idp_webhook::probes::Probes;
use idp_webhook::snapshot::Snapshot;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value, json};

const CROSSPLANE: &str = "system:serviceaccount:crossplane-system:crossplane";

/// What is chosen next, of bytes that somebody else makes up; nothing special once they are used
/// up.
pub struct Choices<'b>(&'b [u8]);

impl<'b> Choices<'b> {
    /// Chooses by these bytes.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Choices(bytes)
    }

    fn below(&mut self, count: usize) -> usize {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                usize::from(*first) % count.max(1)
            }
            [] => 0,
        }
    }

    fn of<'c, T>(&mut self, all: &'c [T]) -> &'c T {
        &all[self.below(all.len())]
    }
}

/// A write by a user.
#[derive(Debug, Clone)]
pub struct Attempt {
    operation: &'static str,
    sub_resource: &'static str,
    user: Value,
    dry_run: bool,
    object: Value,
    old: Value,
}

/// A platform with workloads on it.
struct Platform {
    admission: Admission,
    snapshot: Arc<Snapshot>,
    /// Objects as they are stored, honestly come by.
    stored: Vec<Value>,
    /// Objects that nobody has written yet.
    fresh: Vec<Value>,
}

static PLATFORM: LazyLock<Platform> = LazyLock::new(Platform::new);

fn object(kind: &str, scope: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "db.platform.example.org/v1alpha1", "kind": kind,
        "metadata": {"name": "orders", "annotations": {"team": "a"}},
        "spec": {"parameters": {"cell": "c1", "tier": "medium", "environment": "production", "size": "large", "storageGB": 100}},
    });
    if let Some(namespace) = scope.as_str() {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

impl Platform {
    fn new() -> Self {
        let snapshot = Snapshot::strict(embedded().unwrap()).unwrap().shared();
        let admission = Admission {
            snapshot: snapshot.clone(),
            placements: Arc::new(Placements::offline()),
            authorizer: Authorizer::NoCluster,
            secrets: Secrets::NotLooked,
            probes: Probes::NoCluster,
            decision_mode: DecisionMode::Admission,
            crossplane: [CROSSPLANE.to_owned()].into(),
            metrics: Metrics::register(&mut Registry::default()),
        };
        let snapshot = snapshot.get().unwrap();
        let api = |kind: &str| {
            let product = snapshot.catalog.product_of("db.platform.example.org", kind);
            product.unwrap().spec.api.clone()
        };
        let api = api("MySQLInstanceClaim");
        let kinds = [
            (api.claim_kind, json!("team-a")),
            (api.composite_kind, Value::Null),
            (api.namespaced_kind, json!("team-a")),
        ];
        let fresh: Vec<Value> = kinds.iter().map(|(kind, scope)| object(kind, scope)).collect();
        let mut platform = Platform { admission, snapshot, stored: Vec::new(), fresh };
        for fresh in platform.fresh.clone() {
            let honest = Attempt::by_alice("CREATE", fresh, Value::Null);
            let stored = platform.store(&honest).unwrap();
            platform.stored.extend(platform.lives(stored));
        }
        platform
    }

    /// The states that a workload comes to.
    fn lives(&self, stored: Value) -> Vec<Value> {
        let mut bound = stored.clone();
        bound["metadata"]["uid"] = "6b1f3d9e-2f6e-4a39-9d1c-0a4e1f0c9b11".into();
        bound["metadata"]["finalizers"] = json!(["finalizer.apiextensions.crossplane.io"]);
        bound["spec"]["resourceRef"] = json!({"apiVersion": "db.platform.example.org/v1alpha1", "kind": "XMySQLInstance", "name": "orders-x7k2p"});
        bound["spec"]["compositionRef"] = json!({"name": "mysql"});
        bound["spec"]["crossplane"] = json!({"compositionRef": {"name": "mysql"}});
        bound["metadata"]["annotations"]["crossplane.io/external-name"] = "orders-x7k2p".into();
        bound["metadata"]["labels"]["crossplane.io/composite"] = "orders-x7k2p".into();
        let text = bound["metadata"]["annotations"][PLACEMENT_REASON].as_str().unwrap().to_owned();
        let record: Value = serde_json::from_str(&text).unwrap();
        let selected = &record["selected"];
        bound["status"] = json!({"placement": {
            "provider": selected["provider"], "region": selected["region"], "sequence": record["sequence"],
            "phase": "Steady", "reason": text, "retained": [],
        }});
        let with = |change: fn(&mut Value)| {
            let mut other = bound.clone();
            change(&mut other);
            other
        };
        vec![
            stored,
            with(|object| object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into()),
            with(|object| {
                object["status"]["placement"]["retained"] = json!([
                    {"place": "gcp-us-central1", "provider": "gcp", "region": "us-central1", "sequence": 1, "resources": []}
                ]);
                object["status"]["placement"]["sequence"] = 2.into();
            }),
            with(|object| object["status"]["placement"]["phase"] = "Moving".into()),
            with(|object| drop(object.as_object_mut().unwrap().remove("status"))),
            with(|object| {
                let annotations = object["metadata"]["annotations"].as_object_mut().unwrap();
                annotations.remove(PLACEMENT_REASON);
            }),
            bound,
        ]
    }

    /// What the API server would store of an attempt; none where it is refused.
    fn store(&self, attempt: &Attempt) -> Option<Value> {
        let mut object = attempt.object.clone();
        for round in 0..2 {
            let verdict = self.ask(attempt, &object, WebhookKind::Mutating)?;
            let Verdict::Allowed { patch, .. } = verdict else {
                assert_eq!(
                    round, 0,
                    "a second round refuses what the first one made: {attempt:#?}"
                );
                return None;
            };
            let patch = serde_json::to_value(patch.operations()).unwrap();
            assert!(
                round == 0 || patch == json!([]),
                "a second round changes {patch}: {attempt:#?}"
            );
            let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
            json_patch::patch(&mut object, &patch)
                .unwrap_or_else(|error| panic!("a patch that does not fit: {error}: {attempt:#?}"));
        }
        let validated = self.ask(attempt, &object, WebhookKind::Validating)?;
        matches!(validated, Verdict::Allowed { .. }).then(|| as_stored(attempt, object))
    }

    fn ask(&self, attempt: &Attempt, object: &Value, webhook: WebhookKind) -> Option<Verdict> {
        let body = attempt.body(object);
        let request = review::read(&body).ok()?;
        // Without a cluster there is nothing to wait for.
        let verdict = admit(&self.admission, &self.snapshot, webhook, &request).now_or_never();
        let verdict = verdict.unwrap();
        if let Verdict::Denied(denial) = &verdict {
            assert!(denial.message().len() < 32 << 10, "an answer of {}", denial.message().len());
        }
        Some(verdict)
    }
}

fn as_stored(attempt: &Attempt, mut object: Value) -> Value {
    let status = |of: &Value| of.get("status").cloned();
    if attempt.sub_resource == "status" {
        let mut stored = attempt.old.clone();
        put(&mut stored, status(&object));
        return stored;
    }
    put(&mut object, status(&attempt.old));
    object
}

fn put(object: &mut Value, status: Option<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match status {
        Some(status) => drop(fields.insert("status".to_owned(), status)),
        None => drop(fields.remove("status")),
    }
}

impl Attempt {
    fn by_alice(operation: &'static str, object: Value, old: Value) -> Self {
        let user = json!({"username": "alice", "groups": ["developers", "system:authenticated"]});
        Attempt { operation, sub_resource: "", user, dry_run: false, object, old }
    }

    /// An attempt of these choices.
    #[must_use]
    pub fn choose(choices: &mut Choices<'_>) -> Self {
        let platform = &*PLATFORM;
        let creates = choices.below(3) == 0;
        let old = if creates { Value::Null } else { choices.of(&platform.stored).clone() };
        let mut object = match (&old, choices.below(4)) {
            // What somebody has copied, or restored without the right to.
            (Value::Null, 0) => choices.of(&platform.stored).clone(),
            (Value::Null, _) => choices.of(&platform.fresh).clone(),
            // A replace from a file.
            (old, 0) => {
                let fresh = platform.fresh.iter().find(|fresh| fresh["kind"] == old["kind"]);
                fresh.unwrap().clone()
            }
            (old, _) => old.clone(),
        };
        for _ in 0..choices.below(6) {
            change(&mut object, choices);
        }
        let operation = if creates { "CREATE" } else { "UPDATE" };
        let mut attempt = Attempt::by_alice(operation, object, old);
        attempt.user = user(choices);
        attempt.sub_resource = if creates { "" } else { *choices.of(&["", "", "", "status"]) };
        attempt.dry_run = choices.below(8) == 1;
        attempt
    }

    fn body(&self, object: &Value) -> Vec<u8> {
        let (group, version) = ("db.platform.example.org", "v1alpha1");
        let of = if self.old.is_null() { object } else { &self.old };
        let kind = of["kind"].as_str().unwrap_or_default();
        let review = json!({
            "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "kind": {"group": group, "version": version, "kind": kind},
                "resource": {"group": group, "version": version, "resource": ProductApi::plural(kind)},
                "subResource": self.sub_resource, "name": of["metadata"]["name"],
                "namespace": of["metadata"]["namespace"].as_str().unwrap_or_default(),
                "operation": self.operation, "userInfo": self.user, "dryRun": self.dry_run,
                "object": object, "oldObject": self.old,
            }
        });
        serde_json::to_vec(&review).unwrap()
    }
}

/// Somebody who holds none of the platform's verbs, and may look like one who does.
fn user(choices: &mut Choices<'_>) -> Value {
    let name = *choices.of(&[
        "alice",
        "",
        "system:serviceaccount:team-a:crossplane",
        "system:serviceaccount:crossplane-system:crossplane ",
        "System:serviceaccount:crossplane-system:crossplane",
        "system:admin",
    ]);
    let groups = [
        json!(["developers"]),
        json!([]),
        json!(null),
        json!(["system:masters "]),
        json!(["SYSTEM:MASTERS", "system:serviceaccounts:crossplane-system"]),
        json!(["system:serviceaccounts"]),
    ];
    let groups = choices.of(&groups);
    json!({"username": name, "groups": groups, "extra": {"groups": ["system:masters"]}, "uid": "7"})
}

/// Changes something that counts, or anything.
fn change(object: &mut Value, choices: &mut Choices<'_>) {
    let path = *choices.of(PATHS);
    let value = value(choices);
    let tokens: Vec<&str> = path.split('|').collect();
    set(object, &tokens, value);
}

/// Sets a field, or takes it away, where the way to it is one of maps.
fn set(at: &mut Value, path: &[&str], value: Option<Value>) {
    let [field, rest @ ..] = path else { return };
    if at.is_null() {
        *at = json!({});
    }
    let Some(fields) = at.as_object_mut() else { return };
    match (rest, value) {
        ([], Some(value)) => drop(fields.insert((*field).to_owned(), value)),
        ([], None) => drop(fields.remove(*field)),
        (_, value) => set(fields.entry((*field).to_owned()).or_insert(Value::Null), rest, value),
    }
}

const PATHS: &[&str] = &[
    "metadata|annotations|platform.example.org/placement-reason",
    "metadata|annotations|platform.example.org/failover",
    "metadata|annotations|platform.example.org/release",
    "metadata|annotations|platform.example.org/adopt-candidate",
    "metadata|annotations|platform.example.org/id",
    "metadata|annotations|platform.example.org/failovr",
    "metadata|annotations|crossplane.io/external-name",
    "metadata|annotations|crossplane.io/paused",
    "metadata|annotations|crossplane.io/composition-resource-name",
    "metadata|annotations",
    "metadata|labels|crossplane.io/claim-name",
    "metadata|labels|crossplane.io/claim-namespace",
    "metadata|labels|crossplane.io/composite",
    "metadata|labels|platform.example.org/tier",
    "metadata|labels|platform.example.org/product",
    "metadata|labels|platform.example.org/stateful",
    "metadata|labels",
    "metadata|deletionTimestamp",
    "metadata|finalizers",
    "metadata|ownerReferences",
    "metadata|managedFields",
    "metadata|generateName",
    "metadata|uid",
    "metadata|resourceVersion",
    "spec|resourceRef",
    "spec|resourceRef|name",
    "spec|resourceRefs",
    "spec|claimRef",
    "spec|claimRef|name",
    "spec|compositionRef",
    "spec|compositionRef|name",
    "spec|compositionRevisionRef",
    "spec|compositionRevisionSelector",
    "spec|compositionSelector",
    "spec|compositionUpdatePolicy",
    "spec|crossplane",
    "spec|crossplane|resourceRefs",
    "spec|writeConnectionSecretToRef",
    "spec|writeConnectionSecretToRef|name",
    "spec|writeConnectionSecretToRef|namespace",
    "spec|publishConnectionDetailsTo",
    "spec|provider",
    "spec|region",
    "spec|parameters|provider",
    "spec|parameters|region",
    "spec|parameters|network",
    "spec|parameters|tier",
    "spec|parameters|ha",
    "spec|parameters|cell",
    "spec|parameters|environment",
    "spec|parameters|storageGB",
    "spec|parameters|size",
    "spec|parameters",
    "spec",
    "status|placement",
    "status|placement|provider",
    "status|placement|region",
    "status|placement|sequence",
    "status|placement|phase",
    "status|placement|reason",
    "status|placement|retained",
    "status|conditions",
    "status",
];

/// Something to set; none to take away.
fn value(choices: &mut Choices<'_>) -> Option<Value> {
    let simple = [
        json!("oci"),
        json!("any"),
        json!("any@1"),
        json!("gcp-us-central1"),
        json!("gcp"),
        json!("theirs-x7k2p"),
        json!("low"),
        json!("business_critical"),
        json!("staging"),
        json!("2026-01-01T00:00:00Z"),
        json!("Manual"),
        json!("Automatic"),
        json!(""),
        json!(null),
        json!({}),
        json!([]),
        json!(true),
        json!(2),
        json!(-1),
        json!(18_446_744_073_709_551_615_u64),
        json!({"name": "theirs-x7k2p", "namespace": "team-b"}),
        json!({"platform.example.org/placement-reason": null}),
        json!([{"kind": "XMySQLInstance", "name": "theirs-x7k2p", "uid": "7"}]),
        json!({"cell": "c1", "tier": "low", "environment": "production", "size": "large", "storageGB": 100}),
    ];
    match choices.below(simple.len() + 4) {
        0 => None,
        1 | 2 => Some(forged(choices).into()),
        3 => Some(json!({PLACEMENT_REASON: forged(choices)})),
        at => simple.get(at - 4).cloned(),
    }
}

/// A decision's record with something changed.
fn forged(choices: &mut Choices<'_>) -> String {
    let stored = choices.of(&PLATFORM.stored);
    let text = stored["metadata"]["annotations"][PLACEMENT_REASON].as_str().unwrap_or_default();
    let mut record: Value = serde_json::from_str(text).unwrap_or_default();
    let path = *choices.of(&[
        "sequence",
        "selected|provider",
        "selected|region",
        "selected|total_score",
        "previous",
        "catalog",
        "digest",
        "failover",
        "rto_minutes",
        "tier",
    ]);
    let values =
        [json!(2), json!("oci"), json!("us-ashburn-1"), json!(null), json!("gcp"), json!(9)];
    let value = choices.of(&values).clone();
    if record.is_object() && choices.below(8) != 1 {
        set(&mut record, &path.split('|').collect::<Vec<_>>(), Some(value));
    }
    record.to_string()
}

/// What is stored of an attempt, and the law that it keeps; none where it is refused.
///
/// # Panics
/// When the law is broken.
pub fn hold(attempt: &Attempt) -> Option<Value> {
    let platform = &*PLATFORM;
    let stored = platform.store(attempt)?;
    let said = |what: &str| format!("{what}: {attempt:#?}\nstored: {stored:#}");

    // Another's object, and Crossplane's part of one's own.
    let spec = |of: &Value| of["spec"].as_object().cloned().unwrap_or_default();
    let (now, before) = (spec(&stored), spec(&attempt.old));
    for field in forbidden::CROSSPLANE_FIELDS {
        // What the definition sets by default is as good as not given.
        let default = (field == "compositionUpdatePolicy").then(|| json!("Automatic"));
        let of = |spec: &Map<String, Value>| spec.get(field).cloned().or(default.clone());
        let same = of(&now) == of(&before);
        assert!(same, "{}", said(&format!("spec.{field} has changed")));
    }
    for field in forbidden::DECIDED_BY_PLATFORM {
        let parameters = |of: &Map<String, Value>| of.get("parameters")?.get(field).cloned();
        assert_eq!(parameters(&now), parameters(&before), "{}", said(field));
        assert_eq!(now.get(field), before.get(field), "{}", said(field));
    }
    for part in ["labels", "annotations"] {
        for name in reserved::CROSSPLANE {
            let of = |object: &Value| object["metadata"][part].get(name).cloned();
            // Taking one's own away harms nobody else; Crossplane puts it back.
            if let Some(now) = of(&stored) {
                assert_eq!(Some(now), of(&attempt.old), "{}", said(name));
            }
        }
    }
    if stored["kind"] == "MySQLInstanceClaim" && attempt.sub_resource.is_empty() {
        let secret = &stored["spec"]["writeConnectionSecretToRef"];
        let ended = !stored["metadata"]["deletionTimestamp"].is_null();
        let expected = secret["name"] == "orders-mysql-conn"
            || *secret == attempt.old["spec"]["writeConnectionSecretToRef"];
        assert!(ended || expected, "{}", said("the connection Secret"));
    }

    // Evidence.
    let evidence = |of: &Value| of["status"]["placement"].clone();
    assert_eq!(evidence(&stored), evidence(&attempt.old), "{}", said("status.placement"));

    // Place.
    let decision = |of: &Value| of["metadata"]["annotations"].get(PLACEMENT_REASON).cloned();
    match (decision(&attempt.old), evidence(&attempt.old)) {
        _ if attempt.sub_resource == "status" => {}
        // New: where the platform puts what asks for the same.
        (None, Value::Null) if attempt.old.is_null() => {
            let mut honest = attempt.object.clone();
            strip(&mut honest);
            let expected = platform.store(&Attempt { object: honest, ..attempt.clone() });
            let expected = expected.as_ref().and_then(decision);
            assert_eq!(decision(&stored), expected, "{}", said("a place of the user's"));
        }
        (None, Value::Null) => assert_eq!(decision(&stored), None, "{}", said("a place")),
        (kept, evidence) => {
            // The annotation follows the status, and never leads elsewhere.
            let allowed = [kept, evidence.get("reason").cloned()];
            let now = decision(&stored);
            let known = now.is_none() || allowed.contains(&now);
            assert!(known, "{}", said("the decision has changed"));
        }
    }
    for verb in [FAILOVER, RELEASE, ADOPT_CANDIDATE] {
        let of = |object: &Value| object["metadata"]["annotations"].get(verb).cloned();
        assert!(of(&stored).is_none() || of(&stored) == of(&attempt.old), "{}", said(verb));
    }
    Some(stored)
}

/// Without what is not the user's to say.
fn strip(object: &mut Value) {
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(PLACEMENT_REASON);
    }
}
