//! Struct bytes: what can be read can be written, and reads the same again; a copy with changes
//! reads as the changed value.
#![no_main]

use idp_core::structs::{from_struct, rewrite, to_struct};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|input: &[u8]| {
    let rewritten = rewrite(
        input,
        &[&["status"], &["metadata", "uid"]],
        Some((&["spec", "p"], &json!(["Observe"]))),
    );
    if let Ok(mut value) = from_struct::<Value>(input) {
        let written = to_struct(&value).unwrap();
        assert_eq!(from_struct::<Value>(&written).unwrap(), value);

        let fields = value.as_object_mut().unwrap();
        fields.remove("status");
        if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
            metadata.remove("uid");
        }
        if let Some(Value::Object(spec)) = fields.get_mut("spec") {
            spec.insert("p".to_owned(), json!(["Observe"]));
        }
        assert_eq!(from_struct::<Value>(&rewritten.unwrap()).unwrap(), value);
    }
});
