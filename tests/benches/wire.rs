//! What reading a request and writing an answer cost: 30 observed resources of
//! 8 KB each, as a large composition has them.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use idp_core::structs::{from_struct, to_struct};
use idp_function::wire::v1::{Resource, RunFunctionRequest, State};
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// A managed resource as a provider leaves it: mostly spec, observed state and
/// the field owners.
fn managed_resource() -> Value {
    let parameters = |n: usize| -> Value {
        (0..n)
            .map(|i| {
                let value = json!({"name": format!("parameter-{i}"), "value": i, "applyMethod": "immediate"});
                (format!("parameterGroup{i}"), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let owners: Vec<_> = ["apiextensions.crossplane.io/composed", "crossplane", "provider"]
        .iter()
        .map(|manager| {
            let fields: serde_json::Map<_, _> =
                (0..30).map(|i| (format!("f:parameterGroup{i}"), json!({}))).collect();
            json!({
                "manager": manager, "operation": "Apply", "time": "2026-01-01T00:00:00Z",
                "apiVersion": "rds.aws.upbound.io/v1beta1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:forProvider": fields}},
            })
        })
        .collect();
    let conditions: Vec<_> = ["Synced", "Ready", "LastAsyncOperation"]
        .iter()
        .map(|kind| {
            json!({
                "type": kind, "status": "True", "reason": "Available",
                "lastTransitionTime": "2026-01-01T00:00:00Z", "message": "The resource is up to date.",
            })
        })
        .collect();
    json!({
        "apiVersion": "rds.aws.upbound.io/v1beta1",
        "kind": "Instance",
        "metadata": {
            "name": "orders-db-x7k2p",
            "uid": "5f4dcc3b-5aa7-65d6-1d83-27deb882cf99",
            "resourceVersion": "123456789",
            "labels": {"crossplane.io/composite": "orders-db", "platform.example.org/provider": "aws"},
            "annotations": {"crossplane.io/composition-resource-name": "aws-us-east-1/database"},
            "managedFields": owners,
        },
        "spec": {"forProvider": parameters(30), "managementPolicies": ["*"]},
        "status": {"atProvider": parameters(30), "conditions": conditions},
    })
}

fn request() -> Bytes {
    let object = to_struct(&managed_resource()).unwrap();
    let resources = (0..30).map(|i| {
        let resource = Resource { resource: Some(object.clone()), ..Default::default() };
        (format!("aws-us-east-1/resource-{i}"), resource)
    });
    let request = RunFunctionRequest {
        observed: Some(State { composite: None, resources: resources.collect() }),
        ..Default::default()
    };
    request.encode_to_vec().into()
}

#[divan::bench]
fn decode_request(bencher: Bencher) {
    let bytes = request();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench(|| RunFunctionRequest::decode(black_box(bytes.clone())).unwrap());
}

#[derive(Deserialize)]
struct Observed<'a> {
    #[serde(borrow)]
    status: Status<'a>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    r#type: &'a str,
    status: &'a str,
    reason: &'a str,
}

#[divan::bench]
fn conditions_of_30(bencher: Bencher) {
    let request = RunFunctionRequest::decode(request()).unwrap();
    let resources = request.observed.unwrap().resources;
    bencher.bench(|| {
        let ready = |resource: &Resource| {
            let bytes = resource.resource.as_deref().unwrap();
            let observed: Observed = from_struct(black_box(bytes)).unwrap();
            let mut conditions = observed.status.conditions.iter();
            conditions
                .any(|it| it.r#type == "Ready" && it.status == "True" && it.reason == "Available")
        };
        resources.values().filter(|resource| ready(resource)).count()
    });
}

#[divan::bench]
fn read_one_as_json(bencher: Bencher) {
    let bytes = to_struct(&managed_resource()).unwrap();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench(|| from_struct::<Value>(black_box(&bytes)).unwrap());
}

#[divan::bench]
fn write_one(bencher: Bencher) {
    let object = managed_resource();
    bencher
        .counter(BytesCount::new(to_struct(&object).unwrap().len()))
        .bench(|| to_struct(black_box(&object)).unwrap());
}

/// For comparison: the same object as JSON text.
#[divan::bench]
fn write_one_as_json_text(bencher: Bencher) {
    let object = managed_resource();
    bencher
        .counter(BytesCount::new(object.to_string().len()))
        .bench(|| serde_json::to_vec(black_box(&object)).unwrap());
}
