//! Names inside a template.

use std::collections::HashMap;
use std::sync::Arc;

use super::value::Value;

/// The names that one block sets.
pub type Names = HashMap<Arc<str>, Value>;

/// Names that stand beside the variables for one evaluation, such as `item`.
pub type Locals = Vec<(Arc<str>, Value)>;

/// The blocks around a place, the innermost last.
#[derive(Default)]
pub struct Scopes {
    blocks: Vec<Names>,
}

impl Scopes {
    /// The outermost block.
    pub fn new(names: Names) -> Self {
        Self { blocks: vec![names] }
    }

    /// Enters a block.
    pub fn push(&mut self) {
        self.blocks.push(Names::new());
    }

    /// Leaves a block.
    pub fn pop(&mut self) {
        self.blocks.pop();
    }

    /// Sets a name in the innermost block.
    pub fn set(&mut self, name: &Arc<str>, value: Value) {
        if let Some(block) = self.blocks.last_mut() {
            block.insert(Arc::clone(name), value);
        }
    }

    /// Sets a name in the outermost block.
    pub fn set_outermost(&mut self, name: &Arc<str>, value: Value) {
        if let Some(block) = self.blocks.first_mut() {
            block.insert(Arc::clone(name), value);
        }
    }

    /// Finds a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.blocks.iter().rev().find_map(|block| block.get(name))
    }

    /// The names of the outermost block: what a macro sees.
    pub fn outermost(&self) -> Names {
        self.blocks.first().cloned().unwrap_or_default()
    }

    /// All names as one block sees them.
    pub fn flattened(&self) -> Names {
        let mut names = Names::new();
        for block in &self.blocks {
            names.extend(block.iter().map(|(name, value)| (Arc::clone(name), value.clone())));
        }
        names
    }
}
