//! What is worked out here is what the evaluator says.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::super::Expression;
use super::*;

fn variables() -> Value {
    json!({
        "params": {
            "size": "large", "storageGB": 100, "negative": -3, "none": null, "yes": true, "ratio": 1.5, "whole": 2.0,
            "huge": u64::MAX, "most": i64::MAX, "list": ["a", "large"], "mixed": ["a", 1], "empty": {},
        },
        "values": {
            "sizes": {"small": {"aws": "s"}, "large": {"z": 1, "aws": "l", "nested": [{"y": 1, "b": 2}]}},
            "days": {"production": 14}, "size": "large",
        },
        "environment": "production", "ha": true, "vars": {},
    })
}

/// Whether the short way knows the value, which is then the evaluator's.
fn knows(source: &str) -> bool {
    let variables = variables();
    let all = variables.as_object().unwrap();
    let known: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    let expression = Expression::compile(source, &known).unwrap();
    let resolver = Resolver::new(all.iter().map(|(name, value)| (name.as_str(), value)).collect());
    let known = expression.plain.as_ref().and_then(|plain| plain.value(&resolver)).is_some();
    let text = |value: Result<Value, _>| value.map(|value| value.to_string());
    assert_eq!(
        text(expression.compute(&resolver)),
        text(expression.interpret(&resolver)),
        "{source}"
    );
    known
}

#[test]
fn what_products_write_is_known_without_the_evaluator() {
    for source in [
        "params.storageGB",
        "params.ratio",
        "params.huge",
        "params.none",
        "ha",
        "values.sizes[params.size].aws",
        "values.sizes.large",
        "values.sizes['large']",
        "values.days[environment]",
        r#"environment == "production" ? values.sizes[params.size].aws : values.days"#,
        r#""large" in params.list || has(vars.replica)"#,
        r#""large" in values.sizes"#,
        "has(params.none) && !has(params.nothing)",
        r#""MySQL of " + params.size"#,
        "params.storageGB * 13 + 10 - params.negative >= 5",
        r#"environment != "production" ? 1 : null"#,
    ] {
        assert!(knows(source), "{source}");
    }
}

#[test]
fn what_has_no_value_is_left_to_the_evaluator() {
    for source in [
        "params.nothing",
        "params.size.more",
        "values.sizes[params.storageGB]",
        "params.list[0]",
        "has(params.size.more)",
        "params.most + 1",
        "params.huge + 1",
        "params.ratio < 2",
        "params.none == null",
        r#""b" in params.mixed"#,
        "params.size < environment",
        "params.none ? 1 : 2",
        "params.none || ha",
        "values.sizes == values.sizes",
    ] {
        assert!(!knows(source), "{source}");
    }
}

/// Expressions of all that is plain, of values of all kinds.
fn expressions() -> impl Strategy<Value = String> {
    let params = variables()["params"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let leaf = prop_oneof![
        prop::sample::select(params).prop_map(|name| format!("params.{name}")),
        prop::sample::select(vec![
            "params",
            "values",
            "ha",
            "environment",
            "values.sizes",
            "vars",
            "values.size",
            "1",
            "-1",
            "true",
            "null",
            "'large'",
            "'production'",
            "1.5",
            "values.sizes.large.nested",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operators = vec!["&&", "||", "in", "+", "-", "*", "==", "!=", "<", "<=", ">", ">="];
        prop_oneof![
            (inner.clone(), prop::sample::select(operators), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (inner.clone(), inner.clone()).prop_map(|(of, by)| format!("{of}[{by}]")),
            inner.clone().prop_map(|of| format!("{of}.large")),
            inner.clone().prop_map(|of| format!("has({of}.aws)")),
            inner.clone().prop_map(|of| format!("!{of}")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_known_is_what_the_evaluator_says(source in expressions()) {
        let known: BTreeSet<&str> =
            BTreeSet::from(["params", "values", "environment", "ha", "vars"]);
        // What is too long or too deep is nobody's.
        prop_assume!(Expression::compile(&source, &known).is_ok());
        knows(&source);
    }
}
