//! Which kinds are workloads by the catalog, and what the index has of an object of theirs.

use std::collections::HashSet;

use idp_core::insight::comparison::given;
use idp_crds::condition::PROVIDER_HEALTHY;
use idp_crds::names::{CELL, ENVIRONMENT, PLACEMENT_REASON, TIER};
use idp_crds::place::Place;
use idp_crds::record::{ExperimentGroup, FailoverTarget, Scored};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

use crate::placements::{Facts, GroupKind, Participation, Placed};
use crate::snapshot::Snapshot;

/// A kind that a Product brings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watched {
    /// The Product's name.
    pub product: String,
    /// The kind.
    pub kind: GroupKind,
    /// The version it is watched at.
    pub version: String,
    /// How it asks for the Product.
    pub role: Role,
}

/// What a kind is to its Product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its claims.
    Claim,
    /// The cluster-scoped composite resources, most of them behind a claim.
    Composite,
    /// The namespaced composite resources.
    Namespaced,
}

/// The kinds that Products bring, also those that are not accepted: what was made of one stays.
/// A kind that two name is the accepted one's, or the older one's.
#[must_use]
pub fn kinds(snapshot: &Snapshot) -> Vec<Watched> {
    let mut products: Vec<_> = snapshot.objects.products.iter().collect();
    products.sort_by_key(|product| {
        let is_accepted = snapshot.catalog.product(&product.name).is_some();
        (!is_accepted, &product.created, &product.name)
    });
    let mut owned = HashSet::new();
    let mut all = Vec::new();
    for product in products {
        let api = &product.spec.api;
        for (kind, role) in [
            (&api.claim_kind, Role::Claim),
            (&api.composite_kind, Role::Composite),
            (&api.namespaced_kind, Role::Namespaced),
        ] {
            let kind = GroupKind::new(&api.group, kind);
            if owned.insert(kind.clone()) {
                let (product, version) = (product.name.clone(), api.version.clone());
                all.push(Watched { product, kind, version, role });
            }
        }
    }
    all
}

