//! Bad input gets one clear message: what, where, why, what to do. Nothing panics, and nothing of
//! what exists goes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use idp_core::catalog::{Catalog, Objects, compile, embedded, embedded_files};
use idp_core::compose::product::Product;
use idp_core::structs::to_struct;
use idp_crds::kinds::KINDS;
use idp_function::run::Function;
use idp_function::wire::v1;
use prost::Message as _;
use serde_json::{Value, json};

/// The default catalog's objects, with the one product that is asked for here.
fn catalog() -> Vec<Value> {
    let objects =
        embedded_files().flat_map(|(_, text)| serde_saphyr::from_multiple::<Value>(text).unwrap());
    objects
        .filter(|object| object["kind"] != "Product" || object["metadata"]["name"] == "mysql")
        .collect()
}

/// A composite resource of MySQL that is in order.
fn composite() -> Value {
    json!({
        "apiVersion": "db.platform.example.org/v1alpha1", "kind": "XMySQLInstance",
        "metadata": {"name": "orders-x7k2p", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"parameters": {"cell": "c1", "tier": "medium", "environment": "dev", "size": "small", "storageGB": 20}},
    })
}

fn resource(object: &Value) -> v1::Resource {
    v1::Resource { resource: Some(to_struct(object).unwrap()), ..v1::Resource::default() }
}

/// The composite resource as it is desired.
fn composite_of(answer: &v1::RunFunctionResponse) -> Value {
    let desired = answer.desired.as_ref().unwrap().composite.as_ref().unwrap();
    idp_core::structs::from_struct(desired.resource.as_ref().unwrap()).unwrap()
}

/// A call with this composite and this configuration.
fn request(composite: &Value, objects: &[Value]) -> v1::RunFunctionRequest {
    let of_kind = |kind: &str| v1::Resources {
        items: objects.iter().filter(|o| o["kind"] == kind).map(resource).collect(),
    };
    v1::RunFunctionRequest {
        // As generated Compositions say.
        input: Some(to_struct(&json!({"annotations": "trusted"})).unwrap()),
        observed: Some(v1::State {
            composite: Some(resource(composite)),
            resources: BTreeMap::new(),
        }),
        required_resources: KINDS
            .iter()
            .map(|kind| (kind.requirement.to_owned(), of_kind(kind.name)))
            .collect(),
        ..v1::RunFunctionRequest::default()
    }
}

/// What the answer says, for people.
fn said(answer: &v1::RunFunctionResponse) -> String {
    let mut said = String::new();
    for result in &answer.results {
        writeln!(said, "{:?} {}: {}", result.severity(), result.reason(), result.message).unwrap();
    }
    for condition in &answer.conditions {
        writeln!(
            said,
            "{} {:?} {}: {}",
            condition.r#type,
            condition.status(),
            condition.reason,
            condition.message()
        )
        .unwrap();
    }
    said
}

/// What the answer to `request` says, where nothing exists; and that where something does, it
/// stays, whatever is wrong.
fn answer(mut request: v1::RunFunctionRequest) -> String {
    let function = Function::new();
    let before = function.answer(&request);
    assert_eq!(
        function.answer(&request).encode_to_vec(),
        before.encode_to_vec(),
        "the same request, the same bytes"
    );

    let existing = |stateful| {
        json!({
            "apiVersion": "rds.aws.upbound.io/v1beta3", "kind": "Instance",
            "metadata": {"name": "old", "labels": {
                "platform.example.org/provider": "aws", "platform.example.org/region": "us-east-1",
                "platform.example.org/sequence": "1", "platform.example.org/resource": "instance",
                "platform.example.org/stateful": stateful,
            }},
            "spec": {"forProvider": {"region": "us-east-1"}},
        })
    };
    let Some(observed) = &mut request.observed else { return said(&before) };
    for (name, stateful) in [("instance", "true"), ("old", "true"), ("log-group", "false")] {
        observed.resources.insert(format!("aws-us-east-1/{name}"), resource(&existing(stateful)));
    }
    let exist: Vec<String> = observed.resources.keys().cloned().collect();
    let after = function.answer(&request);
    let stops = after.results.iter().any(|result| result.severity() == v1::Severity::Fatal);
    let desired = after.desired.unwrap().resources;
    assert!(stops || exist.iter().all(|key| desired.contains_key(key)), "{:?}", desired.keys());
    said(&before)
}

