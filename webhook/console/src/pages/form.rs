//! A form made from a product's parameters, with what is wrong beside each field.

use std::collections::BTreeMap;

use idp_core::compose::product::Product;
use idp_crds::contract::FieldError;
use idp_crds::names::ENVIRONMENTS;
use idp_crds::product::{ParameterSpec, ParameterType};
use maud::{Markup, html};
use serde_json::Value;

use crate::snapshot::Snapshot;

/// Every field by its name, as text.
pub(super) type Given = BTreeMap<String, String>;

/// What is not a parameter.
pub(super) const NAME: &str = "name";
pub(super) const PRODUCT: &str = "product";
pub(super) const WITHOUT: &str = "without";

/// The form, filled in as it was `given`.
pub(super) fn form(
    snapshot: &Snapshot,
    product: &Product,
    given: &Given,
    without: &[String],
    errors: &[FieldError],
) -> Markup {
    let tiers: Vec<&str> = snapshot.catalog.scheduler().tier_names().collect();
    html! {
        // To the answer: it stands below a form that may be longer than the screen.
        form.what-if method="get" action="/what-if#answer" {
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
    }
}

/// A choice as the form shows it.
pub(super) fn shown(choice: &Value) -> String {
    choice.as_str().map_or_else(|| choice.to_string(), str::to_owned)
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
