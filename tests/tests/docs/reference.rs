//! The reference: written from the code, and compared with what is there.
//!
//! `IDP_UPDATE=1 cargo test --workspace --test docs reference` writes the pages anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::CommandFactory as _;
use idp_core::catalog::{Catalog, embedded};
use idp_crds::condition::{ACCEPTED, PLACED, PROVIDER_HEALTHY, RESOURCES_READY};
use idp_crds::product::UpdateRule;
use idp_crds::reason::Reason;
use idp_function::generate::{ApiKind, xrd};
use idp_serving::limits::Refusals;
use prometheus_client::registry::Registry;
use serde_json::Value;

use super::metrics::{Metric, printed, registered};
use idp_tests::pages::top;

const WRITTEN: &str =
    "<!-- Written from the code: IDP_UPDATE=1 cargo test --workspace --test docs reference -->\n\n";

pub(super) fn page(name: &str, text: &str) {
    let path = top().join("docs/src/reference").join(name);
    let text = format!("{WRITTEN}{}\n", text.trim_end());
    if std::env::var_os("IDP_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "docs/src/reference/{name} is not what the code says now: \
         IDP_UPDATE=1 cargo test --workspace --test docs reference"
    );
}

/// A text within a cell of a table.
pub(super) fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}

/// Rows of a schema's fields, outer ones first.
fn fields(out: &mut String, path: &str, schema: &Value) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{path}.{name}");
        let mut kind = field["type"].as_str().unwrap_or("any").to_owned();
        if kind == "array" {
            kind = format!("list of {}", field["items"]["type"].as_str().unwrap_or("any"));
        } else if field.get("additionalProperties").is_some() {
            let of = field["additionalProperties"]["type"].as_str().unwrap_or("any");
            kind = format!("map of {of}");
        }
        if let Some(choices) = field["enum"].as_array() {
            let choices: Vec<String> = choices
                .iter()
                .filter(|c| !c.is_null())
                .map(|c| c.to_string().trim_matches('"').to_owned())
                .collect();
            kind = format!("{kind}: {}", choices.join(", "));
        }
        let mut more = Vec::new();
        if required.contains(&name.as_str()) {
            more.push("required".to_owned());
        }
        for (key, word) in [
            ("default", "default"),
            ("minimum", "at least"),
            ("maximum", "at most"),
            ("maxLength", "at most … characters"),
            ("maxItems", "at most … items"),
        ] {
            if let Some(value) =
                field.get(key).filter(|value| !value.is_object() || *value != &Value::Null)
            {
                more.push(if word.contains('…') {
                    word.replace('…', &value.to_string())
                } else {
                    format!("{word} {value}")
                });
            }
        }
        let description = field["description"].as_str().unwrap_or_default();
        let rules = field["x-kubernetes-validations"].as_array().into_iter().flatten();
        let rules: Vec<&str> = rules.filter_map(|rule| rule["message"].as_str()).collect();
        let mut text = cell(description);
        if !more.is_empty() {
            let _ = write!(text, " ({})", cell(&more.join("; ")));
        }
        if !rules.is_empty() {
            let _ = write!(text, " Rule: {}.", cell(&rules.join("; ")));
        }
        writeln!(out, "| `{at}` | {} | {text} |", cell(&kind)).unwrap();
        fields(out, &at, field);
        if let Some(items) = field.get("items") {
            fields(out, &format!("{at}[]"), items);
        }
        if let Some(values) = field.get("additionalProperties") {
            fields(out, &format!("{at}.*"), values);
        }
    }
}

#[test]
fn configuration_kinds() {
    let mut out = "# Configuration kinds\n\nCluster-scoped, `platform.example.org/v1alpha1`. What `kubectl explain` says, to be read without a cluster.\n".to_owned();
    for definition in idp_crds::kinds::definitions() {
        let definition = serde_json::to_value(definition).unwrap();
        let version = &definition["spec"]["versions"][0];
        let schema = &version["schema"]["openAPIV3Schema"];
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap();
        writeln!(
            out,
            "\n## {kind}\n\n{} `kubectl get {plural}`.\n",
            schema["description"].as_str().unwrap_or_default()
        )
        .unwrap();
        let columns: Vec<&str> = version["additionalPrinterColumns"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|c| c["name"].as_str())
            .collect();
        writeln!(out, "Columns: {}.\n\n| field | type | |\n|---|---|---|", columns.join(", "))
            .unwrap();
        for part in ["spec", "status"] {
            fields(&mut out, part, &schema["properties"][part]);
        }
    }
    page("configuration-kinds.md", &out);
}

