//! The keys of mappings, equal where Python finds them equal: `1`, `1.0` and `True` are one key.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::value::{List, Text, Value};

/// A key.
#[derive(Clone)]
pub enum Key {
    /// Text.
    Text(Arc<str>),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// `None`.
    None,
    /// A tuple of keys.
    Tuple(Vec<Self>),
}

impl Key {
    /// A text key.
    pub fn text(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }

    /// The key that a value is; `None` for what Python cannot hash.
    pub fn from_value(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Text(text) => Self::text(text.as_str()),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Bool(value) => Self::Bool(*value),
            Value::None => Self::None,
            Value::List(List { tuple: true, .. }) => {
                let Value::List(list) = value else { return None };
                Self::Tuple(list.items().iter().map(Self::from_value).collect::<Option<_>>()?)
            }
            Value::Lazy(lazy) => Self::from_value(&lazy.force())?,
            _ => return None,
        })
    }

    /// The value that it is.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => Value::Text(Text::plain(Arc::clone(text))),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Bool(value) => Value::Bool(*value),
            Self::None => Value::None,
            Self::Tuple(items) => Value::tuple(items.iter().map(Self::to_value).collect()),
        }
    }

    /// The key as JSON writes it.
    pub fn json_name(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Bool(true) => "true".to_owned(),
            Self::Bool(false) => "false".to_owned(),
            Self::None => "null".to_owned(),
            Self::Int(_) | Self::Float(_) | Self::Tuple(_) => super::python::repr(&self.to_value()).unwrap_or_default(),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "keys beyond 2^53 that differ only there are no concern of an inventory")]
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            _ => None,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::None, Self::None) => true,
            (Self::Tuple(a), Self::Tuple(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            _ => matches!((self.number(), other.number()), (Some(a), Some(b)) if a.to_bits() == b.to_bits() || a == b),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Text(text) => text.hash(state),
            Self::None => 0u8.hash(state),
            Self::Tuple(items) => items.hash(state),
            Self::Int(_) | Self::Float(_) | Self::Bool(_) => {
                // Zero has two signs that are equal.
                let number = self.number().unwrap_or_default();
                (if number == 0.0 { 0 } else { number.to_bits() }).hash(state);
            }
        }
    }
}
