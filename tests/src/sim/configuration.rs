//! The configuration objects of a small platform, which operators edit while workloads run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::selectors::selected;
use idp_core::catalog::{Catalog, Objects, compile};
use idp_core::structs::to_struct;
use idp_crds::kinds::KINDS;
use idp_function::wire::v1;
use serde_json::{Value, json};

/// Where workloads can run: two places of one cloud, one each of two others.
pub const PLACES: [(&str, &str); 4] =
    [("aws", "east"), ("gcp", "central"), ("aws", "west"), ("oci", "ashburn")];

/// Configuration objects as the API server keeps them.
#[derive(Clone)]
pub struct Configuration {
    /// By kind and name.
    objects: BTreeMap<(String, String), Value>,
    version: u64,
}

impl Default for Configuration {
    fn default() -> Self {
        let mut configuration = Configuration { objects: BTreeMap::new(), version: 0 };
        for (order, (provider, region)) in PLACES.into_iter().enumerate() {
            configuration.put(candidate(order, provider, region));
        }
        for provider in ["aws", "gcp", "oci"] {
            configuration
                .put(json!({"kind": "CloudProvider", "metadata": {"name": provider}, "spec": {}}));
        }
        configuration.put(json!({
            "kind": "Tier", "metadata": {"name": "low"},
            // Only one cloud has it: a move away from there goes without.
            "spec": {
                "rtoMinutes": 60, "rpoMinutes": 60, "requiredCapabilities": ["replication"], "weights": {"latency": 1.0},
                "failover": {"enabled": true, "requiredCapabilities": ["pitr"]},
            },
        }));
        for product in products() {
            configuration.put(product);
        }
        configuration
    }
}

fn candidate(order: usize, provider: &str, region: &str) -> Value {
    let latency = [0.9, 0.8, 0.7, 0.6][order];
    let capabilities: &[&str] =
        if provider == "aws" { &["pitr", "replication"] } else { &["pitr"] };
    json!({
        "kind": "Candidate", "metadata": {"name": format!("{provider}-{region}")},
        "spec": {
            "provider": provider, "region": region, "runtimeCluster": format!("{provider}-{region}-1"), "order": order,
            "capabilities": capabilities, "scores": {"latency": latency}, "network": {"vpc_id": "vpc-1"},
        },
    })
}

/// The products as they are shipped.
pub fn products() -> Vec<Value> {
    serde_saphyr::from_multiple(include_str!("products.yaml")).unwrap()
}

impl Configuration {
    /// `kubectl apply`: a new version of the object, unless nothing changes.
    pub fn put(&mut self, mut object: Value) {
        self.version += 1;
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let kind = object["kind"].as_str().unwrap().to_owned();
        let uid = match self.objects.get(&(kind.clone(), name.clone())) {
            Some(old) => old["metadata"]["uid"].clone(),
            None => json!(format!("00000000-0000-4000-8000-{:012}", self.version)),
        };
        object["apiVersion"] = json!("platform.example.org/v1alpha1");
        object["metadata"] = json!({
            "name": name, "uid": uid, "resourceVersion": self.version.to_string(), "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"platform.example.org/catalog": "true"},
        });
        self.objects.insert((kind, name), object);
    }

    /// `kubectl delete`.
    pub fn delete(&mut self, kind: &str, name: &str) {
        self.objects.remove(&(kind.to_owned(), name.to_owned()));
    }

    /// `kubectl edit`, where the object exists.
    pub fn edit(&mut self, kind: &str, name: &str, edit: impl FnOnce(&mut Value)) {
        if let Some(object) = self.objects.get(&(kind.to_owned(), name.to_owned())) {
            let mut object = object.clone();
            edit(&mut object["spec"]);
            self.put(object);
        }
    }

    /// Everything as it is shipped, whatever has been done to it.
    pub fn restore(&mut self) {
        let shipped = Configuration::default();
        for object in shipped.objects.into_values() {
            self.put(object);
        }
    }

    /// As Crossplane hands it to functions, by requirement.
    pub fn required(&self) -> BTreeMap<String, v1::Resources> {
        let of = |wanted: &str| {
            let objects = self
                .objects
                .iter()
                .filter(|((kind, _), _)| kind == wanted)
                .map(|(_, object)| object);
            let items = objects.map(|object| v1::Resource {
                resource: Some(to_struct(object).unwrap()),
                ..v1::Resource::default()
            });
            v1::Resources { items: items.collect() }
        };
        KINDS.iter().map(|kind| (kind.requirement.to_owned(), of(kind.name))).collect()
    }

    /// What a selector finds.
    pub fn selected(&self, selector: &v1::ResourceSelector) -> v1::Resources {
        selected(self.objects.values(), selector)
    }

    /// As admission sees it.
    pub fn catalog(&self) -> Catalog {
        let mut objects = Objects::default();
        for object in self.objects.values() {
            objects.add("configuration", object.clone()).unwrap();
        }
        let products =
            objects.products.iter().map(|product| Arc::new(compile(product).unwrap())).collect();
        let (catalog, rejected) = Catalog::new(&objects, products, &BTreeSet::new());
        assert_eq!(rejected, []);
        catalog
    }
}