#[test]
fn everything_that_is_wrong_with_a_claim_is_said_at_once() {
    let mut wrong = composite();
    wrong["spec"]["provider"] = json!("aws");
    wrong["spec"]["parameters"] = json!({
        "cell": "not a label!", "tier": "mediun", "environment": "prod", "ha": "yes", "size": "tiny", "storageGB": 5,
        "region": "us-east-1", "storageGb": 20,
    });
    insta::assert_snapshot!(answer(request(&wrong, &catalog())));
}

#[test]
fn parameters_that_are_no_object() {
    let mut wrong = composite();
    wrong["spec"]["parameters"] = json!(["size", "small"]);
    insta::assert_snapshot!(answer(request(&wrong, &catalog())));
}

#[test]
fn a_catalog_without_candidates() {
    let without: Vec<Value> =
        catalog().into_iter().filter(|object| object["kind"] != "Candidate").collect();
    insta::assert_snapshot!(answer(request(&composite(), &without)));
}

#[test]
fn no_configuration_at_all() {
    insta::assert_snapshot!(answer(request(&composite(), &[])));
}

#[test]
fn nothing_healthy_names_every_candidate() {
    let mut objects = catalog();
    for object in objects.iter_mut().filter(|object| object["kind"] == "CloudProvider") {
        object["spec"]["healthy"] = json!(false);
    }
    let mut wanted = composite();
    wanted["metadata"]["name"] = json!("elsewhere");
    insta::assert_snapshot!(said(&Function::new().answer(&request(&wanted, &objects))));
}

#[test]
fn a_broken_expression_is_named_with_product_resource_path_and_text() {
    let mut objects = catalog();
    let mysql = objects.iter_mut().find(|object| object["metadata"]["name"] == "mysql").unwrap();
    mysql["spec"]["providers"]["aws"]["resources"][0]["template"]["spec"]["forProvider"]["region"] =
        json!("${placement.region + }");
    mysql["spec"]["providers"]["aws"]["resources"][0]["template"]["spec"]["forProvider"]["name"] =
        json!("${prams.size}");
    insta::assert_snapshot!(answer(request(&composite(), &objects)));
}

#[test]
fn an_object_of_the_wrong_shape_is_left_out_and_the_rest_goes_on() {
    let mut objects = catalog();
    let tier = objects
        .iter_mut()
        .find(|object| object["kind"] == "Tier" && object["metadata"]["name"] == "low")
        .unwrap();
    tier["spec"]["rtoMinutes"] = json!("soon");
    let mut unknown = composite();
    unknown["spec"]["parameters"]["tier"] = json!("low");
    insta::assert_snapshot!(answer(request(&unknown, &objects)));
    assert!(
        said(&Function::new().answer(&request(&composite(), &objects)))
            .contains("Placed ConditionTrue")
    );
}

#[test]
fn two_candidates_of_one_place() {
    let mut objects = catalog();
    let mut twin = objects
        .iter()
        .find(|object| object["metadata"]["name"] == "gcp-us-central1")
        .unwrap()
        .clone();
    twin["metadata"]["name"] = json!("twin");
    twin["spec"]["order"] = json!(99);
    objects.push(twin.clone());
    // A cluster goes on with the first; a laptop says what is wrong.
    assert!(
        said(&Function::new().answer(&request(&composite(), &objects)))
            .contains("Placed ConditionTrue")
    );
    let mut read = embedded().unwrap();
    read.add("twin.yaml", twin).unwrap();
    let errors: Vec<String> =
        Catalog::strict(read).unwrap_err().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn configuration_that_cannot_be_read() {
    let mut said = Vec::new();
    for text in [
        "kind: [",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}",
        "apiVersion: platform.example.org/v1alpha1\nkind: Candidate\nmetadata: {}",
        "apiVersion: platform.example.org/v1alpha1\nkind: Candidat\nmetadata: {name: a}",
        "apiVersion: platform.example.org/v1alpha1\nkind: Candidate\nmetadata: {name: a}\nspec: {provider: aws, regoin: x}",
        "just text",
    ] {
        let mut errors = Vec::new();
        Objects::default().add_yaml("catalog.yaml", text, &mut errors);
        said.extend(errors.iter().map(ToString::to_string));
    }
    insta::assert_snapshot!(said.join("\n---\n"));
}

