//! What a workload says of itself: where it is, whether it stays, and what is the matter with it.
//! One that is odd is told of all the same: what cannot be read of it is empty.

use idp_crds::ProductSpec;
use idp_crds::condition::{PLACED, PROVIDER_HEALTHY, RESOURCES_READY};
use idp_crds::names::{CELL, ENVIRONMENT, PLACEMENT_REASON, TIER};
use idp_crds::product::ProductApi;
use idp_crds::record::Record;
use idp_crds::status::Place;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::catalog::Named;

/// One workload: a claim, or a composite resource that no claim stands for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// The product's name.
    pub product: String,
    /// Its API group.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for what has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The tier.
    pub tier: String,
    /// The cell.
    pub cell: String,
    /// The environment.
    pub environment: String,
    /// Where it is, or is to be.
    #[serde(serialize_with = "super::as_optional_text")]
    pub place: Option<Place>,
    /// Where it would go.
    #[serde(serialize_with = "super::as_optional_text")]
    pub failover: Option<Place>,
    /// The decision's number; 0 where there is none.
    pub sequence: u64,
    /// Whether it stays or moves, in its status' own words; empty before it has any.
    pub phase: String,
    /// The places that it is leaving.
    #[serde(serialize_with = "as_texts")]
    pub leaving: Vec<Place>,
    /// The places that still hold something of it.
    #[serde(serialize_with = "as_texts")]
    pub kept: Vec<Place>,
    /// Whether it can be used.
    pub ready: bool,
    /// What is the matter with it.
    pub state: State,
    /// The same in the words of whoever says so.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it was made, RFC 3339.
    pub created: String,
}

/// What is the matter with a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum State {
    /// Its provider does not take what it is asked.
    Failing,
    /// It is going from one place to another.
    Moving,
    /// It has no place.
    Unplaced,
    /// Something of it is not ready yet.
    Waiting,
    /// It can be used.
    Ready,
}

impl State {
    /// The word that people read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            State::Failing => "failing",
            State::Moving => "moving",
            State::Unplaced => "unplaced",
            State::Waiting => "waiting",
            State::Ready => "ready",
        }
    }
}

fn as_texts<S: Serializer>(places: &[Place], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(places.iter().map(Place::to_string))
}

impl Running {
    /// Reads a claim or composite resource of one of `products`; none for everything else, and for a
    /// composite resource that a claim stands for.
    #[must_use]
    pub fn read(products: &[Named<ProductSpec>], object: &Value) -> Option<Self> {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, kind) = (text("/apiVersion").split_once('/')?.0, text("/kind"));
        let product = products.iter().find(|product| product.spec.api.has(group, kind))?;
        // Crossplane's own field, which users may not set, unlike its labels.
        if kind == product.spec.api.composite_kind && !text("/spec/claimRef/name").is_empty() {
            return None;
        }
        let label = |name: &str| {
            let labels = object.pointer("/metadata/labels");
            labels.and_then(|labels| labels.get(name)?.as_str())
        };
        let asked = |name: &str, field: &str| {
            let given = || text(&format!("/spec/parameters/{field}")).to_owned();
            label(name).map_or_else(given, str::to_owned)
        };
        let status = object.pointer("/status/placement").unwrap_or(&Value::Null);
        let at = place(status);
        let reported = status.get("reason").and_then(Value::as_str);
        let stamped = || {
            let annotations = object.pointer("/metadata/annotations");
            annotations.and_then(|annotations| annotations.get(PLACEMENT_REASON)?.as_str())
        };
        let record = reported
            .filter(|text| !text.is_empty())
            .or_else(stamped)
            .and_then(|text| Record::parse(text).ok());
        let decided = record.as_ref().map(Record::place);
        // A record of another place than where it is says nothing of this one.
        let in_force = record.as_ref().filter(|_| at.is_none() || at == decided);
        let target = in_force.and_then(|record| record.failover.as_ref());
        let target = target.map(|target| Place::new(&target.provider, &target.region));
        let sequence = status.get("sequence").and_then(Value::as_u64);
        let mut running = Running {
            product: product.name.clone(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: text("/metadata/namespace").to_owned(),
            name: text("/metadata/name").to_owned(),
            tier: asked(TIER, "tier"),
            cell: asked(CELL, "cell"),
            environment: asked(ENVIRONMENT, "environment"),
            place: at.or(decided),
            failover: status.get("failover").and_then(place).or(target),
            sequence: sequence.or(record.map(|record| record.sequence)).unwrap_or_default(),
            phase: text("/status/placement/phase").to_owned(),
            leaving: places(status.get("leaving")),
            kept: places(status.get("retained")),
            ready: condition(object, "Ready").is_some_and(|condition| is(condition, "True")),
            state: State::Ready,
            message: String::new(),
            created: text("/metadata/creationTimestamp").to_owned(),
        };
        (running.state, running.message) = running.state(object);
        Some(running)
    }

