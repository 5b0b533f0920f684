//! The secrets that an expression has asked for.
//!
//! Text carries its own mark; a number cannot, so what came of it is found by looking.

use super::python::float_repr;
use super::value::Value;

/// Deeper numbers are not looked for.
const DEEPEST: usize = 8;

/// What one expression asked for.
#[derive(Default)]
pub struct Touched {
    /// Whether any of it is secret.
    pub secret: bool,
    /// The secret numbers, as they are written.
    pub numbers: Vec<String>,
}

impl Touched {
    /// Adds the numbers of a value. Lazy parts add theirs when they are asked for.
    pub fn add_numbers(&mut self, value: &Value, depth: usize) {
        match value {
            Value::List(list) if depth < DEEPEST => list.raw().iter().for_each(|item| self.add_numbers(item, depth + 1)),
            Value::Map(map) if depth < DEEPEST => map.raw().values().for_each(|value| self.add_numbers(value, depth + 1)),
            value => self.numbers.extend(number_text(value)),
        }
    }

    /// The value with every text marked that holds one of the numbers.
    pub fn mark(&self, value: Value) -> Value {
        match &value {
            Value::Text(text) if self.numbers.iter().any(|number| text.as_str().contains(number.as_str())) => value.marked(true),
            _ => value,
        }
    }
}

/// A number as it is written.
pub fn number_text(value: &Value) -> Option<String> {
    match value {
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(float_repr(*number)),
        _ => None,
    }
}
