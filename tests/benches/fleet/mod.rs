//! A product of 30 managed resources, each 8 KB as a provider leaves it, and the default catalog as
//! required resources.

use std::collections::BTreeMap;

use idp_core::catalog::embedded_files;
use idp_core::structs::{from_struct, to_struct};
use idp_function::run::Function;
use idp_function::wire::v1;
use idp_tests::selectors::selected;
use prost::Message as _;
use serde_json::{Map, Value, json};

const RESOURCES: usize = 30;

/// The request when all is there, ready, and said.
pub fn settled() -> v1::RunFunctionRequest {
    let settled = settle(composite);
    let resources = &settled.observed.as_ref().unwrap().resources;
    assert_eq!(resources.len(), RESOURCES);
    let average = resources.values().map(|r| r.encoded_len()).sum::<usize>() / RESOURCES;
    assert!((7_000..9_500).contains(&average), "{average} bytes");
    settled
}

/// The same of the default catalog's MySQL with a replica in another region: nine resources of
/// Amazon's, and a Secret.
pub fn settled_mysql() -> v1::RunFunctionRequest {
    let settled = settle(mysql);
    assert_eq!(settled.observed.as_ref().unwrap().resources.len(), 10);
    settled
}

/// Asks until all is ready, with all that is composed made by its provider in between.
fn settle(composite: impl Fn(Option<Value>) -> Value) -> v1::RunFunctionRequest {
    let function = Function::new();
    let mut settled = request(&composite(None));
    let mut rounds = 0;
    loop {
        let answer = function.answer(&settled);
        assert!(rounds < 8, "never ready: {:?} {:?}", answer.results, answer.conditions);
        rounds += 1;
        let desired = answer.desired.unwrap();
        let state = settled.observed.as_mut().unwrap();
        let made = desired.resources.iter().map(|(key, resource)| {
            let object = from_struct(resource.resource.as_ref().unwrap()).unwrap();
            (key.clone(), wrap(&as_a_provider_leaves_it(key, object)))
        });
        state.resources = made.collect();
        let said = desired.composite.unwrap();
        if said.ready == i32::from(v1::Ready::True) {
            let status: Value = from_struct(said.resource.as_ref().unwrap()).unwrap();
            state.composite = Some(wrap(&composite(Some(status["status"].clone()))));
            return settled;
        }
    }
}

/// With no more than is asked for, out of a catalog with so many Candidates.
pub fn narrow(request: &mut v1::RunFunctionRequest, candidates: usize) {
    let catalog = catalog(candidates);
    let wanted = Function::new().answer(request).requirements.unwrap().resources;
    let find = |selector| selected(&catalog, selector);
    request.required_resources =
        wanted.iter().map(|(key, selector)| (key.clone(), find(selector))).collect();
    assert_eq!(Function::new().answer(request).requirements.unwrap().resources, wanted);
}

pub fn request(composite: &Value) -> v1::RunFunctionRequest {
    v1::RunFunctionRequest {
        meta: Some(v1::RequestMeta {
            tag: "tag".to_owned(),
            capabilities: vec![v1::Capability::RequiredResources.into()],
        }),
        observed: Some(v1::State { composite: Some(wrap(composite)), ..v1::State::default() }),
        required_resources: required(&catalog(0)),
        ..v1::RunFunctionRequest::default()
    }
}

