//! What belongs to users, and is the same after whatever happens to the chart.

use std::collections::BTreeMap;

use idp_tests::cluster::{Cluster, Workload};
use kube::api::DynamicObject;
use serde_json::Value;

/// Objects by kind and name, as they are kept, without what every write changes.
pub type Things = BTreeMap<String, Value>;

/// An object's name among [`Things`].
pub fn name(object: &DynamicObject) -> String {
    let kind = &object.types.as_ref().unwrap().kind;
    format!("{kind} {}", object.metadata.name.as_deref().unwrap())
}

fn thing(object: &DynamicObject) -> (String, Value) {
    let mut value = serde_json::to_value(object).unwrap();
    let metadata = value["metadata"].as_object_mut().unwrap();
    metadata.remove("resourceVersion");
    metadata.remove("managedFields");
    (name(object), value)
}

/// A workload: what its developer wrote, what Crossplane made of it, and all it is composed of.
pub async fn workload(workload: &Workload<'_>) -> Things {
    let composed = workload.composed().await;
    assert!(!composed.is_empty(), "{} is composed of nothing", workload.name);
    let own = [workload.get().await.unwrap(), workload.composite().await.unwrap()];
    own.iter().chain(&composed).map(thing).collect()
}

/// The uid of every object of these kinds.
pub fn uids(cluster: &Cluster, kinds: &str) -> BTreeMap<String, String> {
    let columns = "custom-columns=K:.kind,N:.metadata.name,U:.metadata.uid";
    let list = cluster.operate(&["get", kinds, "--no-headers", "-o", columns], "");
    let rows = list.lines().map(|line| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default().to_owned();
        (format!("{} {}", word(), word()), word())
    });
    let uids: BTreeMap<_, _> = rows.collect();
    assert!(!uids.is_empty(), "{kinds}: there are none");
    uids
}
