//! Tests: what stands behind `is`, and in `select('name')`.

use std::collections::HashSet;

use super::arguments::Given;
use super::engine::Environment;
use super::error::{Failure, Reason};
use super::filters::bare_name;
use super::filters::number::to_bool;
use super::filters::path::UrlParts;
use super::filters::regex::{compile, matches_start, search};
use super::key::Key;
use super::lookups::files;
use super::objects::Object;
use super::operators::{contains, equal, order, unhashable};
use super::python::{Outcome, items_of, iterate, text_of, truth};
use super::syntax::ast::Operator;
use super::value::Value;
use super::version;
use crate::diagnostic::did_you_mean;

pub const NAMES: [&str; 89] = [
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "abs",
    "all",
    "any",
    "boolean",
    "callable",
    "contains",
    "defined",
    "directory",
    "divisibleby",
    "eq",
    "equalto",
    "escaped",
    "even",
    "exists",
    "false",
    "falsy",
    "file",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "is_abs",
    "is_dir",
    "is_file",
    "is_link",
    "isnan",
    "issubset",
    "issuperset",
    "iterable",
    "le",
    "lessthan",
    "link",
    "link_exists",
    "lower",
    "lt",
    "mapping",
    "match",
    "nan",
    "ne",
    "none",
    "number",
    "odd",
    "regex",
    "sameas",
    "search",
    "sequence",
    "string",
    "subset",
    "superset",
    "test",
    "true",
    "truthy",
    "undefined",
    "upper",
    "uri",
    "url",
    "urn",
    "vault_encrypted",
    "vaulted_file",
    "version",
    "version_compare",
    "changed",
    "failed",
    "skipped",
    "succeeded",
    "success",
    "reachable",
    "unreachable",
    "finished",
    "ipv4_address",
    "change",
    "failure",
    "is_mount",
    "is_same_file",
    "mount",
    "same_file",
    "skip",
    "started",
    "successful",
    "timedout",
];

/// Applies a test. A failure inside, a missing value too, is a missing value outside.
///
/// # Errors
/// There is no such test.
pub fn call(environment: &Environment<'_>, name: &str, value: Value, given: Given) -> Outcome {
    let bare = bare_name(name);
    if !NAMES.contains(&bare) {
        let failure = Failure::new(Reason::Unknown, format!("there is no test `{name}`"));
        return Err(match did_you_mean(bare, NAMES) {
            Some(help) => failure.help(help),
            None => failure,
        });
    }
    match (bare, &value) {
        ("defined" | "undefined", Value::Missing(failure)) if failure.is_undefined() => return Ok(Value::Bool(bare == "undefined")),
        (_, Value::Missing(_)) => return Ok(value),
        _ => {}
    }
    if let Some(missing) = given.first_missing() {
        return Ok(missing.clone());
    }
    match holds(environment, bare, &value, given) {
        Ok(holds) => Ok(Value::Bool(holds)),
        Err(failure) if failure.reason() == Reason::Unknown => Err(failure),
        Err(failure) => Ok(Value::Missing(failure)),
    }
}

