//! The protocol types against the Crossplane project's own, and Struct bytes
//! against prost-types, which reads and writes them independently of us.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use function_sdk_rust::proto as sdk;
use idp_core::structs::{MAX_DEPTH, StructError, from_struct, to_struct};
use idp_function::wire::{self, v1};
use proptest::prelude::*;
use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

// --- the protocol -----------------------------------------------------------

/// Messages, fields, numbers, types and presence, whatever file they come from
/// and however it is ordered and commented.
fn protocol(encoded: &[u8]) -> BTreeMap<String, String> {
    let set = prost_types::FileDescriptorSet::decode(encoded).unwrap();
    let mut file =
        set.file.into_iter().find(|file| file.package() == "apiextensions.fn.proto.v1").unwrap();
    for message in &mut file.message_type {
        message.field.sort_by_key(|field| field.number());
    }
    let messages = file.message_type.iter().map(|it| (it.name().to_owned(), format!("{it:#?}")));
    let enums = file.enum_type.iter().map(|it| (it.name().to_owned(), format!("{it:#?}")));
    let services = file.service.iter().map(|it| {
        let methods = it.method.iter().map(|method| {
            let (input, output) = (method.input_type(), method.output_type());
            format!("{}({input}) -> {output}", method.name())
        });
        (it.name().to_owned(), methods.collect())
    });
    messages.chain(enums).chain(services).collect()
}

#[test]
fn the_protocol_is_crossplanes() {
    let (ours, theirs) = (protocol(wire::FILE_DESCRIPTOR_SET), protocol(sdk::FILE_DESCRIPTOR_SET));
    assert!(theirs.len() > 20, "the oracle is not empty");
    for (name, definition) in &theirs {
        assert_eq!(ours.get(name), Some(definition), "{name}");
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn a_request_of_the_sdk_passes_through_unchanged() {
    let object =
        json!({"apiVersion": "v1", "kind": "Thing", "spec": {"size": 3, "tags": ["a", null]}});
    let resource = |ready| sdk::v1::Resource {
        resource: Some(serde_json::from_value(object.clone()).unwrap()),
        connection_details: [("password".to_owned(), b"\xff\x00".to_vec())].into(),
        ready,
    };
    let state = sdk::v1::State {
        composite: Some(resource(0)),
        resources: [("a".to_owned(), resource(1)), ("b".to_owned(), resource(2))].into(),
    };
    let resources = sdk::v1::Resources { items: vec![resource(0)] };
    let request = sdk::v1::RunFunctionRequest {
        meta: Some(sdk::v1::RequestMeta { tag: "tag".to_owned(), capabilities: vec![1, 2, 99] }),
        observed: Some(state.clone()),
        desired: Some(state),
        input: Some(Default::default()),
        context: Some(serde_json::from_value(json!({"a": 1.5})).unwrap()),
        required_resources: [("found".to_owned(), resources.clone())].into(),
        extra_resources: [("none".to_owned(), Default::default()), ("some".to_owned(), resources)]
            .into(),
        ..Default::default()
    };

    let ours = v1::RunFunctionRequest::decode(request.encode_to_vec().as_slice()).unwrap();
    assert_eq!(
        sdk::v1::RunFunctionRequest::decode(ours.encode_to_vec().as_slice()).unwrap(),
        request
    );
    // An empty object is not the same as none.
    assert_eq!(ours.input.as_deref(), Some(&[][..]));

    let composite = ours.observed.unwrap().composite.unwrap();
    assert_eq!(from_struct::<serde_json::Value>(&composite.resource.unwrap()).unwrap(), object);
    assert_eq!(composite.connection_details["password"], b"\xff\x00"[..]);
}

#[test]
fn a_response_of_ours_is_read_by_the_sdk() {
    let response = v1::RunFunctionResponse {
        meta: Some(v1::ResponseMeta {
            tag: "tag".to_owned(),
            ttl: Some(prost_types::Duration { seconds: 15, nanos: 0 }),
        }),
        desired: Some(v1::State {
            composite: Some(v1::Resource {
                resource: Some(to_struct(&json!({"status": {"n": 7}})).unwrap()),
                ready: v1::Ready::True.into(),
                ..Default::default()
            }),
            resources: BTreeMap::new(),
        }),
        results: vec![v1::Result {
            severity: v1::Severity::Warning.into(),
            message: "look".to_owned(),
            reason: None,
            target: Some(v1::Target::CompositeAndClaim.into()),
        }],
        ..Default::default()
    };
    let theirs = sdk::v1::RunFunctionResponse::decode(response.encode_to_vec().as_slice()).unwrap();
    assert_eq!(
        serde_json::to_value(theirs).unwrap(),
        json!({
            "meta": {"tag": "tag", "ttl": "15s"},
            "desired": {"composite": {"resource": {"status": {"n": 7.0}}, "ready": "READY_TRUE"}},
            "results": [{"severity": "SEVERITY_WARNING", "message": "look", "target": "TARGET_COMPOSITE_AND_CLAIM"}],
        })
    );
}

// --- reading and writing ----------------------------------------------------

fn oracle_struct(object: &serde_json::Map<String, serde_json::Value>) -> Struct {
    let fields = object.iter().map(|(key, value)| (key.clone(), oracle(value)));
    Struct { fields: fields.collect() }
}

fn oracle(value: &serde_json::Value) -> Value {
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(bit) => Kind::BoolValue(*bit),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(oracle).collect() })
        }
        serde_json::Value::Object(object) => Kind::StructValue(oracle_struct(object)),
    };
    Value { kind: Some(kind) }
}

