//! JSON with expressions in its strings: `${…}` compiled once, evaluated into plain JSON.

use std::collections::BTreeSet;

use std::sync::Arc;

use serde_json::Value;

use super::expression::{CompileError, EvalError, Expression, Interner, References, Resolver};
use super::rendered::{RenderedObject, RenderedValue};

/// The deepest nesting of a template.
const DEEPEST: usize = 64;

/// A compiled template.
#[derive(Debug)]
pub enum Template {
    /// Without expressions.
    Literal(Value),
    /// A string that is one expression: takes the expression's value, whatever its type.
    Expression(Arc<Expression>),
    /// A string with expressions in it.
    Text(Vec<Piece>),
    /// A list with expressions somewhere in it.
    List(Vec<Template>),
    /// An object with expressions somewhere in it.
    Object(Vec<(String, Template)>),
}

/// A part of a string.
#[derive(Debug)]
pub enum Piece {
    /// As it is.
    Literal(String),
    /// The text of the expression's value.
    Expression(Arc<Expression>),
}

/// An expression that does not compile, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Where in the template, from the path given.
    pub path: String,
    /// The expression's source.
    pub expression: String,
    /// What is wrong with it.
    pub message: String,
}

impl Template {
    /// Compiles a value. `path` is where it stands; every error is pushed to `errors`.
    pub fn compile(
        value: &Value,
        path: &str,
        known: &BTreeSet<&str>,
        expressions: &mut Interner,
        errors: &mut Vec<TemplateError>,
    ) -> Template {
        Compiler { known, expressions, errors }.value(value, path, 0)
    }

    /// Calls `visit` with the references of every expression.
    pub fn references(&self, visit: &mut impl FnMut(&References)) {
        self.expressions(&mut |expression| visit(&expression.references));
    }

    /// Calls `visit` with every expression.
    pub fn expressions(&self, visit: &mut dyn FnMut(&Expression)) {
        match self {
            Template::Literal(_) => {}
            Template::Expression(expression) => visit(expression),
            Template::Text(pieces) => {
                for piece in pieces {
                    if let Piece::Expression(expression) = piece {
                        visit(expression);
                    }
                }
            }
            Template::List(items) => items.iter().for_each(|item| item.expressions(visit)),
            Template::Object(fields) => {
                fields.iter().for_each(|(_, field)| field.expressions(visit))
            }
        }
    }

    /// Evaluates it. RenderedObject and items whose expression yields null are left out.
    ///
    /// # Errors
    /// The first expression without a value.
    pub fn evaluate(&self, resolver: &Resolver<'_>) -> Result<RenderedValue<'_>, EvalError> {
        match self {
            Template::Literal(value) => Ok(RenderedValue::Literal(value)),
            Template::Expression(expression) => {
                expression.evaluate(resolver).map(RenderedValue::Value)
            }
            Template::Text(pieces) => text(pieces, resolver).map(RenderedValue::Owned),
            Template::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    let value = item.evaluate(resolver)?;
                    if !item.is_left_out(&value) {
                        list.push(value);
                    }
                }
                Ok(RenderedValue::List(list))
            }
            Template::Object(fields) => {
                let mut object = RenderedObject::with_capacity(fields.len());
                for (name, field) in fields {
                    let value = field.evaluate(resolver)?;
                    if !field.is_left_out(&value) {
                        object.push(name.as_str(), value);
                    }
                }
                Ok(RenderedValue::Object(object))
            }
        }
    }

    fn is_left_out(&self, value: &RenderedValue<'_>) -> bool {
        matches!((self, value), (Template::Expression(_), RenderedValue::Value(value)) if value.is_null())
    }
}

struct Compiler<'c> {
    known: &'c BTreeSet<&'c str>,
    expressions: &'c mut Interner,
    errors: &'c mut Vec<TemplateError>,
}

