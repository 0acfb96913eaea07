//! Which changes a product allows on a workload that exists.

use serde_json::{Map, Value};

use super::parameter::{describe, integer};
use super::{ClaimRequest, Deletion, FieldError, Problem};
use crate::names::PRODUCTION;
use crate::product::{ParameterSpec, ProductSpec, UpdateRule};

/// Errors for every product parameter that changes against its update rule.
///
/// Whether a raised tier or `ha` still fits the present placement is the scheduler's to say, not
/// this function's.
#[must_use]
pub fn check(product: &ProductSpec, old: &ClaimRequest, new: &ClaimRequest) -> Vec<FieldError> {
    product
        .parameters
        .iter()
        .filter_map(|spec| {
            let (before, now) = (old.params.get(&spec.name), new.params.get(&spec.name));
            let message = if before == now { None } else { refusal(spec, before, now) };
            message.map(|message| {
                FieldError::new(
                    format!("spec.parameters.{}", spec.name),
                    Problem::Forbidden,
                    message,
                )
            })
        })
        .collect()
}

/// The parameter by which a changed `spec` of a product that holds data takes protection off what
/// is in production: deletion itself, or the environment, with which long retention goes as well.
#[must_use]
pub fn unprotects(old: &Map<String, Value>, new: &Map<String, Value>) -> Option<&'static str> {
    let in_production = |spec: &Map<String, Value>| {
        let environment = spec.get("parameters").and_then(|given| given.get("environment"));
        environment.and_then(Value::as_str) == Some(PRODUCTION)
    };
    if !in_production(old) {
        return None;
    }
    if !in_production(new) {
        return Some("environment");
    }
    (Deletion::of(new) < Deletion::of(old)).then_some("deletion")
}

fn refusal(spec: &ParameterSpec, before: Option<&Value>, now: Option<&Value>) -> Option<String> {
    let show = |value: Option<&Value>| value.map_or_else(|| "unset".to_owned(), describe);
    match spec.update {
        UpdateRule::Any => None,
        UpdateRule::Immutable => Some(format!(
            "cannot change once the workload exists (it is {}, not {}): make a new claim and move the data",
            show(before),
            show(now)
        )),
        UpdateRule::IncreaseOnly => {
            let shrinks = before.is_some() && rank(spec, now) < rank(spec, before);
            shrinks.then(|| {
                format!(
                    "can only grow (it is {}, not {}): a smaller one needs a new claim and moved data",
                    show(before),
                    show(now)
                )
            })
        }
    }
}

/// How far up a value is: its place among the choices, or its size.
fn rank(spec: &ParameterSpec, value: Option<&Value>) -> Option<i64> {
    let value = value?;
    match spec.choices.iter().position(|choice| choice == value) {
        Some(place) => i64::try_from(place).ok(),
        None => integer(value),
    }
}
