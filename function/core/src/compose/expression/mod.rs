//! CEL expressions in product templates: compiled once, evaluated many times over JSON without
//! copying it.

mod check;
mod functions;
mod intern;
mod path;
mod place;
mod plain;
mod value;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program, Value as CelValue};
use serde_json::Value;
use thiserror::Error;

pub use check::References;
pub use intern::{Interner, Memo};
pub use place::{Guard, PlaceRead};
use plain::Plain;
pub use value::{Resolver, to_val};

/// The longest expression, bytes. Together with the nesting limits it bounds what evaluating one
/// can cost.
pub const LONGEST: usize = 4096;
/// The most operators, brackets and quotes in one expression. Bounds how deep the parser recurses.
const MOST_SYMBOLS: usize = 256;
/// Stack for the parser, which takes tens of KiB for each level: an overflow would end the process.
const PARSER_STACK: usize = 64 << 20;
/// Stack for what compiles many expressions, beside the parser's.
const COMPILER_STACK: usize = 8 << 20;
/// The largest text or collection that an expression may yield, bytes or items. Bounds chains of
/// variables.
const LARGEST: usize = 64 * 1024;

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    let registered = functions::register(&mut env);
    // Registering fails only when a name clashes with the library's; a test evaluates every
    // function.
    debug_assert!(registered.is_ok(), "{registered:?}");
    Arc::new(env)
});

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    program: Program,
    /// Where a rendering keeps its value, if that stays the same throughout.
    slot: Option<usize>,
    /// The same without the evaluator, where it can do without: most can.
    plain: Option<Plain>,
    /// What it refers to.
    pub references: References,
}

/// Why an expression does not compile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct CompileError(pub String);

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("${{{expression}}}: {reason}")]
pub struct EvalError {
    /// The expression's source.
    pub expression: String,
    /// What went wrong.
    pub reason: String,
}

impl Expression {
    /// Compiles `source`, without `${` and `}`. `known` are the variables it may use.
    ///
    /// # Errors
    /// Bad syntax, an unknown variable or function, or a shape whose cost cannot be bounded.
    pub fn compile(source: &str, known: &BTreeSet<&str>) -> Result<Self, CompileError> {
        if source.len() > LONGEST {
            return Err(CompileError(format!(
                "is longer than {LONGEST} bytes: split it with variables"
            )));
        }
        if source
            .chars()
            .filter(|c| !(c.is_alphanumeric() || c.is_whitespace() || *c == '_'))
            .count()
            > MOST_SYMBOLS
        {
            let message = format!(
                "has more than {MOST_SYMBOLS} operators, brackets and quotes: split it with variables"
            );
            return Err(CompileError(message));
        }
        let program = with_parser_stack(|| ENV.compile(source))
            .map_err(|errors| CompileError(syntax_message(&errors.to_string())))?;
        let references = check::check(&program, known).map_err(CompileError)?;
        let plain = Plain::of(program.expression());
        Ok(Expression { source: source.to_owned(), program, slot: None, plain, references })
    }

    /// The expression's source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Adds what it reads of the place, under `guards` and its own conditions.
    pub fn place_reads(&self, guards: &[Guard], found: &mut Vec<PlaceRead>) {
        place::reads(self.program.expression(), guards, found);
    }

    /// Evaluates it over the variables of `resolver`.
    ///
    /// # Errors
    /// A missing key, a wrong type, an overflow, a result that is too large.
    pub fn evaluate(&self, resolver: &Resolver<'_>) -> Result<Arc<Value>, EvalError> {
        let Some(kept) = self.slot.and_then(|slot| resolver.memo()?.slot(slot)) else {
            return self.compute(resolver).map(Arc::new);
        };
        if let Some(value) = kept.get() {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(self.compute(resolver)?);
        Ok(Arc::clone(kept.get_or_init(|| value)))
    }

    fn compute(&self, resolver: &Resolver<'_>) -> Result<Value, EvalError> {
        // What has no value is an error, which the evaluator words.
        if let Some(value) = self.plain.as_ref().and_then(|plain| plain.value(resolver)) {
            let mut value = value.into_owned();
            // As the evaluator yields them.
            value.sort_all_objects();
            return self.bounded(value);
        }
        self.interpret(resolver)
    }

    /// With the evaluator.
    fn interpret(&self, resolver: &Resolver<'_>) -> Result<Value, EvalError> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(resolver);
        let error = |reason: String| EvalError { expression: self.source.clone(), reason };
        let result = CelValue::resolve_val(self.program.expression(), &context)
            .map_err(|e| error(reason(&e)))?;
        self.bounded(value::to_json(result.as_ref()).map_err(error)?)
    }

    fn bounded(&self, value: Value) -> Result<Value, EvalError> {
        match size(&value) {
            size if size > LARGEST => {
                let reason = format!("yields {size} bytes or items; at most {LARGEST} are allowed");
                Err(EvalError { expression: self.source.clone(), reason })
            }
            _ => Ok(value),
        }
    }
}

/// Does `work` with stack for the parser. Whoever compiles many expressions does so within this: a
/// stack for each would be most of what compiling costs.
pub(super) fn with_parser_stack<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(PARSER_STACK, PARSER_STACK + COMPILER_STACK, work)
}

/// The parser draws an arrow under the place; keep what fits one line.
fn syntax_message(message: &str) -> String {
    if message.contains("Recursion limit") {
        return "nests too deep to be parsed: split it with variables".to_owned();
    }
    message.lines().map(str::trim).filter(|line| !line.is_empty()).take(1).collect::<String>()
}

fn reason(error: &cel::ExecutionError) -> String {
    match error {
        cel::ExecutionError::NoSuchKey(key) => format!("there is no {key:?}"),
        other => other.to_string(),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum::<usize>() + items.len(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}
