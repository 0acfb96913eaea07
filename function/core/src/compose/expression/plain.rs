//! What most expressions are made of (fields of fields, comparisons, conditions), worked out over
//! JSON without the evaluator, which costs ten times as much. It either knows the evaluator's answer
//! or has none: whatever it does not know, errors among it, is the evaluator's to say.

use std::borrow::Cow;

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use serde_json::{Map, Value};

use super::Resolver;

/// An expression of plain parts.
#[derive(Debug)]
pub(super) enum Plain {
    Literal(Value),
    Variable(String),
    /// `of.field`, `of["field"]`.
    Field(Box<Plain>, String),
    /// `of[by]`.
    Item(Box<Plain>, Box<Plain>),
    /// `has(of.field)`.
    Has(Box<Plain>, String),
    Not(Box<Plain>),
    Two(Operator, Box<[Plain; 2]>),
    /// `if ? then : otherwise`.
    Choice(Box<[Plain; 3]>),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    And,
    Or,
    In,
    Add,
    Subtract,
    Multiply,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Plain {
    /// The same as `node`; none where that has other parts.
    pub(super) fn of(node: &IdedExpr) -> Option<Plain> {
        match &node.expr {
            Expr::Ident(name) => Some(Plain::Variable(name.clone())),
            Expr::Literal(literal) => Plain::literal(literal),
            Expr::Select(select) => {
                let (of, field) = (Box::new(Plain::of(&select.operand)?), select.field.clone());
                Some(if select.test { Plain::Has(of, field) } else { Plain::Field(of, field) })
            }
            Expr::Call(call) if call.target.is_none() => Plain::call(call),
            _ => None,
        }
    }

    fn literal(literal: &LiteralValue) -> Option<Plain> {
        Some(Plain::Literal(match literal {
            LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
            LiteralValue::Int(value) => Value::from(*value.inner()),
            LiteralValue::String(value) => Value::String(value.inner().to_owned()),
            LiteralValue::Null => Value::Null,
            LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::UInt(_) => {
                return None;
            }
        }))
    }

    fn call(call: &CallExpr) -> Option<Plain> {
        let part = |node| Plain::of(node).map(Box::new);
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_NOT, [of]) => Some(Plain::Not(part(of)?)),
            (op::INDEX, [of, by]) => Some(match Plain::of(by)? {
                Plain::Literal(Value::String(field)) => Plain::Field(part(of)?, field),
                by => Plain::Item(part(of)?, Box::new(by)),
            }),
            (op::CONDITIONAL, [condition, then, otherwise]) => Some(Plain::Choice(Box::new([
                Plain::of(condition)?,
                Plain::of(then)?,
                Plain::of(otherwise)?,
            ]))),
            (name, [left, right]) => {
                let operands = Box::new([Plain::of(left)?, Plain::of(right)?]);
                Some(Plain::Two(Operator::of(name)?, operands))
            }
            _ => None,
        }
    }

    /// Its value, as the evaluator would yield it but for the order of an object's fields.
    pub(super) fn value<'r>(&'r self, resolver: &'r Resolver<'_>) -> Option<Cow<'r, Value>> {
        match self {
            Plain::Literal(value) => Some(Cow::Borrowed(value)),
            Plain::Variable(name) => resolver.variable(name).map(Cow::Borrowed),
            Plain::Field(of, field) => of.within(resolver, |fields| fields.get(field)),
            Plain::Item(of, by) => match &*by.value(resolver)? {
                Value::String(field) => of.within(resolver, |fields| fields.get(field)),
                _ => None,
            },
            Plain::Has(of, field) => {
                let of = of.value(resolver)?;
                Some(Cow::Owned(Value::Bool(of.as_object()?.contains_key(field))))
            }
            Plain::Not(of) => Some(Cow::Owned(Value::Bool(!of.truth(resolver)?))),
            Plain::Two(operator, operands) => {
                let [left, right] = &**operands;
                operator.apply(left, right, resolver).map(Cow::Owned)
            }
            Plain::Choice(parts) => {
                let [condition, then, otherwise] = &**parts;
                if condition.truth(resolver)? { then } else { otherwise }.value(resolver)
            }
        }
    }

    fn truth(&self, resolver: &Resolver<'_>) -> Option<bool> {
        self.value(resolver)?.as_bool()
    }

    /// What `pick` finds among its fields.
    fn within<'r>(
        &'r self,
        resolver: &'r Resolver<'_>,
        pick: impl FnOnce(&Map<String, Value>) -> Option<&Value>,
    ) -> Option<Cow<'r, Value>> {
        match self.value(resolver)? {
            Cow::Borrowed(of) => pick(of.as_object()?).map(Cow::Borrowed),
            // Only texts, numbers and truths are made here.
            Cow::Owned(_) => None,
        }
    }
}

