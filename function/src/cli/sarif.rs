//! Findings as SARIF 2.1.0 (OASIS), with the file and line of the object that each is about.

use std::path::{Path, PathBuf};

use idp_core::insight::check::{Finding, RULES};
use idp_crds::names::reference_name;
use serde_json::{Value, json};

/// The log of one run.
pub(super) fn log(findings: &[Finding], folder: Option<&Path>) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(token, severity, meaning)| {
            json!({
                "id": token,
                "shortDescription": {"text": meaning},
                "defaultConfiguration": {"level": severity.word()},
            })
        })
        .collect();
    let objects = folder.map(objects).unwrap_or_default();
    let result = |finding: &Finding| {
        let Finding { token, severity, kind, name, message } = finding;
        let mut location = json!({
            "logicalLocations": [{"fullyQualifiedName": format!("{kind}/{name}"), "kind": "object"}]
        });
        let at = objects.iter().find(|object| object.is(kind, name));
        if let (Some(Object { path, line, .. }), Some(fields)) = (at, location.as_object_mut()) {
            let physical = json!({
                "artifactLocation": {"uri": path.display().to_string()},
                "region": {"startLine": line},
            });
            fields.insert("physicalLocation".to_owned(), physical);
        }
        json!({
            "ruleId": token,
            "level": severity.word(),
            "message": {"text": format!("{kind} {name} {message}")},
            "locations": [location],
        })
    };
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "idp check", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "results": results,
        }],
    })
}

/// Where an object is written.
struct Object {
    kind: String,
    name: String,
    place: String,
    path: PathBuf,
    line: usize,
}

impl Object {
    fn is(&self, kind: &str, name: &str) -> bool {
        self.kind == kind
            && (reference_name(&self.name) == reference_name(name) || self.place == name)
    }
}

/// The objects of a folder that can be read; the others have no place to be shown at.
fn objects(folder: &Path) -> Vec<Object> {
    let mut objects = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                documents(&path, &text, &mut objects);
            }
        }
    }
    objects.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    objects
}

fn documents(path: &Path, text: &str, objects: &mut Vec<Object>) {
    let mut document = String::new();
    let mut begins = 1;
    for (number, line) in (1..).zip(text.lines().chain(["---"])) {
        if line.trim_end() != "---" {
            document.push_str(line);
            document.push('\n');
            continue;
        }
        if let Ok(Some(object)) = serde_saphyr::from_str::<Option<Value>>(&document) {
            let text = |pointer: &str| {
                object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let place = format!("{}/{}", text("/spec/provider"), text("/spec/region"));
            let (kind, name) = (text("/kind"), text("/metadata/name"));
            objects.push(Object { kind, name, place, path: path.to_owned(), line: begins });
        }
        document.clear();
        begins = number + 1;
    }
}