fn holds(environment: &Environment<'_>, name: &str, value: &Value, given: Given) -> Outcome<bool> {
    Ok(match name {
        "defined" => !matches!(value, Value::Blank),
        "undefined" => matches!(value, Value::Blank),
        "none" => matches!(value, Value::None),
        "string" => matches!(value, Value::Text(_)),
        "number" => matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "mapping" => matches!(value, Value::Map(_)) || matches!(value, Value::Object(object) if matches!(**object, Object::Variables)),
        "sequence" => matches!(value, Value::Text(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_) | Value::Range(..)),
        "iterable" => iterate(value).is_ok(),
        "callable" => {
            matches!(value, Value::Object(object) if matches!(**object, Object::Function(_) | Object::Method(..) | Object::Macro(_) | Object::Joiner(..)))
        }
        "lower" => {
            let text = text_of(value)?;
            text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)
        }
        "upper" => {
            let text = text_of(value)?;
            text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
        }
        "even" => remainder(value, &Value::Int(2))? == 0,
        "odd" => remainder(value, &Value::Int(2))? == 1,
        "divisibleby" => remainder(value, &given.bind(name, ["num"])?.need(0)?)? == 0,
        "eq" | "equalto" | "==" => equal(value, &given.bind(name, ["other"])?.need(0)?)?,
        "ne" | "!=" => !equal(value, &given.bind(name, ["other"])?.need(0)?)?,
        "lt" | "lessthan" | "<" => order(value, &given.bind(name, ["other"])?.need(0)?)?.is_lt(),
        "le" | "<=" => order(value, &given.bind(name, ["other"])?.need(0)?)?.is_le(),
        "gt" | "greaterthan" | ">" => order(value, &given.bind(name, ["other"])?.need(0)?)?.is_gt(),
        "ge" | ">=" => order(value, &given.bind(name, ["other"])?.need(0)?)?.is_ge(),
        "in" => contains(&given.bind(name, ["seq"])?.need(0)?, value)?,
        "contains" => contains(value, &given.bind(name, ["value"])?.need(0)?)?,
        "sameas" => same(value, &given.bind(name, ["other"])?.need(0)?),
        "any" => any(value, true)?,
        "all" => !any(value, false)?,
        "subset" | "issubset" => subset(value, &given.bind(name, ["b"])?.need(0)?)?,
        "superset" | "issuperset" => subset(&given.bind(name, ["b"])?.need(0)?, value)?,
        "nan" | "isnan" => matches!(value, Value::Float(number) if number.is_nan()),
        "truthy" => truthy(value, given)?,
        "falsy" => !truthy(value, given)?,
        "match" | "search" | "regex" => regex(name, value, given)?,
        "version" | "version_compare" => version::compare(value, given)?,
        "uri" | "url" | "urn" => address(name, value, given)?,
        "filter" => super::filters::names().any(|known| Some(known) == value.as_str().map(bare_name)),
        "test" => value.as_str().is_some_and(|name| NAMES.contains(&bare_name(name))),
        "abs" | "is_abs" => super::filters::need_text(value, name)?.starts_with('/'),
        "exists" | "link_exists" | "file" | "is_file" | "directory" | "is_dir" | "link" | "is_link" => {
            let path = files::place(environment, &text_of(value)?);
            match name {
                "exists" => path.exists(),
                "link_exists" => path.symlink_metadata().is_ok(),
                "file" | "is_file" => path.is_file(),
                "directory" | "is_dir" => path.is_dir(),
                _ => path.is_symlink(),
            }
        }
        "mount" | "is_mount" => is_mount(&files::place(environment, &text_of(value)?)),
        "same_file" | "is_same_file" => {
            let other = text_of(&given.bind(name, ["other"])?.need(0)?)?;
            let place =
                |path: &str| files::place(environment, path).canonicalize_utf8().map_err(|error| Failure::failed(error.kind().to_string()));
            place(&text_of(value)?)? == place(&other)?
        }
        "vault_encrypted" => value.as_str().is_some_and(crate::inventory::vault::is_vault),
        "vaulted_file" => files::read(environment, &text_of(value)?).is_ok_and(|text| crate::inventory::vault::is_vault(&text)),
        "ipv4_address" => text_of(value)?.parse::<std::net::Ipv4Addr>().is_ok(),
        "failed" | "failure" => result(value, "failed")?,
        "changed" | "change" => result(value, "changed")?,
        "skipped" | "skip" => result(value, "skipped")?,
        "unreachable" => result(value, name)?,
        // What was not started in the background has come to its end.
        "finished" | "started" => match value {
            Value::Map(map) if map.get_text(name).is_none() => true,
            value => result(value, name)?,
        },
        "timedout" => match value {
            Value::Map(map) => match map.get_text("timedout") {
                Some(Value::Map(details)) => details.get_text("period").map_or(Ok(false), |period| truth(&period))?,
                _ => false,
            },
            _ => result(value, name)?,
        },
        "succeeded" | "success" | "successful" => !result(value, "failed")?,
        "reachable" => !result(value, "unreachable")?,
        _ => false,
    })
}

