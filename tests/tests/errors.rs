//! Every bad input gets one clear message, and nothing goes down: what, where, why, what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::io::BufReader;

use bytes::Bytes;
use idp_function::catalog::{Catalog, Named, compile, embedded};
use idp_function::cli::schedule::Answerer;
use idp_function::run::Function;
use idp_function::wire::{to_struct, v1};
use idp_tests::sim::Configuration;
use idp_tests::sim::configuration::products;
use prost::Message as _;
use serde_json::{Value, json};

/// What the function says, and how many resources it desires.
fn said(request: &v1::RunFunctionRequest) -> String {
    let answer = Function::new().answer(request);
    let mut text = String::new();
    for result in &answer.results {
        writeln!(text, "{} {}: {}", result.severity().as_str_name(), result.reason(), result.message).unwrap();
    }
    let conditions = answer.conditions.iter().filter(|condition| condition.status() == v1::Status::ConditionFalse);
    for condition in conditions {
        writeln!(text, "not {} ({}): {}", condition.r#type, condition.reason, condition.message()).unwrap();
    }
    writeln!(text, "{} resources", answer.desired.unwrap_or_default().resources.len()).unwrap();
    text
}

fn all(cases: impl IntoIterator<Item = (&'static str, v1::RunFunctionRequest)>) -> String {
    cases.into_iter().fold(String::new(), |text, (name, request)| format!("{text}# {name}\n{}\n", said(&request)))
}

fn resource(object: &Value) -> v1::Resource {
    v1::Resource { resource: Some(to_struct(object).unwrap()), ..v1::Resource::default() }
}

fn database(parameters: &Value) -> Value {
    let mut all = json!({"cell": "cell-1", "tier": "low", "environment": "production"});
    all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    json!({
        "apiVersion": "sim.example.org/v1", "kind": "XDatabase", "metadata": {"name": "orders", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"parameters": all},
    })
}

fn request(configuration: &Configuration, composite: &Value) -> v1::RunFunctionRequest {
    v1::RunFunctionRequest {
        observed: Some(v1::State { composite: Some(resource(composite)), ..v1::State::default() }),
        required_resources: configuration.required(),
        ..v1::RunFunctionRequest::default()
    }
}

#[test]
fn wrong_claims() {
    let asks = |parameters: Value| request(&Configuration::default(), &database(&parameters));
    let mut annotated = database(&json!({}));
    annotated["metadata"]["annotations"] = json!({"platform.example.org/placement-reason": "aws please"});
    insta::assert_snapshot!(all([
        ("a parameter that does not exist", asks(json!({"replcia": true}))),
        ("everything at once", asks(json!({"cell": "", "environment": "prod", "ha": "yes", "replica": 1, "size": "large"}))),
        ("a tier that does not exist", asks(json!({"tier": "lwo"}))),
        ("a forbidden field", asks(json!({"provider": "aws", "region": "us-east-1"}))),
        ("no gate passed", asks(json!({"ha": true}))),
        ("an annotation that is no record", request(&Configuration::default(), &annotated)),
    ]));
}

#[test]
fn wrong_configuration() {
    let with = |edit: &dyn Fn(&mut Configuration)| {
        let mut configuration = Configuration::default();
        edit(&mut configuration);
        request(&configuration, &database(&json!({})))
    };
    insta::assert_snapshot!(all([
        (
            "no candidates",
            with(&|all| ["aws-east", "aws-west", "gcp-central", "oci-ashburn"]
                .iter()
                .for_each(|name| all.delete("Candidate", name)))
        ),
        ("no product", with(&|all| all.delete("Product", "database"))),
        (
            "a product with a broken expression",
            with(&|all| all.edit("Product", "database", |spec| {
                spec["providers"]["aws"]["resources"][1]["template"]["spec"]["forProvider"]["name"] = json!("${ids + }");
            }))
        ),
        (
            "two candidates for one place",
            with(&|all| {
                all.edit("Candidate", "aws-west", |spec| spec["region"] = json!("east"));
                all.edit("Candidate", "gcp-central", |spec| spec["healthy"] = json!(false));
            })
        ),
        (
            "no provider healthy",
            with(&|all| ["aws", "gcp", "oci"]
                .iter()
                .for_each(|name| all.edit("CloudProvider", name, |spec| spec["healthy"] = json!(false))))
        ),
        ("a candidate of another shape", with(&|all| all.edit("Candidate", "aws-east", |spec| spec["scores"] = json!("high")))),
    ]));
}

#[test]
fn wrong_requests() {
    let good = request(&Configuration::default(), &database(&json!({})));
    let with_input = |input: Value| v1::RunFunctionRequest { input: Some(to_struct(&input).unwrap()), ..good.clone() };
    let with_composite = |bytes: Vec<u8>| {
        let composite = v1::Resource { resource: Some(Bytes::from(bytes)), ..v1::Resource::default() };
        let observed = v1::State { composite: Some(composite), ..v1::State::default() };
        v1::RunFunctionRequest { observed: Some(observed), ..good.clone() }
    };
    let whole = to_struct(&database(&json!({}))).unwrap().to_vec();
    insta::assert_snapshot!(all([
        ("an unknown field of the input", with_input(json!({"prodcut": "database"}))),
        ("another kind of input", with_input(json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "Inptu"}))),
        ("a product that the input names and nobody has", with_input(json!({"product": "databse"}))),
        ("nothing observed", v1::RunFunctionRequest { observed: None, ..good.clone() }),
        ("a Struct that ends early", with_composite(whole[..whole.len() / 2].to_vec())),
        ("a Struct that is none", with_composite(vec![0xff; 64])),
        ("a composite without a kind", with_composite(to_struct(&json!({"metadata": {}})).unwrap().to_vec())),
        ("a composite nested too deep", with_composite(nested(5_000))),
        ("a configuration object nested too deep", {
            let mut request = good.clone();
            let items = vec![v1::Resource { resource: Some(Bytes::from(nested(5_000))), ..v1::Resource::default() }];
            request.required_resources.insert("flags".to_owned(), v1::Resources { items });
            request
        }),
    ]));
}