/// What the index has of a workload; nothing of a composite resource that a claim stands for.
#[must_use]
pub fn placed(watched: &Watched, object: &DynamicObject) -> Option<Placed> {
    // Crossplane's own field, which users may not set, unlike its labels.
    if watched.role == Role::Composite && object.data.pointer("/spec/claimRef/name").is_some() {
        return None;
    }
    let labels = object.labels();
    let parameter = |label: &str, field: &str| {
        let given =
            || object.data.pointer(&format!("/spec/parameters/{field}")).and_then(Value::as_str);
        labels.get(label).map(String::as_str).or_else(given).unwrap_or_default().to_owned()
    };
    let status = object.data.pointer("/status/placement");
    let field = |name: &str| {
        status.and_then(|s| s.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let retained =
        status.and_then(|status| status.get("retained")).and_then(Value::as_array).into_iter();
    let retained = retained.flatten().filter_map(|r| {
        Some(format!("{}/{}", r.get("provider")?.as_str()?, r.get("region")?.as_str()?))
    });
    let GroupKind { group, kind } = watched.kind.clone();
    let mut placed = Placed {
        product: watched.product.clone(),
        group,
        kind,
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        tier: parameter(TIER, "tier"),
        cell: parameter(CELL, "cell"),
        environment: parameter(ENVIRONMENT, "environment"),
        provider: field("provider"),
        region: field("region"),
        sequence: status
            .and_then(|status| status.get("sequence"))
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        id: field("id"),
        phase: field("phase"),
        retained: retained.collect(),
        ha: object.data.pointer("/spec/parameters/ha").and_then(Value::as_bool).unwrap_or(false),
        given: given(object.data.pointer("/spec/parameters").unwrap_or(&Value::Null)),
        facts: Facts::default(),
    };
    let recorded =
        status.and_then(|status| status.get("reason")?.as_str()).filter(|text| !text.is_empty());
    let stamped = || object.annotations().get(PLACEMENT_REASON).map(String::as_str);
    let reason = recorded.or_else(stamped).and_then(|text| serde_json::from_str(text).ok());
    if let Some(reason) = reason {
        decided(&mut placed, reason);
    }
    let target = status.and_then(|status| status.get("failover"));
    let target = target.and_then(|target| {
        Some(Place::new(target.get("provider")?.as_str()?, target.get("region")?.as_str()?))
    });
    placed.facts.failover = target.or(placed.facts.failover);
    observed(&mut placed.facts, object);
    Some(placed)
}

/// The parts of a record that the index has: the others, most of it, are passed over.
#[derive(Deserialize)]
struct Reason {
    selected: Scored,
    failover: Option<FailoverTarget>,
    experiment: Option<ExperimentGroup>,
    #[serde(default)]
    sequence: u64,
}

fn decided(placed: &mut Placed, reason: Reason) {
    let Reason { selected, failover, experiment, sequence } = reason;
    if placed.provider.is_empty() {
        // Decided; the function has not acted on it yet.
        placed.provider.clone_from(&selected.provider);
        placed.region.clone_from(&selected.region);
        placed.sequence = sequence;
    } else if (&placed.provider, &placed.region) != (&selected.provider, &selected.region) {
        // Of another place than where it is.
        return;
    }
    placed.facts.score = Some(selected.total_score);
    placed.facts.failover = failover.map(|target| Place::new(target.provider, target.region));
    placed.facts.experiment = experiment.map(|part| {
        let scores = selected.subscores.into_iter();
        let scores = scores.filter_map(|(name, score)| Some((name, score.as_f64()?)));
        Box::new(Participation {
            experiment: part.experiment_id,
            group: part.group,
            scores: scores.collect(),
        })
    });
}

fn observed(facts: &mut Facts, object: &DynamicObject) {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    for condition in conditions.into_iter().flatten() {
        let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "Ready" => {
                facts.ready = Some(text("status") == "True");
                let since: Option<Timestamp> = text("lastTransitionTime").parse().ok();
                let created = object.creation_timestamp().map(|time| time.0);
                facts.ready_after = facts
                    .ready
                    .filter(|ready| *ready)
                    .and_then(|_| since?.duration_since(created?).as_secs().try_into().ok());
            }
            PROVIDER_HEALTHY => facts.failing = text("status") == "False",
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use idp_core::catalog::{compile, embedded};
    use idp_crds::record::Group;
    use serde_json::json;

    use super::*;

    fn watched(role: Role) -> Watched {
        Watched {
            product: "mysql".to_owned(),
            kind: GroupKind::new("db.example.org", "Database"),
            version: "v1".to_owned(),
            role,
        }
    }

    fn object(spec: &Value) -> DynamicObject {
        let object = json!({
            "apiVersion": "db.example.org/v1", "kind": "Database",
            "metadata": {
                "name": "orders", "namespace": "team",
                "labels": {"crossplane.io/claim-name": "a", "crossplane.io/claim-namespace": "b"},
            },
            "spec": spec,
            "status": {"placement": {"provider": "aws", "region": "us-east-1", "sequence": 1}},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn only_a_composite_behind_a_claim_is_not_a_workload_of_its_own() {
        let direct = object(&json!({}));
        let behind = object(&json!({"claimRef": {"name": "a", "namespace": "b"}}));
        assert_eq!(placed(&watched(Role::Composite), &behind), None);
        // A label that anybody can set hides nothing.
        for role in [Role::Claim, Role::Composite, Role::Namespaced] {
            assert!(placed(&watched(role), &direct).is_some(), "{role:?}");
        }
        assert!(placed(&watched(Role::Namespaced), &behind).is_some());
    }

    #[test]
    fn what_the_decision_and_the_conditions_say_is_known() {
        let record = r#"{"selected":{"provider":"aws","region":"us-east-1","runtime_cluster":"c",
            "total_score":0.75,"subscores":{"latency":0.9,"cost":1}},
            "experiment":{"experiment_id":"cheap","group":"variant","description":""},"sequence":1}"#;
        let mut object = object(&json!({}));
        object.metadata.creation_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        object.data["status"]["placement"]["reason"] = json!(record);
        object.data["status"]["conditions"] = json!([
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:05:10Z"},
            {"type": "ProviderHealthy", "status": "False"},
        ]);
        let facts = placed(&watched(Role::Claim), &object).unwrap().facts;
        let part = facts.experiment.unwrap();
        assert_eq!((facts.score, facts.ready, facts.failing), (Some(0.75), Some(true), true));
        assert_eq!(facts.ready_after, Some(310));
        assert_eq!((part.experiment.as_str(), part.group), ("cheap", Group::Variant));
        assert_eq!(part.scores, [("latency".to_owned(), 0.9), ("cost".to_owned(), 1.0)].into());

        // A decision that is not carried out yet says nothing of where it is.
        object.data["status"]["placement"]["region"] = json!("eu-west-1");
        let facts = placed(&watched(Role::Claim), &object).unwrap().facts;
        assert_eq!((facts.score, facts.experiment, facts.ready), (None, None, Some(true)));
    }

    #[test]
    fn every_readable_product_is_watched_and_every_kind_once() {
        let mut objects = embedded().unwrap();
        let mut twin = objects.products.iter().find(|p| p.name == "mysql").unwrap().clone();
        twin.name = "twin".to_owned();
        twin.created = "2026-01-01T00:00:00Z".to_owned();
        twin.spec.api.namespaced_kind = "Other".to_owned();
        objects.products.push(twin);
        let compiled = || {
            let good = objects.products.iter().filter(|product| product.name != "webapp");
            good.map(|product| Arc::new(compile(product).unwrap())).collect()
        };
        // What does not compile any more is still there.
        let snapshot = Snapshot::new(objects.clone(), compiled(), Vec::new());

        let all = kinds(&snapshot);
        let unique: HashSet<&GroupKind> = all.iter().map(|watched| &watched.kind).collect();
        assert_eq!((all.len(), unique.len()), (10, 10));
        let of = |product: &str| all.iter().filter(|watched| watched.product == product).count();
        assert_eq!((of("mysql"), of("twin"), of("webapp")), (3, 1, 3));
    }
}