#[test]
fn workloads() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let mut out = "# Claims and composite resources\n\nThe products of the default catalog, and what every workload reports. `cell`, `tier`, `environment` and `ha` are every product's.\n".to_owned();
    for product in catalog.products() {
        let (spec, api) = (&product.spec, &product.spec.api);
        writeln!(out, "\n## {}\n\n{}\n", product.name, spec.description).unwrap();
        writeln!(
            out,
            "`{}`: claim `{}`, composite `{}`, namespaced composite `{}`.\n",
            api.api_version(),
            api.claim_kind,
            api.composite_kind,
            api.namespaced_kind
        )
        .unwrap();
        writeln!(out, "| parameter | type | later | |\n|---|---|---|---|").unwrap();
        for parameter in &spec.parameters {
            let kind = serde_json::to_value(parameter.type_).unwrap();
            let mut more = Vec::new();
            if parameter.required {
                more.push("required".to_owned());
            }
            more.extend(parameter.default.as_ref().map(|value| format!("default {value}")));
            more.extend(parameter.minimum.map(|least| format!("at least {least}")));
            more.extend(parameter.maximum.map(|most| format!("at most {most}")));
            if !parameter.choices.is_empty() {
                let choices: Vec<String> =
                    parameter.choices.iter().map(ToString::to_string).collect();
                more.push(format!("one of {}", choices.join(", ")));
            }
            let later = match parameter.update {
                UpdateRule::Any => "may change",
                UpdateRule::Immutable => "never changes",
                UpdateRule::IncreaseOnly => "may only grow",
            };
            writeln!(
                out,
                "| `{}` | {} | {later} | {} {} |",
                parameter.name,
                kind.as_str().unwrap(),
                cell(&parameter.description),
                cell(&more.join("; "))
            )
            .unwrap();
        }
        writeln!(
            out,
            "\nConnection secret `<name>-{}-conn`: {}.",
            product.name,
            spec.connection_keys
                .iter()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )
        .unwrap();
    }
    let mysql = catalog.product("mysql").unwrap();
    let definition = xrd(mysql, ApiKind::Claim);
    let schema =
        &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    writeln!(out, "\n## Status\n\n| field | type | |\n|---|---|---|").unwrap();
    fields(&mut out, "status", schema);
    page("workloads.md", &out);
}

#[test]
fn conditions_and_events() {
    let mut out =
        "# Conditions and events\n\n| condition | on | says |\n|---|---|---|\n".to_owned();
    for (condition, on, says) in [
        (PLACED, "claims and composite resources", "whether the workload has a place"),
        (
            RESOURCES_READY,
            "claims and composite resources",
            "whether everything it is made of is there and ready, or what it waits for",
        ),
        (
            PROVIDER_HEALTHY,
            "claims and composite resources",
            "whether its provider takes what it is asked",
        ),
        (
            ACCEPTED,
            "configuration kinds",
            "whether the platform decides by the object, and if not, what is wrong with it",
        ),
    ] {
        writeln!(out, "| `{condition}` | {on} | {says} |").unwrap();
    }
    out.push_str("\nCrossplane's own `Synced` and `Ready` stand beside them.\n\n## Reasons\n\nOf the conditions above, and of the events that go with them.\n\n| reason | means |\n|---|---|\n");
    for reason in Reason::ALL {
        writeln!(out, "| `{reason}` | {} |", cell(reason.meaning())).unwrap();
    }
    page("conditions.md", &out);
}

#[test]
fn provider_errors() {
    let mut out = "# Errors of providers\n\nWhat counts for the [circuits](../operations/outage.md#when-a-circuit-opens) where `spec.circuitBreaker.errors` of a CloudProvider does not say otherwise:\nregular expressions, searched for in what workloads report, whatever the case.\n\n```text\n".to_owned();
    for pattern in idp_crds::provider_error::DEFAULT {
        writeln!(out, "{pattern}").unwrap();
    }
    out.push_str("```\n");
    page("provider-errors.md", &out);
}