impl Compiler<'_> {
    fn value(&mut self, value: &Value, path: &str, depth: usize) -> Template {
        if depth > DEEPEST {
            self.report(path, "", format!("is nested more than {DEEPEST} deep"));
            return Template::Literal(Value::Null);
        }
        match value {
            Value::String(text) => self.text(text, path),
            Value::Array(items) => {
                let each = items.iter().enumerate();
                let compiled: Vec<Template> = each
                    .map(|(at, item)| self.value(item, &format!("{path}[{at}]"), depth + 1))
                    .collect();
                if compiled.iter().all(|item| matches!(item, Template::Literal(_))) {
                    Template::Literal(value_of(Template::List(compiled), value))
                } else {
                    Template::List(compiled)
                }
            }
            Value::Object(fields) => {
                let each = fields.iter();
                let compiled: Vec<(String, Template)> = each
                    .map(|(name, field)| {
                        (name.clone(), self.value(field, &format!("{path}.{name}"), depth + 1))
                    })
                    .collect();
                if compiled.iter().all(|(_, field)| matches!(field, Template::Literal(_))) {
                    Template::Literal(value_of(Template::Object(compiled), value))
                } else {
                    Template::Object(compiled)
                }
            }
            plain => Template::Literal(plain.clone()),
        }
    }

    fn text(&mut self, text: &str, path: &str) -> Template {
        let mut pieces = Vec::new();
        match split(text) {
            Ok(parts) => {
                for part in parts {
                    match part {
                        Part::Literal(literal) => pieces.push(Piece::Literal(literal)),
                        Part::Expression(source) => {
                            match self.expressions.compile(source, self.known) {
                                Ok(expression) => pieces.push(Piece::Expression(expression)),
                                Err(CompileError(message)) => self.report(path, source, message),
                            }
                        }
                    }
                }
            }
            Err(message) => self.report(path, text, message.to_owned()),
        }
        let mut pieces = pieces.into_iter();
        match (pieces.next(), pieces.next()) {
            (None, _) => Template::Literal(Value::String(String::new())),
            (Some(Piece::Literal(literal)), None) => Template::Literal(Value::String(literal)),
            (Some(Piece::Expression(expression)), None) => Template::Expression(expression),
            (Some(first), Some(second)) => {
                Template::Text([first, second].into_iter().chain(pieces).collect())
            }
        }
    }

    fn report(&mut self, path: &str, expression: &str, message: String) {
        self.errors.push(TemplateError {
            path: path.to_owned(),
            expression: expression.to_owned(),
            message,
        });
    }
}

/// The value of a template all of whose parts are literal (an escaped `$${` differs from its
/// source).
fn value_of(template: Template, source: &Value) -> Value {
    match template {
        Template::Literal(value) => value,
        Template::List(items) => {
            Value::Array(items.into_iter().map(|item| value_of(item, source)).collect())
        }
        Template::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, field)| (name, value_of(field, source))).collect(),
        ),
        Template::Expression(_) | Template::Text(_) => source.clone(),
    }
}

fn text(pieces: &[Piece], resolver: &Resolver<'_>) -> Result<String, EvalError> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Expression(expression) => match &*expression.evaluate(resolver)? {
                Value::String(value) => text.push_str(value),
                value @ (Value::Number(_) | Value::Bool(_)) => text.push_str(&value.to_string()),
                other => {
                    let kind = if other.is_null() { "null" } else { "a list or map" };
                    let reason = format!("yields {kind}, which has no place within a text");
                    return Err(EvalError { expression: expression.source().to_owned(), reason });
                }
            },
        }
    }
    Ok(text)
}

enum Part<'t> {
    Literal(String),
    Expression(&'t str),
}

/// Splits a string at its `${…}`; `$${` is a literal `${`. Braces within an expression's string
/// literals, and balanced ones within it, do not end it.
fn split(text: &str) -> Result<Vec<Part<'_>>, &'static str> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, tail) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${");
            rest = tail.get(2..).unwrap_or_default();
            continue;
        }
        literal.push_str(before);
        let inside = tail.get(2..).unwrap_or_default();
        let end = closing_brace(inside).ok_or("has a ${ without its }")?;
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        let (expression, tail) = inside.split_at(end);
        parts.push(Part::Expression(expression.trim()));
        rest = tail.get(1..).unwrap_or_default();
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

