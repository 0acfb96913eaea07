//! What is wrong with one field.

use std::fmt;

/// One thing that is wrong with one field. `path: message` is a whole sentence for the developer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field, as Kubernetes writes paths: `spec.parameters.storageGB`.
    pub path: String,
    /// What kind of mistake it is.
    pub problem: Problem,
    /// What is wrong, and what to do.
    pub message: String,
}

/// The kinds of mistake, as `Status.details.causes[].reason` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// A value is missing.
    Required,
    /// A value of the wrong type or outside its range.
    Invalid,
    /// A value that is not among the choices.
    NotSupported,
    /// A field that is not the developer's to set, or a change that is not allowed.
    Forbidden,
    /// A field that does not exist.
    Unknown,
}

impl Problem {
    /// The cause's reason in a Kubernetes `Status`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Problem::Required => "FieldValueRequired",
            Problem::Invalid => "FieldValueInvalid",
            Problem::NotSupported => "FieldValueNotSupported",
            Problem::Forbidden => "FieldValueForbidden",
            Problem::Unknown => "FieldValueInvalid",
        }
    }
}

impl FieldError {
    /// An error at `path`.
    pub fn new(path: impl Into<String>, problem: Problem, message: impl Into<String>) -> Self {
        FieldError { path: path.into(), problem, message: message.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// ` (did you mean "x"?)` when one of `known` is close to `given`, else nothing.
#[must_use]
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let close = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&given.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        // The first of equals, so that the hint does not depend on float order.
        .fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        });
    close.map(|(_, name)| format!(" (did you mean {name:?}?)")).unwrap_or_default()
}

/// `a, b or c`.
pub(crate) fn one_of<'a>(choices: impl IntoIterator<Item = &'a str>) -> String {
    listed(choices, "or")
}

/// `a, b and c`, with this word before the last.
#[must_use]
pub fn listed<'a>(items: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let all: Vec<&str> = items.into_iter().collect();
    match all.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        None => String::new(),
    }
}