/// Whether a folder lies on another file system than the one that holds it.
fn is_mount(path: &camino::Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(own) = path.symlink_metadata() else { return false };
    let Ok(parent) = path.join("..").metadata() else { return false };
    own.is_dir() && (own.dev() != parent.dev() || own.ino() == parent.ino())
}

fn remainder(value: &Value, by: &Value) -> Outcome<i128> {
    match super::operators::arithmetic(Operator::Remainder, value.clone(), by.clone())? {
        Value::Int(rest) => Ok(rest),
        #[expect(clippy::cast_possible_truncation, reason = "only 0 and 1 count")]
        Value::Float(rest) if rest.fract() == 0.0 => Ok(rest as i128),
        _ => Ok(-1),
    }
}

/// What Python finds identical, as far as that can be seen.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a.as_str() == b.as_str(),
        (Value::List(a), Value::List(b)) => a.same(b),
        (Value::Map(a), Value::Map(b)) => a.same(b),
        _ => false,
    }
}

fn any(value: &Value, wanted: bool) -> Outcome<bool> {
    for item in iterate(value)? {
        if truth(&item)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn subset(small: &Value, large: &Value) -> Outcome<bool> {
    let keys = |value: &Value| -> Outcome<HashSet<Key>> {
        items_of(value)?.iter().map(|item| Key::from_value(item).ok_or_else(|| unhashable(item))).collect()
    };
    Ok(keys(small)?.is_subset(&keys(large)?))
}

fn truthy(value: &Value, given: Given) -> Outcome<bool> {
    if given.bind("truthy", ["convert_bool"])?.truth(0, false)? {
        // Ansible's `boolean()` knows more words than the filter `bool`.
        if let Value::Text(text) = value {
            match text.as_str().to_lowercase().trim() {
                "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => return Ok(true),
                "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => return Ok(false),
                _ => {}
            }
        } else if let Value::Int(_) | Value::Bool(_) = value {
            return Ok(to_bool(value));
        }
    }
    truth(value)
}

fn regex(name: &str, value: &Value, given: Given) -> Outcome<bool> {
    let mut given = given.bind(name, ["pattern", "ignorecase", "multiline", "match_type"])?;
    let pattern = given.text(0, "")?;
    let regex = compile(&pattern, given.truth(1, false)?, given.truth(2, false)?)?;
    let text = text_of(value)?;
    let kind = if name == "match" { "match".to_owned() } else { given.text(3, "search")? };
    match kind.as_str() {
        "match" => matches_start(&regex, &text),
        "fullmatch" => {
            Ok(search(&regex, &text)?.and_then(|found| found.get(0)).is_some_and(|found| found.start() == 0 && found.end() == text.len()))
        }
        _ => Ok(search(&regex, &text)?.is_some()),
    }
}

fn address(name: &str, value: &Value, given: Given) -> Outcome<bool> {
    let Some(text) = value.as_str() else {
        return Ok(false);
    };
    let parts = UrlParts::of(text);
    let schemes = match given.bind(name, ["schemes"])?.some(0) {
        Some(schemes) => Some(items_of(&schemes)?),
        None => None,
    };
    let fits = schemes.is_none_or(|schemes| schemes.is_empty() || schemes.iter().any(|scheme| scheme.as_str() == Some(parts.scheme)));
    Ok(match name {
        "url" => fits && (!parts.authority.is_empty() || parts.scheme == "file"),
        "urn" => parts.scheme == "urn",
        _ => fits,
    })
}

fn result(value: &Value, field: &str) -> Outcome<bool> {
    let Value::Map(map) = value else {
        return Err(Failure::failed(format!("`{field}` needs the result of a task")));
    };
    map.get_text(field).map_or(Ok(false), |value| truth(&value))
}
