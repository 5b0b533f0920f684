//! Values <-> plain data, where this stage meets others.

use serde_json::{Map as JsonMap, Number, Value as Json};

use super::error::{Failure, Reason};
use super::key::Key;
use super::objects::Object;
use super::python::{Outcome, float_repr};
use super::value::Value;
use super::work;
use crate::inventory::node::{Node, Value as Written};

/// Deeper values are taken for ones that hold themselves.
const DEEPEST: usize = 100;

/// A value from plain data. Nothing in it is ever a template.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int),
        Json::String(text) => Value::text(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(from_json).collect()),
        Json::Object(entries) => Value::map(entries.iter().map(|(key, value)| (Key::text(key), from_json(value))).collect()),
    }
}

/// A finished value as plain data: `omit` drops out, and nothing may be missing.
///
/// # Errors
/// Something is missing, or of a kind that no variable may hold.
pub fn to_json(value: &Value) -> Outcome<Json> {
    match value {
        Value::Omit => Err(Failure::new(Reason::Unstorable, "the variable is `omit`, which only stands for the absence of an option")),
        value => json_within(value, 0),
    }
}

fn json_within(value: &Value, depth: usize) -> Outcome<Json> {
    if depth > DEEPEST {
        return Err(Failure::failed("a value holds itself"));
    }
    work::spend(1)?;
    Ok(match value {
        Value::None | Value::Omit => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => integer(*number)?,
        Value::Float(number) => Number::from_f64(*number).map_or_else(|| Json::String(float_repr(*number)), Json::Number),
        Value::Text(text) => Json::String(text.as_str().to_owned()),
        Value::Bytes(bytes) => Json::String(String::from_utf8_lossy(bytes).into_owned()),
        Value::List(list) => {
            let mut items = Vec::new();
            for item in list.items() {
                if !matches!(item, Value::Omit) {
                    items.push(json_within(&item, depth + 1)?);
                }
            }
            Json::Array(items)
        }
        Value::Map(map) => {
            let mut entries = JsonMap::new();
            for (key, value) in map.entries() {
                if !matches!(value, Value::Omit) {
                    entries.insert(key.json_name(), json_within(&value, depth + 1)?);
                }
            }
            Json::Object(entries)
        }
        Value::Lazy(lazy) => return json_within(&lazy.force(), depth),
        Value::Missing(failure) => return Err(failure.clone()),
        Value::Blank => {
            return Err(
                Failure::new(Reason::Unstorable, "the condition does not hold, and there is no `else`").help("write `... if ... else ...`")
            );
        }
        Value::Range(..) => return Err(Failure::new(Reason::Unstorable, "a variable cannot hold a `range`").help("add `| list`")),
        Value::Object(object) => match object.as_text() {
            Some(text) => Json::String(text),
            None => return Err(unstorable(object)),
        },
    })
}

fn unstorable(object: &Object) -> Failure {
    let failure = Failure::new(Reason::Unstorable, format!("a variable cannot hold {}", object.describe().trim_end_matches(',')));
    match object {
        Object::Method(_, name) => failure.help(format!("call it: `{name}()`")),
        _ => failure,
    }
}

/// JSON has 64 bits here. A number beyond them is neither rounded nor turned into text in silence.
fn integer(number: i128) -> Outcome<Json> {
    Number::from_i128(number).map(Json::Number).ok_or_else(|| {
        Failure::new(Reason::Unstorable, "a variable cannot hold a whole number of more than 64 bits")
            .help("quote it if it is meant as text, such as a password; or add `| string`")
    })
}

/// YAML that an expression has read. Nothing in it is ever a template.
pub fn from_yaml(node: &Node) -> Value {
    match &node.value {
        Written::Null => Value::None,
        Written::Bool(value) => Value::Bool(*value),
        Written::Int(number) => Value::Int(*number),
        Written::Float(number) => Value::Float(*number),
        Written::Text(text) | Written::Unsafe(text) | Written::Vault(text) => Value::text(text.as_str()),
        Written::Secret(text) | Written::Sealed(text) => Value::text(text.reveal().as_str()).marked(true),
        Written::Hidden(scalar) => from_yaml(&Node::new((**scalar.reveal()).clone(), node.span.clone())),
        Written::Reference(reference) => Value::text(reference.written()),
        Written::List(items) => Value::list(items.iter().map(from_yaml).collect()),
        Written::Map(entries) => {
            Value::map(entries.iter().filter_map(|(key, value)| Some((Key::from_value(&from_yaml(key))?, from_yaml(value)))).collect())
        }
    }
}
