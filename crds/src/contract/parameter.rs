//! One product parameter: its value checked against its specification.

use serde_json::Value;

use super::error::{did_you_mean, one_of};
use super::{FieldError, Problem};
use crate::product::{ParameterSpec, ParameterType};

/// What a given value (never null) is worth as `spec`.
pub(super) enum Given {
    /// As good as absent: empty text.
    Nothing,
    /// A good value.
    Value(Value),
}

/// Checks one given value.
pub(super) fn check(spec: &ParameterSpec, path: &str, value: &Value) -> Result<Given, FieldError> {
    let wrong_type = |wanted: &str| {
        FieldError::new(
            path,
            Problem::Invalid,
            format!("must be {wanted}, not {}", describe(value)),
        )
    };
    let value = match spec.type_ {
        ParameterType::String => match value {
            // Where there are choices, empty text is one of them or a mistake.
            Value::String(text) if text.is_empty() && spec.choices.is_empty() => {
                return Ok(Given::Nothing);
            }
            Value::String(text) => {
                check_length(spec, path, text.chars().count(), "characters")?;
                value.clone()
            }
            _ => return Err(wrong_type("a string")),
        },
        ParameterType::Integer => match integer(value) {
            Some(number) => {
                check_range(spec, path, number)?;
                Value::from(number)
            }
            None => return Err(wrong_type("an integer")),
        },
        ParameterType::Boolean => match value {
            Value::Bool(_) => value.clone(),
            _ => return Err(wrong_type("a boolean")),
        },
        ParameterType::StringList => match value {
            Value::Array(items) if items.iter().all(Value::is_string) => {
                check_length(spec, path, items.len(), "items")?;
                value.clone()
            }
            _ => return Err(wrong_type("a list of strings")),
        },
    };
    if spec.choices.is_empty() || spec.choices.contains(&value) {
        return Ok(Given::Value(value));
    }
    let choices: Vec<String> = spec.choices.iter().map(text_of).collect();
    let hint = did_you_mean(&text_of(&value), choices.iter().map(String::as_str));
    Err(FieldError::new(
        path,
        Problem::NotSupported,
        format!(
            "must be one of {}, not {}{hint}",
            one_of(choices.iter().map(String::as_str)),
            describe(&value)
        ),
    ))
}

/// A whole number, also where a decoder has made a double of it.
pub(super) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let double = value.as_f64()?;
        // Up to 2^53 every whole double is exactly one integer.
        (double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0).then_some(double as i64)
    })
}

fn check_range(spec: &ParameterSpec, path: &str, number: i64) -> Result<(), FieldError> {
    let error = |message| Err(FieldError::new(path, Problem::Invalid, message));
    match (spec.minimum, spec.maximum) {
        (Some(minimum), _) if number < minimum => {
            error(format!("must be >= {minimum}, not {number}"))
        }
        (_, Some(maximum)) if number > maximum => {
            error(format!("must be <= {maximum}, not {number}"))
        }
        _ => Ok(()),
    }
}

fn check_length(
    spec: &ParameterSpec,
    path: &str,
    length: usize,
    unit: &str,
) -> Result<(), FieldError> {
    match spec.max_length {
        Some(most) if length > most as usize => Err(FieldError::new(
            path,
            Problem::Invalid,
            format!("must have at most {most} {unit}, not {length}"),
        )),
        _ => Ok(()),
    }
}

/// A value as a message shows it: short, quoted if it is text.
pub(super) fn describe(value: &Value) -> String {
    let text = match value {
        Value::Null => return "null".to_owned(),
        Value::Array(_) => return "a list".to_owned(),
        Value::Object(_) => return "an object".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > 64 {
        text.chars().take(61).chain("...".chars()).collect()
    } else {
        text
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Errors of a specification itself: a default or a choice that it would refuse, a range with
/// nothing in it.
pub fn check_specification(spec: &ParameterSpec, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let (Some(minimum), Some(maximum)) = (spec.minimum, spec.maximum)
        && minimum > maximum
    {
        errors.push(FieldError::new(
            format!("{path}.minimum"),
            Problem::Invalid,
            format!("{minimum} is above the maximum, {maximum}"),
        ));
    }
    if let Some(default) = &spec.default
        && let Err(error) = check(spec, &format!("{path}.default"), default)
    {
        errors.push(error);
    }
    if spec.default.is_some() && spec.required {
        errors.push(FieldError::new(
            format!("{path}.required"),
            Problem::Invalid,
            "has no meaning beside a default: remove one",
        ));
    }
    for (at, choice) in spec.choices.iter().enumerate() {
        if let Err(error) = check(
            &ParameterSpec { choices: Vec::new(), ..spec.clone() },
            &format!("{path}.enum[{at}]"),
            choice,
        ) {
            errors.push(error);
        }
    }
    errors
}
