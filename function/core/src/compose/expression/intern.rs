//! Equal expressions are one: compiled once, and evaluated once per rendering where what they read
//! stays the same throughout.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::{CompileError, Expression};

/// The variables that change while a product is rendered: more becomes known, or each object has
/// its own.
const CHANGING: [&str; 4] = ["each", "index", "names", "observed"];

/// Compiles expressions that are rendered together.
#[derive(Debug, Default)]
pub struct Interner {
    compiled: HashMap<String, Arc<Expression>>,
    slots: usize,
}

/// What the expressions of one [`Interner`] have yielded in one rendering.
#[derive(Debug)]
pub struct Memo(Vec<OnceLock<Arc<Value>>>);

impl Interner {
    /// Compiles `source`, if that has not been done. See [`Expression::compile`].
    ///
    /// # Errors
    /// As there.
    pub fn compile(
        &mut self,
        source: &str,
        known: &BTreeSet<&str>,
    ) -> Result<Arc<Expression>, CompileError> {
        // Elsewhere other variables may be known.
        let fits = |other: &&Arc<Expression>| {
            other.references.variables.iter().all(|name| known.contains(name.as_str()))
        };
        if let Some(same) = self.compiled.get(source).filter(fits) {
            return Ok(Arc::clone(same));
        }
        let mut expression = Expression::compile(source, known)?;
        if !CHANGING.iter().any(|name| expression.references.variables.contains(*name)) {
            expression.slot = Some(self.slots);
            self.slots += 1;
        }
        let expression = Arc::new(expression);
        self.compiled.insert(source.to_owned(), Arc::clone(&expression));
        Ok(expression)
    }

    /// How many values a rendering can keep.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }
}

impl Memo {
    /// For one rendering with expressions that take so many [`Interner::slots`].
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Memo(vec![OnceLock::new(); slots])
    }

    pub(super) fn slot(&self, slot: usize) -> Option<&OnceLock<Arc<Value>>> {
        self.0.get(slot)
    }
}
