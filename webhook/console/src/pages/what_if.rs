//! Where something would go: a form made from a product's parameters, and the decision. Nothing is made, and
//! the address can be sent to somebody.

use axum::extract::Query;
use axum::response::Response;
use idp_core::compose::product::Product;
use idp_crds::contract::FieldError;
use idp_crds::product::ParameterType;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::form::{Given, NAME, PRODUCT, WITHOUT, form, shown};
use super::page::{Current, Reader, Tab, command, page};
use super::workload::why;
use crate::outlook::{Outlook, outlook};
use crate::snapshot::Snapshot;

/// The page.
pub async fn show(
    reader: Reader,
    Current(snapshot): Current,
    Query(given): Query<Vec<(String, String)>>,
) -> Response {
    let without: Vec<String> =
        given.iter().filter(|(name, _)| name == WITHOUT).map(|(_, value)| value.clone()).collect();
    let given: Given = given.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let product = given.get(PRODUCT).and_then(|name| snapshot.catalog.product(name));
    let content = html! {
        p { "Where would it go, and why? Nothing is made." }
        @match product {
            None => (choose(&snapshot)),
            Some(product) => (ask(&snapshot, product, &given, &without, reader.visible.configuration)),
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

fn ask(
    snapshot: &Snapshot,
    product: &Product,
    given: &Given,
    without: &[String],
    configuration: bool,
) -> Markup {
    // Nothing is wrong before anything has been asked.
    let asked = given.len() > 1;
    let answer = answer(snapshot, product, given, without);
    let errors: &[FieldError] = match &answer {
        Outlook::Refused(errors) if asked => errors,
        _ => &[],
    };
    html! {
        (form(snapshot, product, given, without, errors))
        @if asked {
            section aria-labelledby="answer" {
                h2 #answer { "The answer" }
                @match &answer {
                    Outlook::Refused(errors) => {
                        div.problem role="alert" {
                            p { "This would be refused:" }
                            ul { @for error in errors { li { (error) } } }
                        }
                    }
                    Outlook::Nowhere(why_not, reasons) => {
                        div.problem role="alert" {
                            p { (why_not) }
                            @if configuration {
                                ul { @for reason in reasons { li { (reason) } } }
                            }
                        }
                    }
                    Outlook::There(record) => {
                        p.good { "It would go to " strong { (record.selected.provider) "/" (record.selected.region) } "." }
                        @if configuration {
                            (why(record))
                        } @else {
                            p { "Why there is shown to those who may list candidates." }
                        }
                        p { "The claim that asks for it:" }
                        (command(&claim(product, given)))
                    }
                }
            }
        }
    }
}

fn answer(snapshot: &Snapshot, product: &Product, given: &Given, without: &[String]) -> Outlook {
    let name = given.get(NAME).map_or("example", String::as_str);
    outlook(snapshot, product, name, parameters(product, given), without)
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

fn claim(product: &Product, given: &Given) -> String {
    let api = &product.spec.api;
    let name = given.get(NAME).map_or("example", String::as_str);
    let parameters: Vec<String> = parameters(product, given)
        .iter()
        .map(|(name, value)| format!("    {name}: {value}"))
        .collect();
    format!(
        "kubectl apply --dry-run=server -o yaml -f - <<'EOF'\napiVersion: {}\nkind: {}\nmetadata: {{name: {}}}\nspec:\n  parameters:\n{}\nEOF",
        api.api_version(),
        api.claim_kind,
        json!(name),
        parameters.join("\n")
    )
}
