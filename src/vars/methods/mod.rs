//! The methods of Python's text, lists and mappings.

pub mod list;
pub mod mapping;
pub mod text;

use super::arguments::Given;
use super::error::Failure;
use super::python::{Outcome, type_name};
use super::value::{Text, Value};

/// Whether a value has a method of this name.
pub fn exists(value: &Value, name: &str) -> bool {
    match value {
        Value::Text(_) => text::NAMES.contains(&name),
        Value::Bytes(_) => name == "decode",
        Value::List(list) if list.tuple => matches!(name, "count" | "index"),
        Value::List(_) => list::NAMES.contains(&name),
        Value::Map(_) => mapping::NAMES.contains(&name),
        Value::Int(_) => matches!(name, "bit_length"),
        Value::Float(_) => matches!(name, "is_integer"),
        Value::Lazy(lazy) => exists(&lazy.force(), name),
        Value::Object(object) => object.has_method(name),
        _ => false,
    }
}

/// Calls a method. What comes out of secret text is secret.
///
/// # Errors
/// The method does not take these arguments.
pub fn call(subject: &Value, name: &str, given: Given) -> Outcome {
    match subject {
        Value::Text(subject) => {
            let kept = given.clone();
            let result = text::call(subject.as_str(), name, given)?;
            // Only now is it known what lazy parts of the arguments hold.
            Ok(result.marked(subject.is_secret() || kept.is_secret()))
        }
        Value::Bytes(bytes) => match name {
            "decode" => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Value::Text(Text::plain(text))),
                Err(_) => Err(Failure::failed("the bytes are no UTF-8 text")),
            },
            _ => Err(unknown(subject, name)),
        },
        Value::List(list) => list::call(list, name, given),
        Value::Map(map) => mapping::call(map, name, given),
        Value::Int(number) if name == "bit_length" => Ok(Value::Int(i128::from(128 - number.unsigned_abs().leading_zeros()))),
        Value::Float(number) if name == "is_integer" => Ok(Value::Bool(number.fract() == 0.0)),
        Value::Lazy(lazy) => call(&lazy.force(), name, given),
        Value::Object(object) => object.call_method(name, &given.positional),
        other => Err(unknown(other, name)),
    }
}

fn unknown(subject: &Value, name: &str) -> Failure {
    Failure::failed(format!("a value of type `{}` has no method `{name}`", type_name(subject)))
}