impl Operator {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            op::LOGICAL_AND => Operator::And,
            op::LOGICAL_OR => Operator::Or,
            op::IN => Operator::In,
            op::ADD => Operator::Add,
            op::SUBSTRACT => Operator::Subtract,
            op::MULTIPLY => Operator::Multiply,
            op::EQUALS => Operator::Equal,
            op::NOT_EQUALS => Operator::NotEqual,
            op::LESS => Operator::Less,
            op::LESS_EQUALS => Operator::LessEqual,
            op::GREATER => Operator::Greater,
            op::GREATER_EQUALS => Operator::GreaterEqual,
            _ => return None,
        })
    }

    fn apply(self, left: &Plain, right: &Plain, resolver: &Resolver<'_>) -> Option<Value> {
        if let Operator::And | Operator::Or = self {
            let decides = matches!(self, Operator::Or);
            let first = left.truth(resolver)?;
            let truth = if first == decides { first } else { right.truth(resolver)? };
            return Some(Value::Bool(truth));
        }
        match (&*left.value(resolver)?, &*right.value(resolver)?) {
            (Value::String(left), Value::String(right)) => self.of_texts(left, right),
            (Value::Number(left), Value::Number(right)) => {
                self.of_integers(left.as_i64()?, right.as_i64()?)
            }
            (Value::Bool(left), Value::Bool(right)) => match self {
                Operator::Equal => Some(Value::Bool(left == right)),
                Operator::NotEqual => Some(Value::Bool(left != right)),
                _ => None,
            },
            (Value::String(text), Value::Array(items)) if matches!(self, Operator::In) => {
                let mut found = false;
                for item in items {
                    found |= item.as_str()? == text;
                }
                Some(Value::Bool(found))
            }
            (Value::String(key), Value::Object(fields)) if matches!(self, Operator::In) => {
                Some(Value::Bool(fields.contains_key(key)))
            }
            _ => None,
        }
    }

    fn of_texts(self, left: &str, right: &str) -> Option<Value> {
        match self {
            Operator::Equal => Some(Value::Bool(left == right)),
            Operator::NotEqual => Some(Value::Bool(left != right)),
            Operator::Add => Some(Value::String([left, right].concat())),
            _ => None,
        }
    }

    fn of_integers(self, left: i64, right: i64) -> Option<Value> {
        Some(match self {
            // What overflows is an error.
            Operator::Add => Value::from(left.checked_add(right)?),
            Operator::Subtract => Value::from(left.checked_sub(right)?),
            Operator::Multiply => Value::from(left.checked_mul(right)?),
            Operator::Equal => Value::Bool(left == right),
            Operator::NotEqual => Value::Bool(left != right),
            Operator::Less => Value::Bool(left < right),
            Operator::LessEqual => Value::Bool(left <= right),
            Operator::Greater => Value::Bool(left > right),
            Operator::GreaterEqual => Value::Bool(left >= right),
            Operator::And | Operator::Or | Operator::In => return None,
        })
    }
}

#[cfg(test)]
mod tests;
