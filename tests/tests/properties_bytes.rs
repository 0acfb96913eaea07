//! Whatever bytes come in, something answers: nothing panics, and what is written can be read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::io::BufReader;
use std::sync::LazyLock;

use bytes::Bytes;
use idp_core::catalog::{Catalog, embedded};
use idp_core::compose::expression::Interner;
use idp_core::compose::template::Template;
use idp_core::structs::{from_struct, to_struct};
use idp_function::cli::schedule::Answerer;
use idp_function::run::Function;
use idp_function::wire::v1;
use idp_tests::sim::Configuration;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message as _;
use serde_json::{Value, json};

static ANSWERER: LazyLock<Answerer> =
    LazyLock::new(|| Answerer::of(Catalog::strict(embedded().unwrap()).unwrap().scheduler()));

/// A whole request, to be broken.
static REQUEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let composite = json!({
        "apiVersion": "sim.example.org/v1", "kind": "XDatabase", "metadata": {"name": "orders", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"parameters": {"cell": "cell-1", "tier": "low", "environment": "production", "replica": true}},
    });
    let composite =
        v1::Resource { resource: Some(to_struct(&composite).unwrap()), ..v1::Resource::default() };
    let request = v1::RunFunctionRequest {
        observed: Some(v1::State { composite: Some(composite), ..v1::State::default() }),
        required_resources: Configuration::default().required(),
        ..v1::RunFunctionRequest::default()
    };
    request.encode_to_vec()
});

/// Whole bytes with a few of them changed, taken out, or put in.
fn broken(whole: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<Index>(), any::<u8>(), 0_u8..3), 1..8).prop_map(move |changes| {
        let mut bytes = whole.to_vec();
        for (at, byte, change) in changes {
            let at = at.index(bytes.len());
            match change {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

fn answer_bytes(bytes: &[u8]) {
    if let Ok(request) = v1::RunFunctionRequest::decode(bytes) {
        let _answer = Function::new().answer(&request).encode_to_vec();
    }
}

fn read_struct(bytes: Vec<u8>) {
    if let Ok(value) = from_struct::<Value>(&Bytes::from(bytes)) {
        let again = to_struct(&value).unwrap();
        assert_eq!(from_struct::<Value>(&again).unwrap(), value);
    }
}

/// Every line that is not blank gets one line of JSON.
fn answer_lines(lines: &[u8]) {
    let mut output = Vec::new();
    let tally = ANSWERER.stream(BufReader::new(lines), &mut output).unwrap();
    let answers: Vec<Value> = output
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    assert_eq!(answers.len() as u64, tally.answered);
}

fn compile(expression: &str) {
    let known = BTreeSet::from(["params", "observed", "names", "vars", "values"]);
    Template::compile(
        &json!({"a": expression, "b": format!("${{{expression}}}")}),
        "t",
        &known,
        &mut Interner::default(),
        &mut Vec::new(),
    );
}

/// Pieces of expressions, in any order.
fn expressions() -> impl Strategy<Value = String> {
    const PIECES: [&str; 28] = [
        "params",
        ".a",
        "[0]",
        "[\"x\"]",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "${",
        "'",
        "\"",
        "\\",
        "+",
        "-",
        "!",
        "?",
        ":",
        ",",
        "1",
        "0x",
        "1e9",
        ".map(i, ",
        "range(",
        "has(",
        "in",
        "\u{1f980}",
    ];
    let piece = prop_oneof![9 => (0..PIECES.len()).prop_map(|at| PIECES[at].to_owned()), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const LINE: &[u8] = br#"{"id":"a","kind":"schedule","input":{"request":{"product":"mysql","name":"db1","namespace":"default","cell":"c","tier":"low","environment":"dev","ha":false},"experiments":[{"id":"e","description":"","variant_weights":{"cost":1.0},"traffic_percentage":0.2,"tier":"low"}]}}
{"id":"b","kind":"schedule","input":{"request":{"name":"db1","tier":"critical","ha":true}}}
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn requests(bytes in broken(&REQUEST)) {
        answer_bytes(&bytes);
    }

    #[test]
    fn structs(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), broken(&REQUEST)]) {
        read_struct(bytes);
    }

    #[test]
    fn lines(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), broken(LINE)]) {
        answer_lines(&bytes);
    }

    #[test]
    fn templates(expression in expressions()) {
        compile(&expression);
    }
}