fn encoded(value: serde_json::Value) -> Vec<u8> {
    oracle_struct(value.as_object().unwrap()).encode_to_vec()
}

fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, StructError> {
    from_struct(&encoded(value))
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (-1000..1000_i32).prop_map(Into::into),
        proptest::num::f64::NORMAL.prop_map(Into::into),
        ".{0,20}".prop_map(Into::into),
        // Long enough for lengths of two and three bytes.
        prop_oneof![100..200_usize, 17_000..17_010_usize].prop_map(|n| "x".repeat(n).into()),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            any_object(inner).prop_map(Into::into),
        ]
    })
}

fn any_object(
    values: impl Strategy<Value = serde_json::Value>,
) -> impl Strategy<Value = serde_json::Map<String, serde_json::Value>> {
    prop::collection::vec((".{0,12}", values), 0..8)
        .prop_map(|entries| entries.into_iter().collect())
}

proptest! {
    #[test]
    fn what_we_write_prost_types_reads(object in any_object(any_json())) {
        let bytes = to_struct(&object).unwrap();
        prop_assert_eq!(Struct::decode(bytes).unwrap(), oracle_struct(&object));
    }

    #[test]
    fn what_prost_types_writes_we_read(object in any_object(any_json())) {
        let oracle = oracle_struct(&object);
        let bytes = oracle.encode_to_vec();
        let read: serde_json::Map<_, _> = from_struct(&bytes).unwrap();
        // Compared as doubles, which is all the format holds.
        prop_assert_eq!(oracle_struct(&read), oracle);
    }

    #[test]
    fn what_we_read_we_write_again_byte_by_byte(object in any_object(any_json())) {
        let bytes = to_struct(&object).unwrap();
        let read: serde_json::Value = from_struct(&bytes).unwrap();
        prop_assert_eq!(to_struct(&read).unwrap(), bytes);
    }

    #[test]
    fn cut_bytes_are_refused_or_a_shorter_object(
        object in any_object(any_json()),
        at in any::<prop::sample::Index>(),
    ) {
        let bytes = to_struct(&object).unwrap();
        let cut = &bytes[..at.index(bytes.len() + 1)];
        let ours: Result<serde_json::Map<_, _>, _> = from_struct(cut);
        match Struct::decode(cut) {
            Ok(theirs) => prop_assert_eq!(oracle_struct(&ours.unwrap()), theirs),
            Err(_) => prop_assert!(ours.is_err()),
        }
    }

    #[test]
    fn one_changed_byte_never_panics(
        object in any_object(any_json()),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = to_struct(&object).unwrap().to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = from_struct::<serde_json::Value>(&bytes);
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = from_struct::<serde_json::Value>(&bytes);
        let _ = from_struct::<IgnoredAny>(&bytes);
        let _ = from_struct::<Object>(&bytes);
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    api_version: String,
    status: Status,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    share: f64,
    phase: Option<Phase>,
    conditions: Vec<Condition>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    Steady,
    Moving { to: Id },
    Named(Id),
    Pair(u8, u8),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Id(String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

#[test]
fn a_typed_value_takes_what_it_names_and_skips_the_rest() {
    let object: Object = read(json!({
        "apiVersion": "v1",
        "spec": {"deep": [{"ignored": true}]},
        "status": {
            "observedGeneration": 12,
            "share": 3,
            "conditions": [{"type": "Ready", "status": "True", "message": "ignored"}],
        },
    }))
    .unwrap();
    assert_eq!(
        object,
        Object {
            api_version: "v1".to_owned(),
            status: Status {
                observed_generation: Some(12),
                share: 3.0,
                phase: None,
                conditions: vec![Condition {
                    r#type: "Ready".to_owned(),
                    status: "True".to_owned()
                }],
            },
        }
    );
}

#[test]
fn a_typed_value_is_what_it_was_after_a_round_trip() {
    for phase in [
        None,
        Some(Phase::Steady),
        Some(Phase::Moving { to: Id("aws".to_owned()) }),
        Some(Phase::Named(Id("b".repeat(300)))),
        Some(Phase::Pair(1, 255)),
    ] {
        let object = Object {
            api_version: "a/v1".to_owned(),
            status: Status {
                observed_generation: Some(-5),
                share: 0.25,
                phase,
                conditions: vec![],
            },
        };
        let bytes = to_struct(&object).unwrap();
        assert_eq!(from_struct::<Object>(&bytes).unwrap(), object);
        // The same shape as in JSON.
        let json = serde_json::to_value(&object).unwrap();
        assert_eq!(Struct::decode(bytes).unwrap(), oracle_struct(json.as_object().unwrap()));
    }
}

#[test]
fn strings_are_borrowed() {
    let bytes = encoded(json!({"kind": "Thing"}));
    let borrowed: BTreeMap<&str, &str> = from_struct(&bytes).unwrap();
    assert!(bytes.as_ptr_range().contains(&borrowed["kind"].as_ptr()));
}

#[test]
fn integers_come_back_as_integers_up_to_2_53() {
    let limit = 1_u64 << 53;
    let value: serde_json::Value = read(json!({
        "zero": 0, "negative": -7, "limit": limit, "low": -(limit as i64),
        "beyond": limit + 2, "huge": u64::MAX, "fraction": 0.5,
    }))
    .unwrap();
    assert_eq!(value["zero"], json!(0));
    assert_eq!(value["negative"], json!(-7));
    assert_eq!(value["limit"], json!(limit));
    assert_eq!(value["low"], json!(-(limit as i64)));
    assert!(value["beyond"].is_f64());
    assert_eq!(value["huge"], json!(18_446_744_073_709_551_616.0));
    assert_eq!(value["fraction"], json!(0.5));
}

#[test]
fn errors_name_the_place() {
    let error = read::<Object>(json!({"status": {"conditions": [
        {"type": "Ready", "status": "True"},
        {"type": "Synced", "status": 3},
    ]}}))
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "status.conditions[1].status: invalid type: integer `3`, expected a string"
    );

    type Labels = BTreeMap<String, BTreeMap<String, String>>;
    let error = read::<Labels>(json!({"labels": {"example.org/a": true}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "labels[example.org/a]: invalid type: boolean `true`, expected a string"
    );
    // Others write null where they mean nothing.
    let nothing = read::<Labels>(json!({"labels": {"example.org/a": null}})).unwrap();
    assert_eq!(nothing["labels"]["example.org/a"], "");

    let error = to_struct(&json!({"spec": {"n": [1, 2]}})).map(|_| ());
    assert!(error.is_ok());
    let nan = BTreeMap::from([("spec", BTreeMap::from([("n", [1.0, f64::NAN])]))]);
    assert_eq!(
        to_struct(&nan).unwrap_err().to_string(),
        "spec.n: NaN is not a number that JSON knows"
    );
}

#[test]
fn numbers_that_json_does_not_know_are_refused() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let value = Value { kind: Some(Kind::NumberValue(number)) };
        let object = Struct { fields: [("n".to_owned(), value)].into() };
        let error = from_struct::<serde_json::Value>(&object.encode_to_vec()).unwrap_err();
        assert_eq!(error.to_string(), format!("n: {number} is not a number that JSON knows"));
    }
}

fn nested(levels: usize) -> serde_json::Value {
    (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
}

#[test]
fn depth_is_limited_both_ways() {
    let deepest = nested(MAX_DEPTH);
    let bytes = to_struct(&deepest).unwrap();
    assert_eq!(from_struct::<serde_json::Value>(&bytes).unwrap(), deepest);

    let error = to_struct(&nested(MAX_DEPTH + 1)).unwrap_err().to_string();
    assert!(error.ends_with(".a: nested deeper than 128 levels"), "{error}");
    let bytes = encoded(nested(MAX_DEPTH + 1));
    let error = from_struct::<serde_json::Value>(&bytes).unwrap_err().to_string();
    assert!(error.ends_with(".a: nested deeper than 128 levels"), "{error}");
    // What nobody asks for is not even looked at.
    from_struct::<Object>(&bytes).unwrap();

    let list = (0..MAX_DEPTH).fold(json!([]), |inner, _| json!([inner]));
    assert!(read::<serde_json::Value>(json!({"a": list})).is_err());
}

/// `1: {1: key, 2: {kind: ...}}`, each piece short enough for lengths of one byte.
fn entry(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut entry = vec![0x0a, key.len() as u8];
    entry.extend(key);
    entry.extend([0x12, value.len() as u8]);
    entry.extend(value);
    let mut bytes = vec![0x0a, entry.len() as u8];
    bytes.extend(entry);
    bytes
}

#[test]
fn of_equal_keys_a_map_keeps_the_last_and_a_struct_refuses_the_second() {
    let bytes = [entry(b"n", b"\x1a\x01a"), entry(b"n", b"\x1a\x01b")].concat();
    assert_eq!(from_struct::<serde_json::Value>(&bytes).unwrap(), json!({"n": "b"}));
    assert_eq!(
        Struct::decode(bytes.as_slice()).unwrap(),
        oracle_struct(json!({"n": "b"}).as_object().unwrap())
    );

    #[derive(Debug, Deserialize)]
    struct N {
        #[allow(dead_code)]
        n: String,
    }
    let error = from_struct::<N>(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "duplicate field `n`");
}

#[rstest::rstest]
#[case::no_kind_is_null(entry(b"a", b""), json!({"a": null}))]
#[case::last_kind_counts(entry(b"a", b"\x20\x01\x1a\x01x"), json!({"a": "x"}))]
#[case::unknown_fields(
    [b"\x10\x01\x1d1234\x1912345678\x22\x03abc".to_vec(), entry(b"a", b"\x38\x01\x20\x01")].concat(),
    json!({"a": true})
)]
#[case::no_key_no_value(b"\x0a\x00".to_vec(), json!({"": null}))]
#[case::value_before_key(b"\x0a\x07\x12\x02\x20\x01\x0a\x01a".to_vec(), json!({"a": true}))]
fn unusual_bytes_are_read_as_protobuf_says(
    #[case] bytes: Vec<u8>,
    #[case] expected: serde_json::Value,
) {
    assert_eq!(from_struct::<serde_json::Value>(&bytes).unwrap(), expected);
    assert!(Struct::decode(bytes.as_slice()).is_ok());
}

#[rstest::rstest]
#[case::truncated_length(b"\x0a\x05abc".to_vec(), "malformed protobuf: truncated, 5 bytes expected, 3 left")]
#[case::truncated_number(
    entry(b"a", b"\x11\x00"),
    "a: malformed protobuf: truncated, 8 bytes expected, 1 left"
)]
#[case::length_over_64_bits(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(), "malformed protobuf: varint over 64 bits")]
#[case::huge_length(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(), "malformed protobuf: truncated, 18446744073709551615 bytes expected, 0 left")]
#[case::key_not_utf8(
    entry(b"\xff", b"\x08\x00"),
    "not UTF-8: invalid utf-8 sequence of 1 bytes from index 0"
)]
#[case::text_not_utf8(
    entry(b"a", b"\x1a\x02x\xff"),
    "a: not UTF-8: invalid utf-8 sequence of 1 bytes from index 1"
)]
#[case::entry_is_no_message(b"\x08\x01".to_vec(), "malformed protobuf: a field of google.protobuf.Struct has the wrong wire type")]
#[case::number_is_a_varint(
    entry(b"a", b"\x10\x01"),
    "a: malformed protobuf: a field of google.protobuf.Value has the wrong wire type"
)]
#[case::item_is_no_message(
    entry(b"a", b"\x32\x02\x08\x01"),
    "a: malformed protobuf: a field of google.protobuf.ListValue has the wrong wire type"
)]
#[case::field_number_zero(
    b"\x00\x01".to_vec(),
    "malformed protobuf: field number 0"
)]
#[case::unknown_wire_type(b"\x0e".to_vec(), "malformed protobuf: unknown wire type 6")]
fn malformed_bytes_are_refused(#[case] bytes: Vec<u8>, #[case] message: &str) {
    let error = from_struct::<serde_json::Value>(&bytes).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert!(Struct::decode(bytes.as_slice()).is_err());
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let error = read::<BTreeMap<String, (u8, u8)>>(json!({"a": [1, 2, 3]})).unwrap_err();
    assert_eq!(error.to_string(), "a: invalid length 3, expected a shorter list");

    let two = json!({"a": {"Named": "x", "Steady": null}});
    let error = read::<BTreeMap<String, Phase>>(two).unwrap_err();
    assert_eq!(error.to_string(), "a: expected an object with exactly one key");

    let error = to_struct(&[1, 2]).unwrap_err();
    assert_eq!(error.to_string(), "expected an object at the top level");

    let error = to_struct(&BTreeMap::from([(1, "a")])).unwrap_err();
    assert_eq!(error.to_string(), "the key of a map must be a string");
}

#[test]
fn keys_may_be_typed() {
    let map = BTreeMap::from([(Id("a".to_owned()), 1_u64)]);
    let bytes = to_struct(&map).unwrap();
    assert_eq!(from_struct::<BTreeMap<Id, u64>>(&bytes).unwrap(), map);
}
