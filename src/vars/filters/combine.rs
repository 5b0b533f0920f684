//! `combine`: mappings laid over each other, as Ansible's `merge_hash` does.

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::operators::contains;
use crate::vars::python::{Outcome, items_of, truth, type_name};
use crate::vars::value::{Map, Value};

/// These filters.
pub const FILTERS: &[Filter] = &[Filter { name: "combine", run: combine }];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendReplacing,
    PrependReplacing,
}

fn combine(_: &Environment<'_>, value: Value, mut given: Given) -> Outcome {
    let recursive = given.take_named("recursive").map_or(Ok(false), |value| truth(&value))?;
    let lists = match given.take_named("list_merge").as_ref().map(Value::as_str) {
        None | Some(Some("replace")) => Lists::Replace,
        Some(Some("keep")) => Lists::Keep,
        Some(Some("append")) => Lists::Append,
        Some(Some("prepend")) => Lists::Prepend,
        Some(Some("append_rp")) => Lists::AppendReplacing,
        Some(Some("prepend_rp")) => Lists::PrependReplacing,
        _ => {
            return Err(Failure::failed(
                "`combine` needs `replace`, `keep`, `append`, `prepend`, `append_rp` or `prepend_rp` as `list_merge`",
            ));
        }
    };
    if let Some((name, _)) = given.named.first() {
        return Err(Failure::failed(format!("`combine` has no argument `{name}`")).help("it takes `recursive` and `list_merge`"));
    }
    let mut mappings = Vec::new();
    for term in std::iter::once(&value).chain(&given.positional) {
        match term {
            Value::List(_) => mappings.extend(items_of(term)?),
            Value::None => {}
            other => mappings.push(other.clone()),
        }
    }
    let mut strongest_first = mappings.into_iter().rev();
    let Some(mut result) = strongest_first.next() else {
        return Ok(Value::map_of([]));
    };
    for weaker in strongest_first {
        result = merge(&weaker, &result, recursive, lists, 0)?;
    }
    Ok(result)
}

fn mapping(value: &Value) -> Outcome<&Map> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(Failure::failed(format!("`combine` needs mappings, not a value of type `{}`", type_name(other)))),
    }
}

/// The entries of `strong` over those of `weak`.
fn merge(weak: &Value, strong: &Value, recursive: bool, lists: Lists, depth: usize) -> Outcome {
    if depth > 100 {
        return Err(Failure::failed("a mapping holds itself"));
    }
    let (weak, strong) = (mapping(weak)?, mapping(strong)?);
    for value in weak.raw().into_values() {
        value.present()?;
    }
    if weak.len() == 0 || weak.same(strong) {
        return Ok(Value::Map(strong.copy()));
    }
    let mut result = weak.raw();
    for (key, value) in strong.entries() {
        let value = value.present()?;
        let merged = match result.get(&key).cloned().map(Value::resolve) {
            Some(old @ Value::Map(_)) if recursive && matches!(value, Value::Map(_)) => merge(&old, &value, recursive, lists, depth + 1)?,
            Some(Value::List(old)) if !old.tuple && lists != Lists::Replace && matches!(&value, Value::List(list) if !list.tuple) => {
                Value::list(joined(old.items(), items_of(&value)?, lists)?)
            }
            _ => value,
        };
        result.insert(key, merged);
    }
    Ok(Value::map(result))
}

fn joined(weak: Vec<Value>, strong: Vec<Value>, lists: Lists) -> Outcome<Vec<Value>> {
    let without = |items: Vec<Value>, others: &[Value]| -> Outcome<Vec<Value>> {
        let others = Value::list(others.to_vec());
        let mut left = Vec::new();
        for item in items {
            if !contains(&others, &item)? {
                left.push(item);
            }
        }
        Ok(left)
    };
    Ok(match lists {
        Lists::Replace => strong,
        Lists::Keep => weak,
        Lists::Append => weak.into_iter().chain(strong).collect(),
        Lists::Prepend => strong.into_iter().chain(weak).collect(),
        Lists::AppendReplacing => without(weak, &strong)?.into_iter().chain(strong).collect(),
        Lists::PrependReplacing => {
            let rest = without(weak, &strong)?;
            strong.into_iter().chain(rest).collect()
        }
    })
}