fn closing_brace(inside: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' => quote = Some(c),
                '{' => depth += 1,
                '}' if depth == 0 => return Some(at),
                '}' => depth -= 1,
                _ => {}
            },
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn evaluate(template: Value, variables: &Value) -> Value {
        let known: BTreeSet<&str> =
            variables.as_object().unwrap().keys().map(String::as_str).collect();
        let mut errors = Vec::new();
        let compiled =
            Template::compile(&template, "t", &known, &mut Interner::default(), &mut errors);
        assert_eq!(errors, []);
        let resolver = Resolver::new(
            variables.as_object().unwrap().iter().map(|(k, v)| (k.as_str(), v)).collect(),
        );
        compiled.evaluate(&resolver).unwrap().into()
    }

    #[test]
    fn expressions_keep_their_type_and_texts_interpolate() {
        let variables =
            json!({"params": {"n": 3, "s": "x", "list": ["a", "b"], "map": {"z": 1, "a": [true]}}});
        let template = json!({
            "typed": "${params.n + 1}", "text": "n=${params.n}, s=${params.s}!", "list": "${params.list}", "map": "${params.map}",
            "dropped": "${params.n > 5 ? 1 : null}", "items": ["${params.n > 5 ? 1 : null}", "kept", null], "escaped": "$${params.n}",
            "braces": "${ {'a': '}'}['a'] }", "has": "${has(params.nope)}", "has it": "${has(params.s)}", "index": "${params['s']}", "joined": "${params.list.map(i, i + '-' + params.s).join(',')}",
            "json": "${toJson(params.map)}", "keys": "${params.map.map(k, k)}", "in": "${'z' in params.map}", "size": "${size(params.map)}",
            "divided": "${ceilDiv(params.n * 1024, 1000)}", "sub": "${'abcdef'.substring(1, 3)}", "eq": "${params.map == {'z': 1, 'a': [true]}}",
            "range": "${range(params.n)}", "math": "${math.greatest(params.n, 7)}", "b64": "${base64.encode(bytes(params.s))}",
            "nested": {"deep": [{"x": "${params.s.upperAscii()}"}], "literal": 1},
        });
        assert_eq!(
            evaluate(template, &variables),
            json!({
                "typed": 4, "text": "n=3, s=x!", "list": ["a", "b"], "map": {"a": [true], "z": 1}, "items": ["kept", null],
                "escaped": "${params.n}", "braces": "}", "has": false, "has it": true, "index": "x", "joined": "a-x,b-x", "json": "{\"a\":[true],\"z\":1}", "keys": ["z", "a"],
                "in": true, "size": 2, "divided": 4, "sub": "bc", "eq": true, "range": [0, 1, 2], "math": 7, "b64": "eA==",
                "nested": {"deep": [{"x": "X"}], "literal": 1},
            })
        );
    }

    #[test]
    fn every_bad_expression_is_named_with_its_place() {
        let known = BTreeSet::from(["params", "observed"]);
        let mut errors = Vec::new();
        let template = json!({"a": "${param.size}", "b": ["${params.}", "${sise(params)}"], "c": "${open", "d": "${observed}",
            "e": "${ {'a': 1}.map(k, k) }", "f": "${range(9).map(a, range(9).map(b, range(9).map(c, c)))}"});
        Template::compile(&template, "spec", &known, &mut Interner::default(), &mut errors);
        let seen: Vec<(&str, bool)> =
            errors.iter().map(|e| (e.path.as_str(), e.message.contains("did you mean"))).collect();
        assert_eq!(
            seen,
            [
                ("spec.a", true),
                ("spec.b[0]", false),
                ("spec.b[1]", true),
                ("spec.c", false),
                ("spec.d", false),
                ("spec.e", false),
                ("spec.f", false)
            ],
            "{errors:#?}"
        );
    }
}
