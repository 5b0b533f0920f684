//! What there is to write of a value in YAML: all evaluated, keys sorted, and which lists and mappings stand in brackets.
//!
//! What comes twice is written twice: `&id001` would need to know which values Ansible copies on the way.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::Failure;
use super::key::Key;
use super::objects::Object;
use super::operators::order;
use super::python::{Outcome, float_repr, type_name};
use super::value::Value;
use super::work;
use super::yaml_text::Layout;

/// Deeper values are refused.
const DEEPEST: usize = 100;

/// A value whose parts are all known.
pub enum Node {
    /// The text, and whether it stands for text rather than for a number, a date, ...
    Scalar(String, bool),
    /// Base64.
    Binary(String),
    /// Whether it stands in brackets, and the items.
    List(bool, Vec<Node>),
    /// Whether it stands in brackets, and the entries.
    Map(bool, Vec<(Node, Node)>),
}

/// What there is to write of a value.
///
/// # Errors
/// Something in it is missing, or has no YAML.
pub fn plan(value: &Value, layout: &Layout) -> Outcome<Node> {
    within(value, layout, 0)
}

fn within(value: &Value, layout: &Layout, depth: usize) -> Outcome<Node> {
    if depth > DEEPEST {
        return Err(Failure::failed("the value is too deep for YAML"));
    }
    work::spend(1 + value.as_str().map_or(0, str::len) / 64)?;
    let other = |text: &str| Ok(Node::Scalar(text.to_owned(), false));
    match value {
        Value::None => other("null"),
        Value::Bool(true) => other("true"),
        Value::Bool(false) => other("false"),
        Value::Int(number) => other(&number.to_string()),
        Value::Float(number) => other(&float_text(*number)),
        Value::Text(text) => Ok(Node::Scalar(text.as_str().to_owned(), true)),
        Value::Bytes(bytes) => Ok(Node::Binary(STANDARD.encode(bytes))),
        Value::List(list) => {
            let items = list.items().iter().map(|item| within(item, layout, depth + 1)).collect::<Outcome<Vec<_>>>()?;
            Ok(Node::List(brackets(layout, items.iter()), items))
        }
        Value::Map(map) => {
            let mut entries = map.entries();
            if layout.sorted {
                entries = in_order(entries);
            }
            let parts = |(key, value): &(Key, Value)| Ok((within(&key.to_value(), layout, depth + 1)?, within(value, layout, depth + 1)?));
            let entries = entries.iter().map(parts).collect::<Outcome<Vec<_>>>()?;
            Ok(Node::Map(brackets(layout, entries.iter().flat_map(|(key, value)| [key, value])), entries))
        }
        Value::Lazy(lazy) => within(&lazy.force(), layout, depth),
        Value::Missing(failure) => Err(failure.clone()),
        Value::Object(object) => match &**object {
            Object::Date(date) => other(&date.to_string()),
            _ => Err(no_yaml(value)),
        },
        Value::Range(..) | Value::Blank | Value::Omit => Err(no_yaml(value)),
    }
}

/// Sorted by their keys, unless those have no order, as text and numbers have none.
fn in_order(mut entries: Vec<(Key, Value)>) -> Vec<(Key, Value)> {
    let mut keys: Vec<_> = entries.iter().map(|(key, _)| key.to_value()).enumerate().collect();
    let mut ordered = true;
    keys.sort_by(|(_, left), (_, right)| {
        order(left, right).unwrap_or_else(|_| {
            ordered = false;
            Ordering::Equal
        })
    });
    if ordered {
        let mut taken: Vec<_> = entries.into_iter().map(Some).collect();
        entries = keys.into_iter().filter_map(|(at, _)| taken.get_mut(at).and_then(Option::take)).collect();
    }
    entries
}

/// Whether what has these parts stands in brackets.
fn brackets<'n>(layout: &Layout, mut parts: impl Iterator<Item = &'n Node>) -> bool {
    let simple = |node: &Node| matches!(node, Node::Scalar(..)) && layout.quote.is_none();
    layout.flow.unwrap_or_else(|| parts.all(simple))
}

fn no_yaml(value: &Value) -> Failure {
    Failure::failed(format!("a value of type `{}` has no YAML", type_name(value)))
}

/// A number with a fraction, which YAML 1.1 needs a dot for.
fn float_text(number: f64) -> String {
    match float_repr(number).as_str() {
        "nan" => ".nan".to_owned(),
        "inf" => ".inf".to_owned(),
        "-inf" => "-.inf".to_owned(),
        text => match text.split_once('e') {
            Some((digits, power)) if !digits.contains('.') => format!("{digits}.0e{power}"),
            _ => text.to_owned(),
        },
    }
}