/// Requests of so many products, none of whose workloads is placed: each brings all of so many
/// Candidates, in another order.
pub fn of_products(products: usize, candidates: usize) -> Vec<v1::RunFunctionRequest> {
    let objects = catalog(candidates);
    let mut all = required(&objects);
    let of_product = |at: usize| {
        let mut product =
            objects.iter().find(|o| o["metadata"]["name"] == "fleet").unwrap().clone();
        let kind = format!("XFleet{at}");
        product["metadata"]["name"] = json!(format!("fleet-{at}"));
        product["metadata"]["uid"] = json!(format!("00000000-0000-4000-9000-{at:012}"));
        product["spec"]["api"]["compositeKind"] = json!(kind);
        let mut composite = composite(None);
        composite["kind"] = json!(kind);
        (wrap(&product), composite)
    };
    (0..products)
        .map(|at| {
            let (product, composite) = of_product(at);
            all.insert("products".to_owned(), v1::Resources { items: vec![product] });
            for resources in all.values_mut().filter(|resources| !resources.items.is_empty()) {
                let by = at * 7 % resources.items.len();
                resources.items.rotate_left(by);
            }
            v1::RunFunctionRequest { required_resources: all.clone(), ..request(&composite) }
        })
        .collect()
}

pub fn wrap(object: &Value) -> v1::Resource {
    v1::Resource { resource: Some(to_struct(object).unwrap()), ..v1::Resource::default() }
}

pub fn composite(status: Option<Value>) -> Value {
    let mut composite = json!({
        "apiVersion": "bench.platform.example.org/v1alpha1", "kind": "XFleet",
        "metadata": {
            "name": "orders-x7k2p", "uid": "9b8f0b2e-7a0e-4c44-9a3e-111111111111", "resourceVersion": "991",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"crossplane.io/claim-name": "orders", "crossplane.io/claim-namespace": "team-checkout"},
        },
        "spec": {"parameters": {"cell": "cell-1", "environment": "production", "tier": "critical", "ha": true, "size": "large"}},
    });
    if let Some(status) = status {
        composite["status"] = status;
    }
    composite
}

/// A claim's composite, of the default catalog's MySQL.
fn mysql(status: Option<Value>) -> Value {
    let mut mysql = composite(status);
    mysql["apiVersion"] = json!("db.platform.example.org/v1alpha1");
    mysql["kind"] = json!("XMySQLInstance");
    mysql["spec"]["parameters"] = json!({
        "cell": "cell-1", "environment": "production", "tier": "business_critical", "size": "large", "storageGB": 100,
    });
    mysql
}

/// The default catalog and the bench's product, as Crossplane hands them over: with the identities
/// that a cache goes by.
fn required(objects: &[Value]) -> BTreeMap<String, v1::Resources> {
    let of =
        |kind: &str| objects.iter().filter(|object| object["kind"] == kind).map(wrap).collect();
    idp_crds::kinds::KINDS
        .iter()
        .map(|kind| (kind.requirement.to_owned(), v1::Resources { items: of(kind.name) }))
        .collect()
}

