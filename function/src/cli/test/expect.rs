//! What a step expects, against what came of it.

use idp_crds::names::{COMPOSITION_RESOURCE_NAME, PROVIDER, REGION, RESOURCE};
use idp_crds::record::Record;
use serde_json::Value;

use super::spec::{Elsewhere, Expect, Failover, Resource};
use crate::cli::renderer::Rendered;

/// Everything that is not as expected.
pub(super) fn differences(
    expect: &Expect,
    rendered: &Rendered,
    deletes: &[String],
    is_offered: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = |pointer: &str| {
        rendered.composite.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    };
    let mut same = |what: &str, expected: &str, found: &str| {
        if expected != found {
            wrong.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    if let Some(expected) = &expect.place {
        same("place", expected, &place(rendered));
    }
    if let Some(expected) = &expect.phase {
        same("phase", expected, text("/status/placement/phase"));
    }
    if let Some(expected) = expect.ready {
        let found = conditions(rendered).any(|condition| {
            condition["type"] == "ResourcesReady" && condition["status"] == "True"
        });
        same("ready", &expected.to_string(), &found.to_string());
    }
    for (what, expected, found) in [
        ("deletes", &expect.deletes, deletes),
        ("connectionKeys", &expect.connection_keys, &rendered.connection_keys),
    ] {
        if let Some(expected) = expected {
            let mut expected = expected.clone();
            expected.sort();
            same(what, &expected.join(", "), &found.join(", "));
        }
    }
    failover(expect.failover.as_ref(), rendered, &mut wrong);
    for (place, expected) in &expect.rejected {
        let found = rendered.record.as_ref().and_then(|record| token(record, place, is_offered));
        if found != Some(expected.as_str()) {
            let found = found.unwrap_or("not rejected");
            wrong.push(format!("rejected {place}: expected {expected}, found {found}"));
        }
    }
    for resource in &expect.resources {
        resources(resource, rendered, &mut wrong);
    }
    wrong
}

/// Where the workload is.
pub(super) fn place(rendered: &Rendered) -> String {
    let text = |pointer: &str| {
        rendered.composite.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    };
    format!("{}/{}", text("/status/placement/provider"), text("/status/placement/region"))
}

fn conditions(rendered: &Rendered) -> impl Iterator<Item = &Value> {
    let all = rendered.composite.pointer("/status/conditions").and_then(Value::as_array);
    all.into_iter().flatten()
}

fn failover(expected: Option<&Failover>, rendered: &Rendered, wrong: &mut Vec<String>) {
    let target = rendered.record.as_ref().and_then(|record| record.failover.as_ref());
    let found = target.map(|target| format!("{}/{}", target.provider, target.region));
    let found = found.as_deref().unwrap_or("none");
    match expected {
        Some(Failover::Place(expected)) if expected != found => {
            wrong.push(format!("failover: expected {expected}, found {found}"));
        }
        Some(Failover::Elsewhere(Elsewhere { not_provider }))
            if target.is_none_or(|target| target.provider == *not_provider) =>
        {
            wrong.push(format!("failover: expected a place not of {not_provider}, found {found}"));
        }
        _ => {}
    }
}

/// Why a place is not in a record's ranking.
pub(super) fn token(
    record: &Record,
    place: &str,
    is_offered: &dyn Fn(&str) -> bool,
) -> Option<&'static str> {
    let provider = place.split('/').next().unwrap_or_default();
    let words = record.rejected.get(place)?;
    Some(match words.split([' ', ',']).next().unwrap_or_default() {
        "excluded" if !is_offered(provider) => "NotOffered",
        "excluded" => "ExcludedByFailover",
        "provider_unhealthy" => "ProviderUnhealthy",
        "circuit_open" => "CircuitOpen",
        _ if words.contains(" for ") => "LacksSettings",
        _ => "MissingCapability",
    })
}

fn resources(expected: &Resource, rendered: &Rendered, wrong: &mut Vec<String>) {
    let Resource { name, count, fields } = expected;
    let here = place(rendered);
    let of_name: Vec<&Value> = rendered
        .resources
        .iter()
        .filter(|object| {
            let at = format!("{}/{}", label(object, PROVIDER), label(object, REGION));
            label(object, RESOURCE) == name && at == here
        })
        .collect();
    let found = of_name.len();
    if count.map_or(found == 0, |count| count != found) {
        let wanted = count.map_or("at least one".to_owned(), |count| count.to_string());
        let mut known: Vec<&str> = rendered.resources.iter().map(|o| label(o, RESOURCE)).collect();
        known.sort_unstable();
        known.dedup();
        let known = known.join(", ");
        wrong.push(format!("resource {name}: expected {wanted}, found {found}; there are {known}"));
    }
    for object in of_name {
        subset(fields, object, name, wrong);
    }
}

/// A label of an object.
pub(super) fn label<'o>(object: &'o Value, name: &str) -> &'o str {
    let labels = object.pointer("/metadata/labels");
    labels.and_then(|labels| labels.get(name)?.as_str()).unwrap_or_default()
}

/// Whether `found` has everything that `expected` has; lists are compared item by item.
fn subset(expected: &Value, found: &Value, path: &str, wrong: &mut Vec<String>) {
    match (expected, found) {
        (Value::Null, _) => {}
        (Value::Object(expected), Value::Object(fields)) => {
            for (key, expected) in expected {
                match fields.get(key) {
                    Some(found) => subset(expected, found, &format!("{path}.{key}"), wrong),
                    None => {
                        wrong.push(format!("{path}.{key}: expected {expected}, and is not there"))
                    }
                }
            }
        }
        (Value::Array(expected), Value::Array(items)) if expected.len() == items.len() => {
            for (at, (expected, found)) in expected.iter().zip(items).enumerate() {
                subset(expected, found, &format!("{path}[{at}]"), wrong);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (expected, found) if expected != found => {
            wrong.push(format!("{path}: expected {expected}, found {found}"));
        }
        _ => {}
    }
}

/// A composed resource's name in its composite.
pub(super) fn key_of(object: &Value) -> Option<&str> {
    let annotations = object.pointer("/metadata/annotations")?;
    annotations.get(COMPOSITION_RESOURCE_NAME)?.as_str()
}
