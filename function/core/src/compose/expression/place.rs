//! Which fields of a place an expression reads, and under which conditions it comes to that: from
//! its syntax tree, so that a place can be judged before anything is rendered.

use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::{Context, Value as CelValue};
use serde_json::Value;

use super::path::path;
use super::{ENV, Expression, Resolver, value};

/// A look at a field of the place.
#[derive(Debug, Clone)]
pub struct PlaceRead {
    /// The fields that lead to it, such as `settings`, `replica`, `region`.
    pub path: Vec<String>,
    /// What must hold for it to be looked at.
    pub guards: Vec<Guard>,
}

/// A condition, and what it must be.
#[derive(Debug, Clone)]
pub struct Guard {
    condition: Arc<IdedExpr>,
    wanted: bool,
}

impl Guard {
    /// That the whole of `condition` is true.
    #[must_use]
    pub fn of(condition: &Expression) -> Self {
        Guard { condition: Arc::new(condition.program.expression().clone()), wanted: true }
    }

    /// Whether it holds; none where that cannot be told from what is known.
    #[must_use]
    pub fn holds(&self, resolver: &Resolver<'_>) -> Option<bool> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(resolver);
        let result = CelValue::resolve_val(&self.condition, &context).ok()?;
        match value::to_json(result.as_ref()).ok()? {
            Value::Bool(truth) => Some(truth == self.wanted),
            _ => None,
        }
    }
}

/// Adds what `node` reads under `guards` to `found`.
///
/// What a comprehension does for each item is left out: it may have none. So is what `has()` asks
/// for, which may be missing.
pub(super) fn reads(node: &IdedExpr, guards: &[Guard], found: &mut Vec<PlaceRead>) {
    if matches!(&node.expr, Expr::Select(select) if select.test) {
        return;
    }
    if let Some(("placement", path)) = path(node)
        && let ["network" | "settings", rest @ ..] = path.as_slice()
    {
        if !rest.is_empty() {
            let path = path.iter().map(|field| (*field).to_owned()).collect();
            found.push(PlaceRead { path, guards: guards.to_vec() });
        }
        return;
    }
    let under = |condition: &IdedExpr, wanted: bool| {
        let guard = Guard { condition: Arc::new(condition.clone()), wanted };
        guards.iter().cloned().chain([guard]).collect::<Vec<_>>()
    };
    match &node.expr {
        Expr::Select(select) => reads(&select.operand, guards, found),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            ("_?_:_", [condition, then, otherwise]) => {
                reads(condition, guards, found);
                reads(then, &under(condition, true), found);
                reads(otherwise, &under(condition, false), found);
            }
            (operator @ ("_&&_" | "_||_"), [first, then]) => {
                reads(first, guards, found);
                reads(then, &under(first, operator == "_&&_"), found);
            }
            (_, args) => {
                let target = call.target.as_deref();
                target.into_iter().chain(args).for_each(|part| reads(part, guards, found));
            }
        },
        Expr::List(list) => list.elements.iter().for_each(|item| reads(item, guards, found)),
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    reads(&entry.value, guards, found);
                }
            }
        }
        Expr::Comprehension(comprehension) => reads(&comprehension.iter_range, guards, found),
        Expr::Ident(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}
