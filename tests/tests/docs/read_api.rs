//! The read API's document, written from its route table, and a page of it.

use std::fmt::Write as _;

use serde_json::Value;

use super::reference::{cell, page};
use idp_tests::pages::top;

#[test]
fn reference_read_api() {
    let document = serde_json::to_value(idp_console::api::document()).unwrap();
    let mut out = String::from(
        "# Read API\n\nOn the console's port; read-only, and to each what they may list. `GET /api/v1/openapi.json` is the whole description, \
         the same as [openapi.json](openapi.json). What cannot be answered is a problem (RFC 9457, `application/problem+json`).\n\n\
         | route | parameters | |\n|---|---|---|\n",
    );
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let asked = parameters.filter(|parameter| parameter["in"] == "query");
            let names: Vec<String> =
                asked.map(|p| format!("`{}`", p["name"].as_str().unwrap())).collect();
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{path} says nothing of itself");
            let old = if operation["deprecated"] == true { " (deprecated)" } else { "" };
            let method = method.to_uppercase();
            writeln!(out, "| `{method} {path}` | {} | {}{old} |", names.join(", "), cell(summary))
                .unwrap();
        }
    }
    out.push_str("\n## Fields\n\nOf answers, by schema.\n");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        // A list's schema holds its item's whole; the item stands by itself.
        if name.contains('_') || schema["properties"].is_null() && schema["allOf"].is_null() {
            continue;
        }
        let said = schema["description"].as_str().unwrap_or_default();
        writeln!(out, "\n### {name}\n\n{}\n\n| field | |\n|---|---|", cell(said)).unwrap();
        let parts = schema["allOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
        for part in parts {
            if let Some(of) = part["$ref"].as_str() {
                writeln!(out, "| … | the fields of {} |", of.rsplit('/').next().unwrap()).unwrap();
            }
            for (field, what) in part["properties"].as_object().into_iter().flatten() {
                let said = what["description"].as_str().unwrap_or_default();
                writeln!(out, "| `{field}` | {} |", cell(said)).unwrap();
            }
        }
    }
    page("read-api.md", &out);
    let path = top().join("docs/src/reference/openapi.json");
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("IDP_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_default())
        .unwrap_or_default();
    assert!(
        there == document,
        "docs/src/reference/openapi.json is not what the code says now: IDP_UPDATE=1 cargo test --workspace --test docs reference"
    );
}
