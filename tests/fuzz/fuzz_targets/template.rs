//! Templates and their expressions: compiling and evaluating ends, in JSON or in an error.
#![no_main]

use std::collections::BTreeSet;

use idp_core::compose::expression::{Interner, Memo, Resolver};
use idp_core::compose::template::Template;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|input: &str| {
    let variables = json!({
        "params": {"size": "small", "n": 3, "list": ["a", "b"], "on": true}, "values": {"small": {"aws": "t"}},
        "observed": {"a": {"status": {"id": "x"}}}, "names": {"a": "a-1"}, "vars": {"id": "w-1"},
    });
    let fields = variables.as_object().unwrap();
    let known: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
    // What is JSON is a template as it is, anything else is one string of it.
    let template: Value = serde_json::from_str(input).unwrap_or_else(|_| json!({"a": input}));
    let mut errors = Vec::new();
    let mut expressions = Interner::default();
    let compiled = Template::compile(&template, "t", &known, &mut expressions, &mut errors);
    if errors.is_empty() {
        let resolver =
            || Resolver::new(fields.iter().map(|(name, value)| (name.as_str(), value)).collect());
        let memo = Memo::new(expressions.slots());
        let remembering = resolver().remembering(&memo);
        let once = compiled.evaluate(&resolver());
        assert_eq!(once, compiled.evaluate(&remembering), "remembering changes nothing");
        assert_eq!(once, compiled.evaluate(&remembering), "the same template, the same value");
    }
});