    /// The first of what is the matter, the worst first.
    fn state(&self, object: &Value) -> (State, String) {
        let said = |names: &[&str]| {
            let found = names.iter().filter_map(|name| condition(object, name));
            let message = |condition: &Value| Some(condition.get("message")?.as_str()?.to_owned());
            let mut messages = found.filter(|condition| !is(condition, "True")).map(message);
            messages.find_map(|message| message.filter(|message| !message.is_empty()))
        };
        let fails = |name: &str| condition(object, name).is_some_and(|c| is(c, "False"));
        let (state, names): (State, &[&str]) = if fails(PROVIDER_HEALTHY) {
            (State::Failing, &[PROVIDER_HEALTHY])
        } else if self.phase == "Moving" {
            (State::Moving, &[RESOURCES_READY, "Ready"])
        } else if self.place.is_none() {
            (State::Unplaced, &[PLACED, "Synced"])
        } else if !self.ready {
            (State::Waiting, &[RESOURCES_READY, "Synced", "Ready"])
        } else {
            (State::Ready, &[])
        };
        (state, said(names).unwrap_or_default())
    }

    /// `<kind>.<group>/<name>`, as `kubectl -o name` prints it.
    #[must_use]
    pub fn resource_name(&self) -> String {
        format!("{}.{}/{}", self.kind.to_lowercase(), self.group, self.name)
    }

    /// `<kind> <namespace>/<name>`: how messages name it.
    #[must_use]
    pub fn full_name(&self) -> String {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.kind, self.namespace, self.name)
    }
}

/// Whether people may mean `kind` of this API by `word`: the kind itself, its plural, with the group
/// or without, as `kubectl` takes it.
#[must_use]
pub fn is_called(api: &ProductApi, kind: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    let name = match word.split_once('.') {
        Some((name, group)) if group == api.group => name,
        Some(_) => return false,
        None => word.as_str(),
    };
    name == kind.to_lowercase() || name == ProductApi::plural(kind)
}

fn condition<'o>(object: &'o Value, name: &str) -> Option<&'o Value> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    all.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(name))
}

fn is(condition: &Value, status: &str) -> bool {
    condition.get("status").and_then(Value::as_str) == Some(status)
}

fn place(value: &Value) -> Option<Place> {
    let text = |field: &str| value.get(field)?.as_str().filter(|text| !text.is_empty());
    Some(Place::new(text("provider")?, text("region")?))
}

