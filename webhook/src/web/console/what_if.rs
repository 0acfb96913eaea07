//! Where something would go: a form made from a product's parameters, and the decision. Nothing is made, and
//! the address can be sent to somebody.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use idp_core::compose::product::Product;
use idp_core::schedule::Provenance;
use idp_crds::contract::{ClaimRequest, FieldError};
use idp_crds::names::ENVIRONMENTS;
use idp_crds::product::{ParameterSpec, ParameterType};
use idp_crds::record::DecidedBy;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::page::{Reader, Tab, command, page};
use super::workload::why;
use crate::snapshot::Snapshot;
use crate::web::Sources;

/// Every field by its name, as text.
type Given = BTreeMap<String, String>;

/// What is not a parameter.
const NAME: &str = "name";
const PRODUCT: &str = "product";
const WITHOUT: &str = "without";

/// The page.
pub async fn show(
    State(sources): State<Sources>,
    Query(given): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let reader = match Reader::of(&sources, &headers, &uri).await {
        Ok(reader) => reader,
        Err(instead) => return instead,
    };
    let snapshot = match sources.catalog() {
        Ok(snapshot) => snapshot,
        Err(unread) => return unread.into_response(),
    };
    let without: Vec<String> =
        given.iter().filter(|(name, _)| name == WITHOUT).map(|(_, value)| value.clone()).collect();
    let given: Given = given.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let product = given.get(PRODUCT).and_then(|name| snapshot.catalog.product(name));
    let content = html! {
        p { "Where would it go, and why? Nothing is made." }
        @match product {
            None => (choose(&snapshot)),
            Some(product) => (ask(&snapshot, product, &given, &without)),
        }
    };
    page(Tab::WhatIf, "What if", Some(&reader.viewer), &content)
}

fn choose(snapshot: &Snapshot) -> Markup {
    html! {
        h2 { "Of what?" }
        ul {
            @for product in snapshot.catalog.products() {
                li {
                    a href=(format!("/what-if?{PRODUCT}={}", super::page::escaped(&product.name))) { (product.name) }
                    " " (product.spec.description)
                }
            }
        }
    }
}

fn ask(snapshot: &Snapshot, product: &Product, given: &Given, without: &[String]) -> Markup {
    let tiers: Vec<&str> = snapshot.catalog.scheduler().tier_names().collect();
    // Nothing is wrong before anything has been asked.
    let asked = given.len() > 1;
    let answer = answer(snapshot, product, given, without);
    let errors: &[FieldError] = match &answer {
        Answer::Wrong(errors) if asked => errors,
        _ => &[],
    };
    html! {
        form.what-if method="get" action="/what-if" {
            input type="hidden" name=(PRODUCT) value=(product.name);
            fieldset {
                legend { (product.name) }
                (text_field(NAME, "The workload's name: decides its side of an experiment.", given, errors, None))
                (text_field("cell", "The cell.", given, errors, None))
                (choice("tier", "How soon it must be back, and how much may be lost.", &tiers, given, errors))
                (choice("environment", "What it is for.", &ENVIRONMENTS, given, errors))
                (choice("ha", "Must it survive the loss of a zone?", &["false", "true"], given, errors))
            }
            fieldset {
                legend { "Its parameters" }
                @for parameter in &product.spec.parameters { (parameter_field(parameter, given, errors)) }
            }
            fieldset {
                legend { "And if these were gone?" }
                @for provider in snapshot.catalog.scheduler().providers() {
                    label.check {
                        input type="checkbox" name=(WITHOUT) value=(provider) checked[without.contains(provider)];
                        (provider)
                    }
                }
            }
            button { "Decide" }
        }
        @if asked {
            section aria-labelledby="answer" {
                h2 #answer { "The answer" }
                @match &answer {
                    Answer::Wrong(errors) => {
                        div.problem role="alert" {
                            p { "This would be refused:" }
                            ul { @for error in errors { li { (error) } } }
                        }
                    }
                    Answer::Nowhere(why_not, reasons) => {
                        div.problem role="alert" {
                            p { (why_not) }
                            ul { @for reason in reasons { li { (reason) } } }
                        }
                    }
                    Answer::There(record) => {
                        p.good { "It would go to " strong { (record.selected.provider) "/" (record.selected.region) } ", score " (record.selected.total_score) "." }
                        (why(record))
                        p { "The claim that asks for it:" }
                        (command(&claim(product, given)))
                    }
                }
            }
        }
    }
}

enum Answer {
    Wrong(Vec<FieldError>),
    Nowhere(String, Vec<String>),
    There(Box<idp_crds::record::Record>),
}

fn answer(snapshot: &Snapshot, product: &Product, given: &Given, without: &[String]) -> Answer {
    let spec =
        Map::from_iter([("parameters".to_owned(), Value::Object(parameters(product, given)))]);
    let tiers = snapshot.catalog.scheduler().tier_names();
    let request = match ClaimRequest::read(&product.spec, &spec, tiers) {
        Ok(request) => request,
        Err(errors) => return Answer::Wrong(errors),
    };
    let name = given.get(NAME).map_or("example", String::as_str);
    let decided = if without.is_empty() {
        snapshot.catalog.decide(product, name, &request, &[], &[])
    } else {
        snapshot.catalog.relocate(product, name, &request, without, &[])
    };
    match decided {
        Ok(decision) => {
            Answer::There(Box::new(decision.record(Provenance::first(DecidedBy::Admission))))
        }
        Err(error) => Answer::Nowhere(error.to_string(), error.reasons()),
    }
}

