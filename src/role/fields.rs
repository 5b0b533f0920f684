//! Reads a mapping key by key and complains about the keys that nobody took.

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::inventory::{Node, Value};

/// The entries of one mapping, taken out by name.
pub struct Fields<'a> {
    node: &'a Node,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of a mapping.
    pub fn of(node: &'a Node) -> Result<Self, Diagnostic> {
        match node.value {
            Value::Map(_) => Ok(Self { node, known: Vec::new() }),
            _ => Err(Diagnostic::error("H0301", format!("expected a mapping, found {}", node.kind())).at(&node.span)),
        }
    }

    /// A field that may be absent.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        self.node.get(name)
    }

    /// A field that must be there.
    pub fn required(&mut self, name: &'static str) -> Result<&'a Node, Diagnostic> {
        self.optional(name).ok_or_else(|| Diagnostic::error("H0302", format!("`{name}` is missing")).at(&self.node.span))
    }

    /// A text field that may be absent and is no expression.
    pub fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, Diagnostic> {
        self.optional(name).map(text).transpose()
    }

    /// A list field, empty where absent.
    pub fn list(&mut self, name: &'static str) -> Result<&'a [Node], Diagnostic> {
        self.optional(name).map_or(Ok(&[]), list)
    }

    /// A list of texts, empty where absent.
    pub fn texts(&mut self, name: &'static str) -> Result<Vec<String>, Diagnostic> {
        self.list(name)?.iter().map(|item| text(item).map(str::to_owned)).collect()
    }

    /// A yes or no that is no expression.
    pub fn flag(&mut self, name: &'static str, default: bool) -> Result<bool, Diagnostic> {
        match self.optional(name) {
            None => Ok(default),
            Some(Node { value: Value::Bool(value), .. }) => Ok(*value),
            Some(node) => Err(Diagnostic::error("H0301", format!("`{name}` is true or false, found {}", node.kind())).at(&node.span)),
        }
    }

    /// Ends the reading: a key that was not asked for is an error.
    pub fn finish(self) -> Result<(), Diagnostic> {
        let Value::Map(entries) = &self.node.value else { return Ok(()) };
        for (key, _) in entries {
            let name = key.as_text().unwrap_or_default();
            if !self.known.contains(&name) {
                let help =
                    did_you_mean(name, self.known.iter().copied()).unwrap_or_else(|| format!("known here: {}", self.known.join(", ")));
                return Err(Diagnostic::error("H0303", format!("unknown key `{name}`")).at(&key.span).help(help));
            }
        }
        Ok(())
    }
}

/// A node's text.
pub fn text(node: &Node) -> Result<&str, Diagnostic> {
    node.as_text().ok_or_else(|| Diagnostic::error("H0301", format!("expected text, found {}", node.kind())).at(&node.span))
}

/// A node's list.
pub fn list(node: &Node) -> Result<&[Node], Diagnostic> {
    match &node.value {
        Value::List(items) => Ok(items),
        Value::Null => Ok(&[]),
        _ => Err(Diagnostic::error("H0301", format!("expected a list, found {}", node.kind())).at(&node.span)),
    }
}
