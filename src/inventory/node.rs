//! A YAML value that remembers where each of its parts stands.

use std::sync::{Arc, OnceLock};

use crate::diagnostic::Span;
use crate::secret::Secret;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// What a user wrote. Scalars have their YAML 1.1 meaning, as Ansible reads them (`yes` is true).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing.
    Null,
    /// `true`, `yes`, `on`, and their opposites.
    Bool(bool),
    /// A whole number. Python has no bound; what these bits do not hold is refused when it is read.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text, which may hold Jinja2 expressions.
    Text(String),
    /// `!unsafe` text: never templated.
    Unsafe(String),
    /// `!vault` text, still encrypted.
    Vault(String),
    /// Text of a file that is a vault as a whole: never shown.
    Secret(Secret<String>),
    /// What a `!vault` text holds: never shown, and never templated.
    Sealed(Secret<String>),
    /// A number or boolean of a file that is a vault as a whole: never shown.
    Hidden(Secret<Box<Self>>),
    /// `!secret`: where a text is to be had. The text is never shown, and never templated.
    Reference(Reference),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Node, Node)>),
}

/// Where a secret is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What to ask.
    pub source: SecretSource,
    /// What it answered: it is asked once, however often the value is worked out.
    pub answer: Arc<OnceLock<Secret<String>>>,
}

/// What knows a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file. A relative path begins at the inventory's folder.
    File(String),
    /// A variable of homestead's environment.
    Environment(String),
    /// What a command prints.
    Command(String),
}

impl Reference {
    /// As a user writes it.
    pub fn written(&self) -> String {
        let (name, text) = match &self.source {
            SecretSource::File(text) => ("file", text),
            SecretSource::Environment(text) => ("env", text),
            SecretSource::Command(text) => ("command", text),
        };
        format!("!secret {{{name}: {}}}", serde_json::Value::from(text.as_str()))
    }
}

impl Node {
    /// A value at a place.
    pub const fn new(value: Value, span: Span) -> Self {
        Self { value, span }
    }

    /// The text of a plain string.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Unsafe(text) => Some(text),
            _ => None,
        }
    }

    /// A mapping's value for a text key; the last one where it stands twice.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().rev().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Whether it, or a part of it, comes from a file that is a vault as a whole: then all of it is secret.
    pub fn is_from_vault_file(&self) -> bool {
        match &self.value {
            Value::Secret(_) | Value::Hidden(_) => true,
            Value::List(items) => items.iter().any(Self::is_from_vault_file),
            Value::Map(entries) => entries.iter().any(|(_, value)| value.is_from_vault_file()),
            _ => false,
        }
    }

    /// What kind of thing it is, in a user's words.
    pub const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) | Value::Unsafe(_) | Value::Secret(_) | Value::Sealed(_) | Value::Reference(_) => "text",
            Value::Hidden(_) => "a number or boolean",
            Value::Vault(_) => "vault text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}
