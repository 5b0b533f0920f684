//! YAML filters.

use super::Filter;
use crate::inventory::yaml::{read, read_documents};
use crate::vars::arguments::Given;
use crate::vars::convert::from_yaml;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::{Outcome, truth};
use crate::vars::value::Value;
use crate::vars::yaml_text::{Layout, write};

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "to_yaml", run: |_, value, given| to_yaml(&value, given, Layout::default()) },
    Filter {
        name: "to_nice_yaml",
        run: |_, value, given| to_yaml(&value, given, Layout { indent: 4, flow: Some(false), ..Layout::default() }),
    },
    Filter { name: "from_yaml", run: from_yaml_text },
    Filter { name: "from_yaml_all", run: from_yaml_all },
];

fn to_yaml(value: &Value, mut given: Given, mut layout: Layout) -> Outcome {
    let number = |value: Value| match value {
        Value::Int(number) => Ok(usize::try_from(number).unwrap_or(usize::MAX)),
        Value::Float(number) if number.is_infinite() => Ok(usize::MAX),
        // Zero stands for what YAML does anyway.
        Value::None => Ok(0),
        _ => Err(Failure::failed("`to_yaml` needs a whole number there")),
    };
    if !given.positional.is_empty() {
        layout.indent = number(given.positional.remove(0))?;
    }
    for (name, value) in given.named {
        match &*name {
            "indent" => layout.indent = number(value)?,
            "width" => layout.width = number(value)?,
            "default_flow_style" => {
                layout.flow = match value {
                    Value::None => None,
                    value => Some(truth(&value)?),
                }
            }
            "sort_keys" => layout.sorted = truth(&value)?,
            "explicit_start" => layout.explicit_start = truth(&value)?,
            "explicit_end" => layout.explicit_end = truth(&value)?,
            "default_style" => {
                layout.quote = match value.as_str() {
                    Some("\"") => Some('"'),
                    Some("'") => Some('\''),
                    _ if matches!(value, Value::None) => None,
                    _ => return Err(Failure::failed("`to_yaml` knows `'` and `\"` as `default_style`")),
                }
            }
            "vault_behavior" | "dump_vault_tags" | "canonical" | "line_break" | "encoding" | "tags" | "version" => {}
            _ => return Err(Failure::failed(format!("`to_yaml` has no argument `{name}`"))),
        }
    }
    write(value, &layout).map(Value::from)
}

/// The position only: the message of the reader may quote the text.
fn wrong(error: &crate::diagnostic::Diagnostic) -> Failure {
    let place = error.span.as_ref().map_or_else(String::new, |span| format!(": wrong at its line {}, column {}", span.line, span.column));
    Failure::failed(format!("the text is no YAML{place}"))
}

fn from_yaml_text(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    match &value {
        Value::Text(text) => {
            let (node, _) = read(text.as_str(), "").map_err(|error| wrong(&error))?;
            Ok(node.as_ref().map_or(Value::None, from_yaml))
        }
        _ => Ok(value),
    }
}

fn from_yaml_all(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    match &value {
        Value::None => Ok(Value::list(Vec::new())),
        Value::Text(text) => {
            let (nodes, _) = read_documents(text.as_str(), "").map_err(|error| wrong(&error))?;
            Ok(Value::list(nodes.iter().map(from_yaml).collect()))
        }
        _ => Ok(value),
    }
}