fn places(list: Option<&Value>) -> Vec<Place> {
    let all = list.and_then(Value::as_array).into_iter().flatten();
    let mut places: Vec<Place> = all.filter_map(place).collect();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use idp_crds::record::DecidedBy;

    use super::*;
    use crate::catalog::{Catalog, embedded};
    use crate::insight::Question;
    use crate::schedule::Provenance;

    fn claim(status: &Value) -> Value {
        json!({
            "apiVersion": "db.platform.example.org/v1alpha1", "kind": "MySQLInstanceClaim",
            "metadata": {"name": "orders", "namespace": "team", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"parameters": {"cell": "c1", "tier": "low", "environment": "dev"}},
            "status": status,
        })
    }

    fn read(object: &Value) -> Option<Running> {
        Running::read(&embedded().unwrap().products, object)
    }

    #[test]
    fn tells_the_worst_of_a_workload_first() {
        let placement = |phase: &str| json!({"provider": "aws", "region": "us-east-1", "sequence": 2, "phase": phase});
        let condition =
            |name: &str, status: &str| json!({"type": name, "status": status, "message": name});
        let cases = [
            (json!({}), State::Unplaced, ""),
            (json!({"placement": placement("Steady")}), State::Waiting, ""),
            (
                json!({"placement": placement("Steady"), "conditions": [condition("Ready", "False"), condition("ResourcesReady", "False")]}),
                State::Waiting,
                "ResourcesReady",
            ),
            (
                json!({"placement": placement("Steady"), "conditions": [condition("Ready", "True")]}),
                State::Ready,
                "",
            ),
            (
                json!({"placement": placement("Moving"), "conditions": [condition("Ready", "True")]}),
                State::Moving,
                "",
            ),
            (
                json!({"placement": placement("Moving"), "conditions": [condition("ProviderHealthy", "False")]}),
                State::Failing,
                "ProviderHealthy",
            ),
            // What others wrote may be anything.
            (json!({"placement": null, "conditions": null}), State::Unplaced, ""),
            (json!({"placement": "x", "conditions": [null, 1, {}]}), State::Unplaced, ""),
            (Value::Null, State::Unplaced, ""),
        ];
        for (status, state, message) in cases {
            let running = read(&claim(&status)).unwrap();
            assert_eq!((running.state, running.message.as_str()), (state, message), "{status}");
        }
    }

    #[test]
    fn a_record_of_another_place_names_no_target() {
        let catalog = Catalog::strict(embedded().unwrap()).unwrap();
        let product = catalog.product("mysql").unwrap();
        let question = Question::plain(&catalog, product, "orders", "business_critical", true);
        let decision = question.decide(catalog.scheduler()).unwrap();
        let record = decision.record(Provenance::first(DecidedBy::Admission)).to_annotation();
        let mut object = claim(&json!({}));
        object["metadata"]["annotations"] = json!({PLACEMENT_REASON: record});
        let failover =
            |object: &Value| read(object).unwrap().failover.map(|place| place.to_string());
        assert_eq!(failover(&object).as_deref(), Some("gcp/us-central1"));
        object["status"] =
            json!({"placement": {"provider": "oci", "region": "us-ashburn-1", "sequence": 2}});
        assert_eq!(failover(&object), None);
        object["status"]["placement"]["region"] = json!("us-east-1");
        object["status"]["placement"]["provider"] = json!("aws");
        assert_eq!(failover(&object).as_deref(), Some("gcp/us-central1"));
    }

    #[test]
    fn what_stands_behind_a_claim_is_not_told_twice() {
        let mut composite = claim(&json!({}));
        composite["kind"] = json!("XMySQLInstance");
        assert!(read(&composite).is_some());
        composite["spec"]["claimRef"] = json!({"name": "orders", "namespace": "team"});
        assert_eq!(read(&composite), None);
        assert_eq!(read(&json!({"apiVersion": "v1", "kind": "Pod"})), None);
    }

    #[test]
    fn kinds_are_called_as_kubectl_calls_them() {
        let objects = embedded().unwrap();
        let api = &objects.products.iter().find(|p| p.name == "mysql").unwrap().spec.api;
        for word in [
            "MySQLInstanceClaim",
            "mysqlinstanceclaims",
            "mysqlinstanceclaim.db.platform.example.org",
        ] {
            assert!(is_called(api, &api.claim_kind, word), "{word}");
        }
        for word in ["mysql", "mysqlinstanceclaims.db", "xmysqlinstance"] {
            assert!(!is_called(api, &api.claim_kind, word), "{word}");
        }
    }
}