#[test]
fn messages_that_are_no_kubernetes_objects() {
    let good = request(&composite(), &catalog());
    let whole =
        good.observed.as_ref().unwrap().composite.as_ref().unwrap().resource.clone().unwrap();
    let with = |bytes: Bytes| {
        let mut request = good.clone();
        request.observed.as_mut().unwrap().composite.as_mut().unwrap().resource = Some(bytes);
        answer(request)
    };
    let mut all = String::new();
    let mut case = |what: &str, text: String| writeln!(all, "# {what}\n{text}").unwrap();
    case("nothing", answer(v1::RunFunctionRequest::default()));
    case("no composite", {
        let mut request = good.clone();
        request.observed.as_mut().unwrap().composite = None;
        answer(request)
    });
    case("empty", with(Bytes::new()));
    case("truncated", with(whole.slice(..whole.len() - 3)));
    case("noise", with(Bytes::from_static(b"\xff\xff\xff\xff\xff")));
    case(
        "spec is a text",
        with(
            to_struct(&json!({"apiVersion": "a/b", "kind": "C", "metadata": {}, "spec": "x"}))
                .unwrap(),
        ),
    );
    case(
        "deep",
        with([whole.clone(), nested("status", &nested("placement", &deep(500)))].concat().into()),
    );
    case("a composed resource is noise", {
        let mut request = good.clone();
        let noise = v1::Resource {
            resource: Some(Bytes::from_static(b"\x0a\x7f")),
            ..v1::Resource::default()
        };
        request
            .observed
            .as_mut()
            .unwrap()
            .resources
            .insert("aws-us-east-1/instance".to_owned(), noise);
        said(&Function::new().answer(&request))
    });
    case("a required resource is noise", {
        let mut request = good.clone();
        let noise = v1::Resource {
            resource: Some(Bytes::from_static(b"\x0a\x7f")),
            ..v1::Resource::default()
        };
        request.required_resources.get_mut("tiers").unwrap().items.push(noise);
        answer(request)
    });
    insta::assert_snapshot!(all);

    // However it is cut, there is an answer.
    let encoded = good.encode_to_vec();
    for end in (0..encoded.len()).step_by(encoded.len() / 64) {
        if let Ok(request) = v1::RunFunctionRequest::decode(&encoded[..end]) {
            let _ = Function::new().answer(&request);
        }
    }
}

/// A Struct of so many objects within each other, by hand: ours are not written that deep.
fn deep(levels: usize) -> Bytes {
    (0..levels).fold(Bytes::new(), |inner, _| nested("a", &inner))
}

/// A Struct whose only field is this Struct.
fn nested(field: &str, inner: &[u8]) -> Bytes {
    let entry =
        [length_delimited(1, field.as_bytes()), length_delimited(2, &length_delimited(5, inner))]
            .concat();
    length_delimited(1, &entry).into()
}

fn length_delimited(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = vec![field << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut encoded);
    encoded.extend(bytes);
    encoded
}

#[test]
fn inputs_of_the_function_that_are_wrong() {
    let mut all = String::new();
    for input in [
        json!({"produkt": "mysql"}),
        json!({"catalog": "laptop"}),
        json!({"apiVersion": "pt.fn.crossplane.io/v1beta1", "kind": "Resources"}),
        json!({"product": "mysq"}),
    ] {
        let mut request = request(&composite(), &catalog());
        request.input = Some(to_struct(&input).unwrap());
        writeln!(all, "# {input}\n{}", answer(request)).unwrap();
    }
    insta::assert_snapshot!(all);
}

/// What becomes of a product whose first AWS resource holds this expression.
fn expression(source: &str) -> String {
    let spec = json!({
        "api": {"group": "x.example.org", "version": "v1", "claimKind": "C", "compositeKind": "XC", "namespacedKind": "N"},
        "parameters": [{"name": "text", "type": "string", "default": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}],
        "providers": {"aws": {
            "variables": [{"name": "long", "value": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
                {"name": "longer", "value": "${range(256).map(i, vars.long).join(vars.long)}"},
                {"name": "longest", "value": "${range(256).map(i, vars.longer)}"}],
            "resources": [{"name": "a", "template": {"apiVersion": "a.aws.upbound.io/v1", "kind": "A",
                "spec": {"forProvider": {"value": format!("${{{source}}}")}}}}],
        }},
    });
    let product = match Product::compile("hostile", serde_json::from_value(spec.clone()).unwrap()) {
        Err(errors) => {
            return errors
                .iter()
                .map(|error| shortened(&error.to_string()))
                .collect::<Vec<_>>()
                .join("\n");
        }
        Ok(product) => product,
    };
    drop(product);
    let mut objects: Vec<Value> =
        catalog().into_iter().filter(|object| object["kind"] != "Product").collect();
    objects.push(json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "Product", "metadata": {"name": "hostile"}, "spec": spec,
    }));
    let composite = json!({
        "apiVersion": "x.example.org/v1", "kind": "XC", "metadata": {"name": "c", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"parameters": {"cell": "c1", "tier": "medium", "environment": "dev"}},
    });
    let answer = Function::new().answer(&request(&composite, &objects));
    let condition =
        answer.conditions.iter().find(|condition| condition.r#type == "ResourcesReady").unwrap();
    shortened(condition.message())
}

