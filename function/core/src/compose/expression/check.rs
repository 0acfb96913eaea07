//! What an expression refers to, and whether its cost is bounded: a walk over its syntax tree,
//! once, when it is compiled.

use std::collections::BTreeSet;

use cel::Program;
use cel::common::ast::{EntryExpr, Expr, IdedExpr};

use idp_crds::contract::did_you_mean;

use super::functions::{KNOWN, NAMESPACES};
use super::path::{member_of, path};

/// How deep comprehensions (`map`, `filter`, `all`, `exists`) may be nested: each level multiplies
/// the cost.
const DEEPEST_COMPREHENSION: usize = 2;
/// How deep calls, lists, maps and chains of operators may be nested: evaluating them recurses, and
/// a stack that overflows ends the process.
const DEEPEST: usize = 32;

/// What an expression refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Top-level variables.
    pub variables: BTreeSet<String>,
    /// Resources whose observed state it reads: `observed.<name>`.
    pub observed: BTreeSet<String>,
    /// Where in them: the resource's name, then the fields that lead to what is read.
    pub observed_paths: BTreeSet<Vec<String>>,
    /// Resources whose composed name it reads: `names.<name>`.
    pub names: BTreeSet<String>,
    /// Computed variables it reads: `vars.<name>`.
    pub vars: BTreeSet<String>,
}

pub(super) fn check(program: &Program, known: &BTreeSet<&str>) -> Result<References, String> {
    let mut walk = Walk {
        known,
        bound: Vec::new(),
        level: 0,
        depth: 0,
        along: false,
        found: References::default(),
    };
    walk.expression(program.expression())?;
    Ok(walk.found)
}

struct Walk<'a> {
    known: &'a BTreeSet<&'a str>,
    /// Variables of the comprehensions around.
    bound: Vec<String>,
    level: usize,
    /// Of comprehensions.
    depth: usize,
    /// Whether this is on the way to what a path of observed fields leads to.
    along: bool,
    found: References,
}

impl Walk<'_> {
    fn expression(&mut self, node: &IdedExpr) -> Result<(), String> {
        self.level += 1;
        if self.level > DEEPEST {
            return Err(format!(
                "nests, or chains operators, more than {DEEPEST} deep: split it with variables"
            ));
        }
        self.node(node)?;
        self.level -= 1;
        Ok(())
    }

    fn node(&mut self, node: &IdedExpr) -> Result<(), String> {
        let is_free = !self.along && !self.bound.iter().any(|bound| bound == "observed");
        let Some(("observed", fields)) = path(node).filter(|_| is_free) else {
            return self.inner(node);
        };
        self.found.observed_paths.insert(fields.into_iter().map(str::to_owned).collect());
        self.along = true;
        let result = self.inner(node);
        self.along = false;
        result
    }

    fn inner(&mut self, node: &IdedExpr) -> Result<(), String> {
        if let Some((root, member)) = member_of(node)
            && !self.bound.iter().any(|b| b == root)
        {
            let set = match root {
                "observed" => Some(&mut self.found.observed),
                "names" => Some(&mut self.found.names),
                "vars" => Some(&mut self.found.vars),
                _ => None,
            };
            if let Some(set) = set {
                set.insert(member.to_owned());
                return self.variable(root);
            }
        }
        match &node.expr {
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => self.expression(&select.operand),
            Expr::Call(call) => {
                let namespaced = call.target.as_deref().and_then(|target| match &target.expr {
                    Expr::Ident(name) if NAMESPACES.contains(&name.as_str()) => {
                        Some(format!("{name}.{}", call.func_name))
                    }
                    _ => None,
                });
                self.function(namespaced.as_deref().unwrap_or(&call.func_name))?;
                if let (Some(target), None) = (&call.target, &namespaced) {
                    self.expression(target)?;
                }
                call.args.iter().try_for_each(|arg| self.expression(arg))
            }
            Expr::List(list) => {
                list.elements.iter().try_for_each(|element| self.expression(element))
            }
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expression(&entry.key)?;
                    self.expression(&entry.value)
                }
                EntryExpr::StructField(field) => self.expression(&field.value),
            }),
            Expr::Struct(_) => {
                Err("makes a message, which templates have no use for: write a map".to_owned())
            }
            Expr::Comprehension(comprehension) => {
                if matches!(comprehension.iter_range.expr, Expr::Map(_)) {
                    return Err(
                        "iterates over a literal map, which has no order: iterate over a list"
                            .to_owned(),
                    );
                }
                self.expression(&comprehension.iter_range)?;
                self.depth += 1;
                if self.depth > DEEPEST_COMPREHENSION {
                    return Err(format!(
                        "nests more than {DEEPEST_COMPREHENSION} comprehensions: compute the inner ones in variables"
                    ));
                }
                let before = self.bound.len();
                self.bound.extend([comprehension.iter_var.clone(), comprehension.accu_var.clone()]);
                self.bound.extend(comprehension.iter_var2.clone());
                for part in [
                    &comprehension.accu_init,
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ] {
                    self.expression(part)?;
                }
                self.bound.truncate(before);
                self.depth -= 1;
                Ok(())
            }
            Expr::Literal(_) | Expr::Unspecified => Ok(()),
        }
    }

    fn ident(&mut self, name: &str) -> Result<(), String> {
        if self.bound.iter().any(|b| b == name) {
            return Ok(());
        }
        if ["observed", "names", "vars"].contains(&name) {
            return Err(format!(
                "uses {name} as a whole: name the one that is meant, {name}.<name> or {name}[\"<name>\"]"
            ));
        }
        self.variable(name)
    }

    fn variable(&mut self, name: &str) -> Result<(), String> {
        if !self.known.contains(name) {
            let hint = did_you_mean(name, self.known.iter().copied());
            let known: Vec<&str> = self.known.iter().copied().collect();
            return Err(format!("unknown variable {name:?}{hint}; there are {}", known.join(", ")));
        }
        self.found.variables.insert(name.to_owned());
        Ok(())
    }

    fn function(&self, name: &str) -> Result<(), String> {
        // Operators, and what macros such as math.greatest expand to, are functions with names that
        // no identifier has.
        let operator = name.contains(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
        if operator || KNOWN.contains(&name) {
            return Ok(());
        }
        Err(format!(
            "unknown function {name:?}{}; there are {}",
            did_you_mean(name, KNOWN),
            KNOWN.join(", ")
        ))
    }
}