/// The same as objects, with places beside the default ones so that there are so many Candidates.
pub fn catalog(candidates: usize) -> Vec<Value> {
    let files = embedded_files()
        .flat_map(|(_, text)| serde_saphyr::from_multiple::<Option<Value>>(text).unwrap());
    let mut objects: Vec<Value> = files.flatten().chain([product()]).collect();
    let of_a_place: Vec<Value> =
        objects.iter().filter(|object| object["kind"] == "Candidate").cloned().collect();
    for at in of_a_place.len()..candidates {
        let mut more = of_a_place[at % of_a_place.len()].clone();
        let region = format!("region-{at}");
        let provider = more["spec"]["provider"].as_str().unwrap();
        more["metadata"]["name"] = json!(format!("{provider}-{region}"));
        more["spec"]["region"] = json!(region);
        objects.push(more);
    }
    for (at, object) in objects.iter_mut().enumerate() {
        object["metadata"]["uid"] = json!(format!("00000000-0000-4000-8000-{at:012}"));
        object["metadata"]["resourceVersion"] = json!(at.to_string());
        object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    objects
}

/// 30 resources, each with a dozen expressions, some named by others, some read by others.
fn product() -> Value {
    let resource = |at: usize| {
        let mut fields: Map<String, Value> =
            (0..16).map(|i| (format!("setting{i}"), json!(format!("value-{i}")))).collect();
        for (name, value) in [
            ("region", "${placement.region}"),
            ("identifier", &*format!("${{id}}-{at}")),
            ("instanceClass", "${values.classes[params.size]}"),
            ("multiAz", "${ha}"),
            ("deletionProtection", r#"${environment == "production"}"#),
            ("network", "${placement.network.vpc_id}"),
            ("backupRetentionPeriod", r#"${environment == "production" ? 14 : 1}"#),
            ("description", "${params.size} for ${claim.name} of ${cell}"),
            ("optional", r#"${"read_replicas" in tier.capabilities ? 1 : null}"#),
        ] {
            fields.insert(name.to_owned(), json!(value));
        }
        if at > 0 {
            fields.insert(
                "parentRef".to_owned(),
                json!({"name": format!("${{names[\"part-{}\"]}}", at - 1)}),
            );
        }
        json!({
            "name": format!("part-{at}"), "stateful": at == 0,
            "template": {"apiVersion": "rds.aws.upbound.io/v1beta3", "kind": "Instance", "spec": {"forProvider": fields}},
        })
    };
    json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "Product", "metadata": {"name": "fleet"},
        "spec": {
            "api": {
                "group": "bench.platform.example.org", "version": "v1alpha1", "claimKind": "FleetClaim", "compositeKind": "XFleet",
                "namespacedKind": "Fleet",
            },
            "stateful": true,
            "parameters": [{"name": "size", "type": "string", "default": "small", "enum": ["small", "large"]}],
            "values": {"classes": {"small": "db.t4g.small", "large": "db.r7g.large"}},
            "connectionKeys": ["host", "port"],
            "providers": {"aws": {
                "resources": (0..RESOURCES).map(resource).collect::<Vec<_>>(),
                "connection": {
                    "host": "${observed[\"part-0\"].status.atProvider.address}", "port": "${observed[\"part-0\"].status.atProvider.port}",
                },
            }},
        },
    })
}

/// A composed object as it is observed: identity, field owners, what the provider filled in and
/// reports, conditions.
fn as_a_provider_leaves_it(key: &str, mut object: Value) -> Value {
    let details = |n: usize| -> Map<String, Value> {
        (0..n)
            .map(|i| {
                let value = json!({"name": format!("parameter-{i}"), "value": i, "applyMethod": "immediate"});
                (format!("parameterGroup{i}"), value)
            })
            .collect()
    };
    let owner = |manager: &str| {
        let fields: Map<String, Value> =
            (0..25).map(|i| (format!("f:parameterGroup{i}"), json!({}))).collect();
        json!({
            "manager": manager, "operation": "Apply", "time": "2026-01-01T00:00:00Z", "apiVersion": "rds.aws.upbound.io/v1beta3",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:forProvider": fields}},
        })
    };
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "reason": "Available", "lastTransitionTime": "2026-01-01T00:00:00Z",
            "message": "The resource is up to date.",
        })
    };
    object["metadata"]["uid"] = json!("5f4dcc3b-5aa7-45d6-8d83-27deb882cf99");
    object["metadata"]["resourceVersion"] = json!("123456789");
    object["metadata"]["generation"] = json!(3);
    object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    object["metadata"]["annotations"] = json!({"crossplane.io/composition-resource-name": key, "crossplane.io/external-name": "orders"});
    object["metadata"]["finalizers"] = json!(["finalizer.managedresource.crossplane.io"]);
    object["metadata"]["managedFields"] =
        json!([owner("apiextensions.crossplane.io/composed"), owner("provider")]);
    object["spec"]["initProvider"] = json!({});
    let mut reported = details(38);
    reported.insert("address".to_owned(), json!("orders.abc.us-east-1.rds.amazonaws.com"));
    reported.insert("port".to_owned(), json!(3306));
    reported.insert("arn".to_owned(), json!("arn:aws:rds:us-east-1:123456789012:db:orders"));
    let conditions =
        json!([condition("Synced"), condition("Ready"), condition("LastAsyncOperation")]);
    object["status"] = json!({"atProvider": reported, "conditions": conditions});
    object
}