/// What was given, typed as the product has it; what cannot be read stays text, to be told so.
fn parameters(product: &Product, given: &Given) -> Map<String, Value> {
    let mut all = Map::new();
    for name in ["cell", "tier", "environment"] {
        if let Some(value) = given.get(name) {
            all.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(ha) = given.get("ha") {
        all.insert("ha".to_owned(), json!(ha == "true"));
    }
    for parameter in &product.spec.parameters {
        let Some(text) = given.get(&parameter.name) else { continue };
        let chosen = parameter.choices.iter().find(|choice| shown(choice) == *text);
        let value = match parameter.type_ {
            _ if chosen.is_some() => json!(chosen),
            ParameterType::String => json!(text),
            ParameterType::Integer => {
                text.parse::<i64>().map_or_else(|_| json!(text), |n| json!(n))
            }
            ParameterType::Boolean => {
                text.parse::<bool>().map_or_else(|_| json!(text), |b| json!(b))
            }
            ParameterType::StringList => {
                json!(text.split(',').map(str::trim).collect::<Vec<_>>())
            }
        };
        all.insert(parameter.name.clone(), value);
    }
    all
}

/// A choice as the form shows it.
fn shown(choice: &Value) -> String {
    choice.as_str().map_or_else(|| choice.to_string(), str::to_owned)
}

fn claim(product: &Product, given: &Given) -> String {
    let api = &product.spec.api;
    let name = given.get(NAME).map_or("example", String::as_str);
    let parameters: Vec<String> = parameters(product, given)
        .iter()
        .map(|(name, value)| format!("    {name}: {value}"))
        .collect();
    format!(
        "kubectl apply --dry-run=server -o yaml -f - <<EOF\napiVersion: {}\nkind: {}\nmetadata: {{name: {}}}\nspec:\n  parameters:\n{}\nEOF",
        api.api_version(),
        api.claim_kind,
        json!(name),
        parameters.join("\n")
    )
}

fn trouble(name: &str, errors: &[FieldError]) -> Option<String> {
    let path = format!("spec.parameters.{name}");
    errors.iter().find(|error| error.path == path).map(ToString::to_string)
}

/// A labelled field, with what is wrong with it.
fn field(name: &str, help: &str, errors: &[FieldError], input: &Markup) -> Markup {
    html! {
        p {
            label for=(format!("field-{name}")) { (name) }
            (input)
            small id=(format!("help-{name}")) {
                (help)
                @if let Some(trouble) = trouble(name, errors) { " " span.bad { (trouble) } }
            }
        }
    }
}

fn text_field(
    name: &str,
    help: &str,
    given: &Given,
    errors: &[FieldError],
    numbers: Option<(Option<i64>, Option<i64>)>,
) -> Markup {
    let kind = if numbers.is_some() { "number" } else { "text" };
    let (least, most) = numbers.unwrap_or_default();
    let input = html! {
        input type=(kind) name=(name) id=(format!("field-{name}")) min=[least] max=[most]
            value=[given.get(name)] aria-describedby=(format!("help-{name}"))
            aria-invalid=[trouble(name, errors).map(|_| "true")];
    };
    field(name, help, errors, &input)
}

fn choice(
    name: &str,
    help: &str,
    choices: &[&str],
    given: &Given,
    errors: &[FieldError],
) -> Markup {
    let input = html! {
        select name=(name) id=(format!("field-{name}")) aria-describedby=(format!("help-{name}"))
            aria-invalid=[trouble(name, errors).map(|_| "true")] {
            option value="" {}
            @for choice in choices {
                option value=(choice) selected[given.get(name).is_some_and(|now| now == choice)] { (choice) }
            }
        }
    };
    field(name, help, errors, &input)
}

fn parameter_field(parameter: &ParameterSpec, given: &Given, errors: &[FieldError]) -> Markup {
    let name = parameter.name.as_str();
    let default = parameter.default.as_ref().map(|value| format!(" {value} if not given."));
    let need = if parameter.required { " Required." } else { "" };
    let help = format!("{}{need}{}", parameter.description, default.unwrap_or_default());
    let choices: Vec<String> = parameter.choices.iter().map(shown).collect();
    let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
    match parameter.type_ {
        _ if !choices.is_empty() => choice(name, &help, &choices, given, errors),
        ParameterType::Boolean => choice(name, &help, &["false", "true"], given, errors),
        ParameterType::Integer => {
            text_field(name, &help, given, errors, Some((parameter.minimum, parameter.maximum)))
        }
        ParameterType::String => text_field(name, &help, given, errors, None),
        ParameterType::StringList => {
            text_field(name, &format!("{help} Several: a, b, c."), given, errors, None)
        }
    }
}
