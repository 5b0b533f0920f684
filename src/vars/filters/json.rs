//! JSON as Python's `json` module writes and reads it.

use super::Filter;
use crate::inventory::yaml;
use crate::vars::arguments::Given;
use crate::vars::convert::{from_json, from_yaml};
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::key::Key;
use crate::vars::python::{Outcome, float_repr, text_of, truth, type_name};
use crate::vars::value::Value;
use crate::vars::work;

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "to_json", run: |_, value, given| to_json(&value, given, Layout::default()) },
    Filter {
        name: "to_nice_json",
        run: |_, value, given| to_json(&value, given, Layout { indent: Some("    ".to_owned()), sorted: true, ..Layout::default() }),
    },
    Filter { name: "tojson", run: to_json_html },
    Filter { name: "from_json", run: from_json_text },
];

/// How JSON is written.
#[derive(Clone)]
struct Layout {
    indent: Option<String>,
    sorted: bool,
    ascii: bool,
    item_separator: String,
    key_separator: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self { indent: None, sorted: false, ascii: true, item_separator: ", ".to_owned(), key_separator: ": ".to_owned() }
    }
}

fn to_json(value: &Value, mut given: Given, mut layout: Layout) -> Outcome {
    if let Some(indent) = given.take_named("indent").or_else(|| (!given.positional.is_empty()).then(|| given.positional.remove(0))) {
        layout.indent = match indent {
            Value::None => None,
            Value::Int(width) => Some(" ".repeat(usize::try_from(width.clamp(0, 1000)).unwrap_or(0))),
            other => Some(text_of(&other)?),
        };
    }
    if layout.indent.is_some() {
        ",".clone_into(&mut layout.item_separator);
    }
    if let Some(sorted) = given.take_named("sort_keys") {
        layout.sorted = truth(&sorted)?;
    }
    if let Some(ascii) = given.take_named("ensure_ascii") {
        layout.ascii = truth(&ascii)?;
    }
    if let Some(Value::List(list)) = given.take_named("separators")
        && let [item, key] = list.items().as_slice()
    {
        layout.item_separator = text_of(item)?;
        layout.key_separator = text_of(key)?;
    }
    for ignored in ["vault_to_text", "preprocess_unsafe", "profile", "allow_nan", "skipkeys", "check_circular", "default", "cls"] {
        given.take_named(ignored);
    }
    if let Some((name, _)) = given.named.first() {
        return Err(Failure::failed(format!("`to_json` has no argument `{name}`")));
    }
    write(value, &layout).map(Value::from)
}

/// Jinja2's own filter, which writes JSON that may stand in HTML.
fn to_json_html(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("tojson", ["indent"])?;
    let mut layout = Layout { sorted: true, ..Layout::default() };
    if let Some(width) = given.some_int(0)? {
        layout.indent = Some(" ".repeat(usize::try_from(width.clamp(0, 1000)).unwrap_or(0)));
        ",".clone_into(&mut layout.item_separator);
    }
    let text = write(&value, &layout)?;
    Ok(Value::from(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027")))
}

fn write(value: &Value, layout: &Layout) -> Outcome<String> {
    let mut out = String::new();
    write_value(&mut out, value, layout, 0)?;
    Ok(out)
}

fn write_value(out: &mut String, value: &Value, layout: &Layout, depth: usize) -> Outcome<()> {
    if depth > 100 {
        return Err(Failure::failed("a value holds itself, so it has no JSON"));
    }
    work::spend(1 + value.as_str().map_or(0, str::len) / 64)?;
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = &layout.indent {
            out.push('\n');
            for _ in 0..depth {
                out.push_str(indent);
            }
        }
    };
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) if number.is_nan() => out.push_str("NaN"),
        Value::Float(number) if number.is_infinite() => out.push_str(if *number > 0.0 { "Infinity" } else { "-Infinity" }),
        Value::Float(number) => out.push_str(&float_repr(*number)),
        Value::Text(text) => write_text(out, text.as_str(), layout.ascii),
        Value::List(list) => {
            let items: Vec<Value> = list.items().into_iter().filter(|item| !matches!(item, Value::Omit)).collect();
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(&layout.item_separator);
                }
                line(out, depth + 1);
                write_value(out, item, layout, depth + 1)?;
            }
            if !items.is_empty() {
                line(out, depth);
            }
            out.push(']');
        }
        Value::Map(map) => {
            let mut entries: Vec<(Key, Value)> = map.entries().into_iter().filter(|(_, value)| !matches!(value, Value::Omit)).collect();
            if layout.sorted {
                entries.sort_by_key(|(a, _)| a.json_name());
            }
            out.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                if at > 0 {
                    out.push_str(&layout.item_separator);
                }
                line(out, depth + 1);
                write_text(out, &key.json_name(), layout.ascii);
                out.push_str(&layout.key_separator);
                write_value(out, value, layout, depth + 1)?;
            }
            if !entries.is_empty() {
                line(out, depth);
            }
            out.push('}');
        }
        Value::Missing(failure) => return Err(failure.clone()),
        Value::Lazy(lazy) => write_value(out, &lazy.force(), layout, depth)?,
        Value::Object(object) if object.as_text().is_some() => write_text(out, &object.as_text().unwrap_or_default(), layout.ascii),
        other => return Err(Failure::failed(format!("a value of type `{}` has no JSON", type_name(other)))),
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    write_escaped(out, text, ascii);
    out.push('"');
}

fn write_escaped(out: &mut String, text: &str, ascii: bool) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            c if (c as u32) < 0x20 || ascii => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
}

/// Text between the quotes of JSON that is pure ASCII.
pub fn escape_ascii(text: &str) -> String {
    let mut out = String::new();
    write_escaped(&mut out, text, true);
    out
}

fn from_json_text(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let Value::Text(text) = &value else {
        return Err(Failure::failed(format!("`from_json` needs text, not a value of type `{}`", type_name(&value))));
    };
    if holds_long_number(text.as_str()) {
        // Such a number would lose its last digits. The reader of YAML, which JSON is, keeps them.
        return match yaml::read(text.as_str(), "") {
            Ok((Some(node), _)) => Ok(from_yaml(&node)),
            _ => Err(Failure::failed("the text is no JSON, or holds a whole number of more than 128 bits")),
        };
    }
    match serde_json::from_str::<serde_json::Value>(text.as_str()) {
        Ok(json) => Ok(from_json(&json)),
        // The position only: the message of the parser may quote the text.
        Err(error) => Err(Failure::failed(format!("the text is no JSON: wrong at its line {}, column {}", error.line(), error.column()))),
    }
}

/// Whether a whole number of more than 18 digits stands outside of quotes.
fn holds_long_number(text: &str) -> bool {
    let (mut quoted, mut escaped, mut digits, mut fraction) = (false, false, 0, false);
    for byte in text.bytes().chain([b' ']) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'0'..=b'9' => digits += 1,
            b'.' | b'e' | b'E' => fraction = true,
            _ if digits > 18 && !fraction => return true,
            _ => (digits, fraction) = (0, false),
        }
    }
    false
}