/// The beginning and the end of what is long.
fn shortened(text: &str) -> String {
    let all: Vec<char> = text.chars().collect();
    if all.len() <= 240 {
        return text.to_owned();
    }
    let part = |part: &[char]| part.iter().collect::<String>();
    format!("{} … {}", part(&all[..120]), part(&all[all.len() - 120..]))
}

#[test]
fn hostile_expressions_cost_little_and_say_why() {
    let mut all = String::new();
    for source in [
        "range(1000000000)".to_owned(),
        "range(256).map(a, range(256).map(b, range(256).map(c, a + b + c)))".to_owned(),
        "range(256).map(a, range(256).map(b, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'))".to_owned(),
        "vars.long.replace('a', vars.long).replace('a', vars.long).replace('a', vars.long)".to_owned(),
        "vars.longest".to_owned(),
        "params.text.matches('^(a+)+$')".to_owned(),
        "params.text.matches('(((a{100}){100}){100})')".to_owned(),
        "9223372036854775807 + 1".to_owned(),
        "1 / 0".to_owned(),
        "'text'.substring(3, 1)".to_owned(),
        "[1][5]".to_owned(),
        "{1: 'a'}".to_owned(),
        format!("'{}'", "x".repeat(5000)),
        // Within and beyond what is allowed; each of these once overflowed the stack.
        format!("{}1{}", "(".repeat(90), ")".repeat(90)),
        format!("{}1{}", "(".repeat(120), ")".repeat(120)),
        format!("{}1{}", "[".repeat(30), "]".repeat(30)),
        format!("{}1{}", "[".repeat(90), "]".repeat(90)),
        format!("1{}", "+1".repeat(30)),
        format!("1{}", "+1".repeat(250)),
        format!("{}'a'{}", "size(".repeat(60), ")".repeat(60)),
        format!("'a'{}", ".trim()".repeat(60)),
        format!("params{}", "[0]".repeat(90)),
        format!("{}1{}", "(".repeat(2000), ")".repeat(2000)),
        format!("{}true", "!".repeat(4000)),
        format!("params{}", ".a".repeat(2000)),
        format!("{}1", "true?1:".repeat(85)),
    ] {
        writeln!(all, "{}\n    {}", shortened(&source), expression(&source).replace('\n', "\n    ")).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_kind_belongs_to_the_oldest_product_that_names_it() {
    let owner = |created_of_mysql: &str, created_of_other: &str| {
        let mut objects = Objects::default();
        for mut object in catalog() {
            if object["kind"] == "Product" {
                object["metadata"]["creationTimestamp"] = created_of_mysql.into();
                let mut other = object.clone();
                other["metadata"] =
                    json!({"name": "a-copy", "creationTimestamp": created_of_other});
                // The namespaced kind is free.
                other["spec"]["api"]["namespacedKind"] = "OtherInstance".into();
                objects.add("test", other).unwrap();
            }
            objects.add("test", object).unwrap();
        }
        let products =
            objects.products.iter().map(|product| Arc::new(compile(product).unwrap())).collect();
        let (catalog, rejected) = Catalog::new(&objects, products, &BTreeSet::new());
        let rejected: Vec<String> = rejected.iter().map(ToString::to_string).collect();
        let group = "db.platform.example.org";
        let owner =
            |kind: &str| catalog.product_of(group, kind).map(|product| product.name.clone());
        assert_eq!(owner("MySQLInstanceClaim"), owner("XMySQLInstance"));
        (owner("MySQLInstanceClaim").unwrap(), owner("OtherInstance"), rejected)
    };
    let (named, other, rejected) = owner("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert_eq!((named.as_str(), other), ("mysql", None));
    assert_eq!(
        rejected,
        [
            "Product a-copy: spec.api.claimKind: \"MySQLInstanceClaim\" in db.platform.example.org belongs to the Product \"mysql\" already; spec.api.compositeKind: \"XMySQLInstance\" in db.platform.example.org belongs to the Product \"mysql\" already"
        ]
    );
    let (named, other, _) = owner("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z");
    assert_eq!((named.as_str(), other.as_deref()), ("a-copy", Some("a-copy")));
}

#[test]
fn a_resource_without_a_time_of_creation_is_read() {
    // As Go writes an object that has not been in a cluster.
    let bucket = json!({"apiVersion": "other.example.org/v1", "kind": "Bucket", "metadata": {"name": "b", "creationTimestamp": null}});
    let mut request = request(&composite(), &catalog());
    request.observed.as_mut().unwrap().resources.insert("others".to_owned(), resource(&bucket));
    let answer = Function::new().answer(&request);
    assert!(
        answer.results.iter().all(|result| result.severity() != v1::Severity::Fatal),
        "{}",
        said(&answer)
    );
}

/// A call for a workload that exists, with one composed resource and the composite changed.
fn existing(
    change_object: impl Fn(&mut Value),
    change_composite: impl Fn(&mut Value),
) -> v1::RunFunctionResponse {
    let mut composite = composite();
    composite["metadata"]["uid"] = "20000000-0000-4000-8000-000000000001".into();
    change_composite(&mut composite);
    let mut request = request(&composite, &catalog());
    let labels = |resource: &str| {
        json!({
            "platform.example.org/provider": "aws", "platform.example.org/region": "us-east-1",
            "platform.example.org/sequence": "1", "platform.example.org/resource": resource,
            "platform.example.org/stateful": "true",
        })
    };
    let resources = &mut request.observed.as_mut().unwrap().resources;
    for name in ["instance", "odd"] {
        let mut object = json!({
            "apiVersion": "rds.aws.upbound.io/v1beta3", "kind": "Instance",
            "metadata": {"name": name, "labels": labels(name), "annotations": {}},
            "spec": {"forProvider": {"region": "us-east-1"}, "managementPolicies": ["*"]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        if name == "odd" {
            change_object(&mut object);
        }
        resources.insert(format!("aws-us-east-1/{name}"), resource(&object));
    }
    Function::new().answer(&request)
}

/// What others write may hold null, or something else than expected: one odd object neither stops
/// the workload nor goes.
#[test]
fn an_odd_object_silences_nobody() {
    let odd: [(&str, Value); 14] = [
        ("/status", json!(null)),
        ("/status/conditions", json!(null)),
        ("/status/conditions", json!([null])),
        ("/status/conditions", json!([{"type": null, "status": null, "reason": null}])),
        ("/spec", json!(null)),
        ("/spec/forProvider", json!(null)),
        ("/spec/managementPolicies", json!(null)),
        ("/metadata/labels", json!(null)),
        ("/metadata/annotations", json!(null)),
        ("/status", json!("gone")),
        ("/status/conditions", json!({"Ready": true})),
        ("/spec/managementPolicies", json!([1, null])),
        ("/metadata/labels", json!(["a"])),
        ("/metadata/labels/platform.example.org~1region", json!(7)),
    ];
    for (pointer, value) in odd {
        let answer = existing(
            |object| {
                *object.pointer_mut(pointer).unwrap() = value.clone();
            },
            |_| {},
        );
        let said = said(&answer);
        assert!(!said.contains("Fatal"), "{pointer} {value}: {said}");
        let desired = answer.desired.unwrap().resources;
        for key in ["aws-us-east-1/instance", "aws-us-east-1/odd"] {
            assert!(desired.contains_key(key), "{pointer} {value}: {key} goes; {said}");
        }
    }
}

#[test]
fn an_odd_composite_is_served() {
    let odd: [fn(&mut Value); 7] = [
        |composite| composite["status"] = json!(null),
        |composite| composite["status"] = json!("gone"),
        |composite| composite["status"] = json!({"conditions": null}),
        |composite| {
            composite["status"] = json!({"conditions": [null, {"type": "Placed", "status": null}]})
        },
        |composite| composite["status"] = json!({"placement": "nowhere"}),
        |composite| composite["metadata"]["labels"] = json!(null),
        |composite| composite["metadata"]["annotations"] = json!(null),
    ];
    for change in odd {
        let answer = existing(|_| {}, change);
        let said = said(&answer);
        assert!(said.contains("Placed ConditionTrue"), "{said}");
    }
}

/// A placed workload keeps the network, the settings and the ProviderConfig that it was placed with,
/// until it is told to take a changed Candidate over.
#[test]
fn finding_9_an_edited_candidate_reaches_a_placed_workload_only_when_it_is_told() {
    let mut objects = catalog();
    let placed = existing(|_| {}, |_| {});
    let status = idp_core::structs::from_struct::<Value>(
        placed.desired.unwrap().composite.unwrap().resource.as_ref().unwrap(),
    )
    .unwrap();
    let place = |object: &Value| {
        object["kind"] == "Candidate"
            && object["spec"]["provider"] == "aws"
            && object["spec"]["region"] == "us-east-1"
    };
    let candidate = objects.iter_mut().find(|object| place(object)).unwrap();
    candidate["spec"]["providerConfigRef"] = json!({"name": "another-account"});
    candidate["spec"]["network"]["vpc_id"] = "vpc-other".into();

    let call = |annotations: Value| {
        let mut composite = composite();
        composite["metadata"]["annotations"] = annotations;
        composite["status"] = status["status"].clone();
        let answer = Function::new().answer(&request(&composite, &objects));
        let group = &answer.desired.as_ref().unwrap().resources["aws-us-east-1/security-group"];
        let group: Value =
            idp_core::structs::from_struct(group.resource.as_ref().unwrap()).unwrap();
        let config = group["spec"]["providerConfigRef"]["name"].as_str().unwrap().to_owned();
        let network = group["spec"]["forProvider"]["vpcId"].as_str().unwrap().to_owned();
        (config, network, said(&answer))
    };
    let (config, network, said) = call(json!({}));
    assert_eq!((config.as_str(), network.as_str()), ("aws-us-east-1", "vpc-aws-use1"));
    let (_, digest) = said.split_once("platform.example.org/adopt-candidate=").expect(&said);
    let digest = digest.lines().next().unwrap();
    let (config, network, said) = call(json!({"platform.example.org/adopt-candidate": digest}));
    assert_eq!((config.as_str(), network.as_str()), ("another-account", "vpc-other"), "{said}");
}

/// What is restored from a backup takes hold of what the workload had at its provider; a later
/// decision has another name.
#[test]
fn finding_1_a_restored_workload_keeps_its_id() {
    let placed = composite_of(&Function::new().answer(&request(&composite(), &catalog())));
    let placement = &placed["status"]["placement"];
    let mut restored = composite();
    restored["metadata"]["uid"] = json!("8d0fa3c0-0000-4000-8000-000000000007");
    restored["metadata"]["annotations"] = json!({
        "platform.example.org/placement-reason": placement["reason"],
    });
    let id = |composite: &Value| {
        let answer = Function::new().answer(&request(composite, &catalog()));
        let group = &answer.desired.as_ref().unwrap().resources["aws-us-east-1/security-group"];
        let group: Value =
            idp_core::structs::from_struct(group.resource.as_ref().unwrap()).unwrap();
        let id = group["metadata"]["labels"]["platform.example.org/id"].clone();
        assert_eq!(composite_of(&answer)["status"]["placement"]["id"], id);
        id
    };
    let anew = id(&restored);
    assert_ne!(anew, placement["id"], "another uid");
    let mut brought = |text: &str| {
        restored["metadata"]["annotations"]["platform.example.org/id"] = json!(text);
        id(&restored)
    };
    let had = placement["id"].as_str().unwrap();
    assert_eq!(brought(&format!("{had}@1")), placement["id"]);
    for other in [&format!("{had}@2"), had, "Not An Id@1"] {
        assert_eq!(brought(other), anew, "{other}");
    }
}

/// Where nothing keeps users from writing annotations the function decides itself, and says so; on a
/// laptop whoever asks has written them.
#[test]
fn finding_5_an_annotation_that_nothing_guards_is_not_followed() {
    let placed = Function::new().answer(&request(&composite(), &catalog()));
    let status = composite_of(&placed);
    let text = status["status"]["placement"]["reason"].as_str().unwrap();
    let mut chosen = composite();
    chosen["metadata"]["annotations"] = json!({
        "platform.example.org/placement-reason": text.replace("us-east-1", "eu-west-1"),
        "platform.example.org/release": "gcp-us-central1",
    });
    let in_cluster = |annotations: Option<&str>, object: &Value| {
        let mut request = request(object, &catalog());
        request.input = annotations.map(|worth| to_struct(&json!({"annotations": worth})).unwrap());
        said(&Function::new().answer(&request))
    };
    let (there, elsewhere) = ("Placed: aws/eu-west-1", "Placed: aws/us-east-1");
    // Not kept by an API server.
    assert!(in_cluster(None, &chosen).contains(there));
    chosen["metadata"]["uid"] = "20000000-0000-4000-8000-000000000001".into();
    chosen["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    assert!(in_cluster(Some("trusted"), &chosen).contains(there));
    for unguarded in [None, Some("ignored")] {
        let said = in_cluster(unguarded, &chosen);
        assert!(said.contains(elsewhere), "{said}");
        let both =
            "platform.example.org/placement-reason, platform.example.org/release not gone by";
        assert!(said.contains(both) && said.contains("annotations: trusted"), "{said}");
    }
}

/// Crossplane takes over an object of the composed name that nobody controls: its password is
/// known to whoever made it.
#[test]
fn finding_24_a_credentials_secret_that_somebody_made_is_not_adopted() {
    let mut composite = composite();
    composite["metadata"]["uid"] = "20000000-0000-4000-8000-000000000001".into();
    composite["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    let call = |secret: &Value, user: bool| {
        let mut request = request(&composite, &catalog());
        let observed = request.observed.as_mut().unwrap();
        observed.resources.insert("workload/credentials".to_owned(), resource(secret));
        let instance = json!({
            "apiVersion": "rds.aws.upbound.io/v1beta3", "kind": "Instance",
            "metadata": {"name": "old", "labels": {
                "platform.example.org/provider": "aws", "platform.example.org/region": "us-east-1",
                "platform.example.org/sequence": "1", "platform.example.org/resource": "instance",
                "platform.example.org/stateful": "true",
            }},
            "spec": {"forProvider": {"region": "us-east-1"}},
        });
        if user {
            observed.resources.insert("aws-us-east-1/instance".to_owned(), resource(&instance));
        }
        let answer = Function::new().answer(&request);
        let desired = answer.desired.as_ref().unwrap().resources.clone();
        (said(&answer), desired)
    };
    let secret = |password: Option<&str>| {
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "ours", "namespace": "team", "uid": "6b1f3d9e-2f6e-4a39-9d1c-0a4e1f0c9b11",
                "ownerReferences": [{"kind": "XMySQLInstance", "name": "orders-x7k2p", "controller": true, "uid": "20000000-0000-4000-8000-000000000001"}]},
        });
        if let Some(password) = password {
            secret["data"] = json!({"username": "ZGI=", "password": password});
        }
        secret
    };
    let (text, desired) = call(&secret(Some("a25vd24=")), false);
    assert!(text.contains("ResourcesReady ConditionFalse ForeignSecret"), "{text}");
    assert!(text.contains("delete that Secret"), "{text}");
    assert!(!desired.contains_key("aws-us-east-1/instance"), "made with a known password");
    let kept: Value =
        idp_core::structs::from_struct(desired["workload/credentials"].resource.as_ref().unwrap())
            .unwrap();
    assert_eq!(kept["data"]["password"], "a25vd24=", "it is not ours to change or delete");

    // Our own one is filled, then used.
    let (_, desired) = call(&secret(None), false);
    let filled: Value =
        idp_core::structs::from_struct(desired["workload/credentials"].resource.as_ref().unwrap())
            .unwrap();
    let (text, desired) = call(&secret(filled["data"]["password"].as_str()), false);
    assert!(!text.contains("ForeignSecret"), "{text}");
    assert!(desired.contains_key("aws-us-east-1/instance"));
    // Of another composite, whatever it holds.
    let mut others = secret(filled["data"]["password"].as_str());
    others["metadata"]["ownerReferences"][0]["uid"] = "2".into();
    assert!(call(&others, false).0.contains("ForeignSecret"));

    // A restored cluster has other uids: what is in use stays in use.
    let (text, desired) = call(&secret(Some("a25vd24=")), true);
    assert!(!text.contains("ForeignSecret"), "{text}");
    assert!(desired.contains_key("aws-us-east-1/instance"));
}

/// Crossplane takes no answer of more than 4 MiB, and would say of a larger one only that.
#[test]
fn an_answer_that_crossplane_would_not_take_says_so_instead() {
    const LARGEST: usize = 4 << 20;
    // What a step before ours desires is passed on.
    let answer = |length: usize| {
        let text = "x".repeat(length);
        let large = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"text": text}});
        let mut asked = request(&composite(), &catalog());
        asked.desired = Some(v1::State {
            resources: BTreeMap::from([("before/large".to_owned(), resource(&large))]),
            ..v1::State::default()
        });
        Function::new().answer(&asked)
    };
    let smaller = answer(LARGEST - 100_000);
    let length = LARGEST - 100_000 + (LARGEST - smaller.encoded_len());

    let fits = answer(length);
    assert_eq!(fits.encoded_len(), LARGEST);
    assert!(!said(&fits).contains("Fatal"), "{}", said(&fits));
    assert!(fits.desired.as_ref().unwrap().resources.len() > 3);

    let refused = answer(length + 1);
    let text = said(&refused);
    for part in [
        "Fatal AnswerTooLarge: the answer has 4194305 bytes",
        "takes 4194304 at most: nothing is changed",
        "the largest before/large",
        "ResourcesReady ConditionFalse AnswerTooLarge",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(refused.desired, None);
    assert_eq!(refused.requirements, fits.requirements, "or Crossplane would call again");
    assert!(refused.encoded_len() < 10_000);
}

/// A status is no evidence by itself: anybody may have written it.
#[test]
fn a_status_without_anything_that_bears_it_out_places_nothing() {
    let mut composite = composite();
    composite["metadata"]["uid"] = "20000000-0000-4000-8000-000000000001".into();
    composite["status"] =
        json!({"placement": {"provider": "oci", "region": "us-ashburn-1", "sequence": 1}});
    let answer = Function::new().answer(&request(&composite, &catalog()));
    assert!(
        said(&answer).contains("Placed ConditionTrue Placed: aws/us-east-1"),
        "{}",
        said(&answer)
    );

    // Crossplane writes down what it is going to make before it makes it.
    composite["spec"]["resourceRefs"] = json!([{"apiVersion": "mysql.oci.upbound.io/v1beta1", "kind": "MysqlDbSystem", "name": "x"}]);
    let answer = Function::new().answer(&request(&composite, &catalog()));
    assert!(said(&answer).contains("oci/us-ashburn-1"), "{}", said(&answer));
}

/// What exists from before ids were written down keeps its name in the cluster and at the provider:
/// another one would be another security group, and another database.
#[test]
fn what_is_there_keeps_its_names() {
    let mut composite = composite();
    composite["metadata"]["uid"] = "20000000-0000-4000-8000-000000000001".into();
    let call = |id: Option<&str>| {
        let mut request = request(&composite, &catalog());
        let mut group = json!({
            "apiVersion": "ec2.aws.upbound.io/v1beta1", "kind": "SecurityGroup",
            "metadata": {"name": "a-name-of-before", "labels": {
                "platform.example.org/provider": "aws", "platform.example.org/region": "us-east-1",
                "platform.example.org/sequence": "1", "platform.example.org/resource": "security-group",
            }},
            "spec": {"forProvider": {"region": "us-east-1"}},
        });
        if let Some(id) = id {
            group["metadata"]["labels"]["platform.example.org/id"] = id.into();
        }
        let observed = request.observed.as_mut().unwrap();
        observed.resources.insert("aws-us-east-1/security-group".to_owned(), resource(&group));
        let desired = Function::new().answer(&request).desired.unwrap();
        let group = &desired.resources["aws-us-east-1/security-group"];
        let group: Value =
            idp_core::structs::from_struct(group.resource.as_ref().unwrap()).unwrap();
        let name = group["metadata"]["name"].as_str().unwrap().to_owned();
        (name, group["spec"]["forProvider"]["name"].as_str().unwrap().to_owned())
    };
    let (name, at_provider) = call(None);
    assert_eq!(name, "a-name-of-before");
    // 8 hexadecimal digits, as the first version made them.
    let hash = at_provider.strip_prefix("orders-x7k2p-").unwrap();
    assert!(hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{at_provider}");
    let written = "orders-x7k2p-aaaaaaaaaaaaaaaa";
    assert_eq!(call(Some(written)), ("a-name-of-before".to_owned(), written.to_owned()));
}

/// A label that Crossplane gives to a claim's composite means nothing on one that has no claim.
#[test]
fn a_namespaced_composite_has_no_claim_whatever_its_labels_say() {
    let connection = |labels: Value| {
        let mut composite = composite();
        composite["kind"] = "MySQLInstance".into();
        composite["metadata"] = json!({"name": "orders", "namespace": "team", "labels": labels});
        let answer = Function::new().answer(&request(&composite, &catalog()));
        let desired = answer.desired.unwrap().resources;
        let names = desired.values().map(|desired| {
            let object: Value =
                idp_core::structs::from_struct(desired.resource.as_ref().unwrap()).unwrap();
            object["metadata"]["name"].as_str().unwrap().to_owned()
        });
        (names.collect::<Vec<_>>(), desired.len())
    };
    let plain = connection(json!({}));
    assert!(plain.1 > 3, "{plain:?}");
    let labels =
        json!({"crossplane.io/claim-name": "theirs", "crossplane.io/claim-namespace": "them"});
    assert_eq!(connection(labels), plain);
}