/// A Struct with one field, in it one, and so on.
fn nested(depth: usize) -> Vec<u8> {
    let field = |number: u8, content: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        prost::encode_length_delimiter(content.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(content);
        bytes
    };
    (0..depth).fold(Vec::new(), |inner, _| {
        let value = field(5, &inner);
        field(1, &[field(1, b"spec"), field(2, &value)].concat())
    })
}

#[test]
fn a_request_that_ends_early_is_an_error_wherever_it_ends() {
    let whole = request(&Configuration::default(), &database(&json!({}))).encode_to_vec();
    let function = Function::new();
    // Cut between two fields it is a smaller request, and gets an answer.
    for end in (0..whole.len()).step_by(7) {
        if let Ok(request) = v1::RunFunctionRequest::decode(&whole[..end]) {
            let _answer = function.answer(&request).encode_to_vec();
        }
    }
}

#[test]
fn wrong_lines() {
    let answerer = Answerer::of(Catalog::strict(embedded().unwrap()).unwrap().scheduler());
    let deep = format!("{{\"id\": \"deep\", \"kind\": \"schedule\", \"input\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let lines = [
        "{",
        "[]",
        r#"{"id": "kind", "kind": "shedule", "input": {}}"#,
        r#"{"id": "empty", "kind": "schedule"}"#,
        r#"{"id": "field", "kind": "schedule", "input": {"name": "orders", "tier": "low", "h": true}}"#,
        r#"{"id": "tier", "kind": "schedule", "input": {"name": "orders", "tier": "lwo", "ha": false}}"#,
        &deep,
        "\u{feff}{}",
        r#"{"id": "good", "kind": "schedule", "input": {"name": "orders", "tier": "nope", "ha": false}}"#,
    ];
    let mut output = Vec::new();
    let tally = answerer.stream(BufReader::new(lines.join("\n").as_bytes()), &mut output).unwrap();
    assert_eq!(tally.answered, lines.len() as u64, "each gets its answer, and the rest go on");
    insta::assert_snapshot!(String::from_utf8(output).unwrap());
}

/// What compiling or rendering a Product says whose one variable is that, and whose others double it.
fn hostile(expression: &str) -> String {
    let mut product = products()[1].clone();
    let templates = &mut product["spec"]["providers"]["aws"];
    let doubled =
        (1..40).map(|at| json!({"name": format!("v{at}"), "value": format!("${{vars.v{} + vars.v{}}}", at - 1, at - 1)}));
    let first = json!({"name": "v0", "value": format!("${{{expression}}}")});
    templates["variables"] = std::iter::once(first).chain(doubled).collect();
    templates["resources"][0]["template"]["spec"]["forProvider"]["region"] = json!("${vars.v39}");
    let spec = serde_json::from_value(product["spec"].clone()).unwrap();
    if let Err(rejected) = compile(&Named { name: "app".to_owned(), created: String::new(), spec }) {
        return format!("refused: {}\n", rejected.errors[0].chars().take(300).collect::<String>());
    }
    let mut configuration = Configuration::default();
    configuration.put(product);
    let mut composite = database(&json!({}));
    composite["kind"] = json!("XApp");
    said(&request(&configuration, &composite))
}

#[test]
fn hostile_expressions_are_refused_or_bounded() {
    let long = format!("'{}'", "x".repeat(5_000));
    let nested = format!("{}1{}", "(".repeat(2_000), ")".repeat(2_000));
    let text = [
        ("a text that doubles and doubles", "'xxxxxxxxxxxxxxxx'"),
        ("a list that doubles and doubles", "[1, 2, 3, 4]"),
        ("loops in loops", "range(99).map(a, range(99).map(b, range(99).map(c, range(99))))"),
        ("a huge list", "range(1000000000)"),
        ("a negative list", "range(-1)"),
        ("an expression that is too long", &long),
        ("parentheses in parentheses", &nested),
        (
            "a regular expression that takes for ever elsewhere",
            "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$') ? 'a' : 'b'",
        ),
        ("a division by zero", "1 / 0"),
        ("the largest number and one", "9223372036854775807 + 1"),
    ]
    .into_iter()
    .fold(String::new(), |text, (name, expression)| format!("{text}# {name}\n{}\n", hostile(expression)));
    insta::assert_snapshot!(text);
}