#[test]
fn metrics() {
    let table = |registry: &Registry, source: &str| {
        let mut all = registered(&top().join(source));
        all.extend(printed(registry));
        let mut out = "| metric | type | labels | |\n|---|---|---|---|\n".to_owned();
        for (name, Metric { kind, help, labels }) in all {
            assert!(!kind.is_empty(), "{name} has no type");
            let suffix = if kind == "counter" { "_total" } else { "" };
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            let labels = labels.join(", ");
            writeln!(out, "| `{name}{suffix}` | {kind} | {labels} | {} |", cell(&help)).unwrap();
        }
        out
    };
    let mut webhook = Registry::default();
    idp_webhook::metrics::Metrics::register(&mut webhook);
    let _ = Refusals::register(&mut webhook).of("webhook");
    let mut function = Registry::default();
    let _ = Refusals::register(&mut function).of("grpc");
    let runner = idp_function::run::Function::new();
    let health = tonic_health::server::HealthReporter::new();
    drop(idp_function::grpc::service::router(runner, 1 << 20, health, &mut function).unwrap());
    let out = format!(
        "# Metrics\n\nPrometheus, on `/metrics` of each program's metrics port.\n\n## The webhook\n\n{}\n## The function\n\nNamed as the Go function SDK names them, so that dashboards of other functions fit.\n\n{}",
        table(&webhook, "webhook/src"),
        table(&function, "function/src")
    );
    page("metrics.md", &out);
}

/// Labels, annotations and verbs have their one home in `crds/src/names.rs`, each with a comment.
#[test]
fn names() {
    let source = std::fs::read_to_string(top().join("crds/src/names.rs")).unwrap();
    let mut comment = String::new();
    let mut rows: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(text);
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            if let Some((_, value)) = constant.split_once("&str = \"") {
                let value = value.trim_end_matches("\";").to_owned();
                let text = comment.trim().to_owned();
                let kind = ["Annotation", "Label", "RBAC verb"]
                    .into_iter()
                    .find(|kind| text.starts_with(kind));
                if let Some(kind) = kind {
                    rows.entry(kind).or_default().push((value, text));
                }
            }
            comment.clear();
        } else {
            comment.clear();
        }
    }
    let mut out = "# Annotations, labels, verbs\n".to_owned();
    for (kind, title) in
        [("Annotation", "Annotations"), ("Label", "Labels"), ("RBAC verb", "Verbs")]
    {
        writeln!(out, "\n## {title}\n\n| name | |\n|---|---|").unwrap();
        for (name, text) in &rows[kind] {
            writeln!(out, "| `{name}` | {} |", cell(text)).unwrap();
        }
    }
    page("names.md", &out);
}

#[test]
fn command_line() {
    let mut out = "# Command line\n\n`idp` is the function and what people use on a laptop; `idp-webhook` runs in the cluster.\n".to_owned();
    for (name, command) in [
        ("idp", idp_function::cli::Cli::command()),
        ("idp-webhook", idp_webhook::options::Options::command()),
    ] {
        let command = command.term_width(100).max_term_width(100);
        help(&mut out, name, command, 2);
    }
    page("command-line.md", &out);
}

fn help(out: &mut String, name: &str, command: clap::Command, level: usize) {
    let mut command = command.bin_name(name);
    command.build();
    let text = command.render_long_help().to_string();
    let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    writeln!(out, "\n{} {name}\n\n```text\n{}\n```", "#".repeat(level), text.trim_end()).unwrap();
    let below: Vec<clap::Command> =
        command.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect();
    for sub in below {
        let name = format!("{name} {}", sub.get_name());
        help(out, &name, sub.term_width(100).max_term_width(100), level + 1);
    }
}

#[test]
fn chart_values() {
    let values = std::fs::read_to_string(top().join("package/chart/values.yaml")).unwrap();
    page(
        "chart-values.md",
        &format!(
            "# Chart values\n\n`package/chart/values.yaml`, whole; a value that is not right fails at once, with its name.\n\n```yaml\n{}\n```",
            values.trim_end()
        ),
    );
}

/// What each product reads of a place, and what is to be made there before.
#[test]
fn places() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let mut out = String::from(
        "# What a place must have\n\nA Candidate that lacks a field which a product reads there is no candidate for what needs it: \
         the record says `lacks settings.replica for mysql`, and admission warns at the Candidate's and at the Product's edit. What is \
         to be made before, and the rights that the provider's credentials need at least, stand with each product.\n",
    );
    for product in catalog.products() {
        for (provider, plan) in product.providers() {
            let _ = writeln!(out, "\n## {} on {provider}\n", product.name);
            let before = &product.spec.providers[provider].prerequisites;
            assert!(!before.is_empty(), "{} on {provider} says nothing", product.name);
            for item in before {
                let _ = writeln!(out, "- {}", item.replace('*', "\\*"));
            }
            if !plan.lacks.is_empty() {
                let _ = writeln!(out, "- It has no {} there.", plan.lacks.join(", "));
            }
            let _ = writeln!(out, "\n| field of the Candidate | read |\n|---|---|");
            for (field, always) in plan.place_fields() {
                let when =
                    if always { "by every workload" } else { "where it is asked for, or given" };
                let _ = writeln!(out, "| `{field}` | {when} |");
            }
        }
    }
    page("places.md", &out);
}
