//! What `status.placement.deletion` says: what deleting a workload does *now*. Whoever deletes it has
//! what exists deleted as it is, so nothing may be promised that has not been carried out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use idp_core::catalog::embedded_files;
use idp_core::structs::{from_struct, to_struct};
use idp_function::run::Function;
use idp_function::wire::v1;
use idp_tests::selectors::{resource, selected};
use serde_json::{Value, json};

/// A composite of MySQL in production, and what exists of it.
struct Workload {
    composite: Value,
    objects: BTreeMap<String, Value>,
}

impl Workload {
    fn new(parameters: Value) -> Self {
        let mut all = json!({
            "cell": "c1", "tier": "medium", "environment": "production", "size": "small", "storageGB": 20,
        });
        all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        let composite = json!({
            "apiVersion": "db.platform.example.org/v1alpha1", "kind": "XMySQLInstance",
            "metadata": {
                "name": "orders-x7k2p", "uid": "9b8f0b2e-7a0e-4c44-9a3e-111111111111",
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {"parameters": all},
        });
        Workload { composite, objects: BTreeMap::new() }
    }

    fn ask(&mut self, deletion: Value) {
        self.composite["spec"]["parameters"]["deletion"] = deletion;
    }

    /// One call, as Crossplane makes it: what is desired then, and what the status says.
    fn call(&mut self) -> BTreeMap<String, Value> {
        let catalog: Vec<Value> = embedded_files()
            .flat_map(|(_, text)| serde_saphyr::from_multiple::<Option<Value>>(text).unwrap())
            .flatten()
            .collect();
        let observed = self.objects.iter().map(|(key, object)| (key.clone(), resource(object)));
        let mut request = v1::RunFunctionRequest {
            input: Some(to_struct(&json!({"product": "mysql", "annotations": "trusted"})).unwrap()),
            observed: Some(v1::State {
                composite: Some(resource(&self.composite)),
                resources: observed.collect(),
            }),
            ..v1::RunFunctionRequest::default()
        };
        let mut before = None;
        let answer = loop {
            let answer = Function::new().answer(&request);
            let required = answer.requirements.clone().unwrap_or_default().extra_resources;
            if before.as_ref() == Some(&required) {
                break answer;
            }
            let met = required.iter();
            request.extra_resources =
                met.map(|(key, selector)| (key.clone(), selected(&catalog, selector))).collect();
            before = Some(required);
        };
        let desired = answer.desired.unwrap();
        let status: Value =
            from_struct(desired.composite.unwrap().resource.as_ref().unwrap()).unwrap();
        self.composite["status"] = status["status"].clone();
        self.composite["spec"]["resourceRefs"] =
            json!([{"apiVersion": "a/v1", "kind": "A", "name": "a"}]);
        let object = |resource: v1::Resource| from_struct(resource.resource.as_ref().unwrap());
        desired.resources.into_iter().map(|(key, made)| (key, object(made).unwrap())).collect()
    }

    /// The same, and Crossplane applies what is desired; the provider has done nothing yet.
    fn apply(&mut self) {
        for (key, desired) in self.call() {
            let old = self.objects.remove(&key).unwrap_or_default();
            let mut object = desired;
            object["metadata"]["uid"] = json!("9b8f0b2e-7a0e-4c44-9a3e-222222222222");
            object["status"] = old["status"].clone();
            if object["kind"] == "Secret" && object["data"].is_null() {
                object["data"] = old["data"].clone();
            }
            self.objects.insert(key, object);
        }
    }

    /// The provider does what it is asked, and reports it.
    fn provide(&mut self) {
        for object in self.objects.values_mut() {
            let asked = object["spec"]["forProvider"].clone();
            if asked.is_object() {
                object["status"] = json!({"atProvider": asked});
            }
        }
    }

    fn says(&self) -> &Value {
        &self.composite["status"]["placement"]["deletion"]
    }

    /// Placed, made and reported.
    fn settled(parameters: Value) -> Self {
        let mut workload = Workload::new(parameters);
        for _ in 0..3 {
            workload.apply();
            workload.provide();
        }
        workload.call();
        assert!(workload.objects.keys().any(|key| key.ends_with("/instance")));
        workload
    }
}

#[test]
fn what_is_asked_for_counts_once_the_provider_reports_it() {
    let mut workload = Workload::settled(json!({}));
    assert_eq!(workload.says(), "protect", "as production is by default");
    workload.ask(json!("backup"));
    workload.call();
    assert_eq!(workload.says(), "protect", "nothing has been applied");
    workload.apply();
    workload.call();
    assert_eq!(workload.says(), "protect", "the provider still protects it");
    workload.provide();
    workload.call();
    assert_eq!(workload.says(), "backup");
    // And back: what is protected by the request alone is not said to be.
    workload.ask(Value::Null);
    workload.call();
    assert_eq!(workload.says(), "backup");
    workload.apply();
    workload.provide();
    workload.call();
    assert_eq!(workload.says(), "protect");
}

#[test]
fn a_backup_is_not_promised_before_it_is_asked_of_the_provider() {
    let mut workload = Workload::settled(json!({"environment": "dev"}));
    assert_eq!(workload.says(), "discard");
    workload.ask(json!("backup"));
    workload.apply();
    workload.call();
    assert_eq!(workload.says(), "discard", "deleted now, it would leave nothing");
    workload.provide();
    workload.call();
    assert_eq!(workload.says(), "backup");
    // More than is asked for is no reason to keep it.
    workload.ask(Value::Null);
    workload.apply();
    workload.call();
    assert_eq!(workload.says(), "discard");
}

#[test]
fn an_orphan_is_one_when_no_object_reaches_the_provider() {
    let mut workload = Workload::settled(json!({}));
    workload.ask(json!("orphan"));
    let desired = workload.call();
    assert_eq!(workload.says(), "protect");
    for (key, object) in &desired {
        let policies = &object["spec"]["managementPolicies"];
        let deletes = policies.as_array().is_some_and(|all| all.contains(&json!("Delete")));
        assert!(!deletes, "{key}: {policies}");
    }
    workload.apply();
    workload.call();
    assert_eq!(
        workload.says(),
        "orphan",
        "that a provider which is down says nothing is no matter"
    );
}

/// A provider that has not made anything has nothing to report: what never comes about can be deleted.
#[test]
fn what_was_never_made_can_be_deleted() {
    let mut workload = Workload::new(json!({"deletion": "backup"}));
    for _ in 0..3 {
        workload.apply();
    }
    workload.call();
    assert_eq!(workload.says(), "backup");
}
