//! `map`, `select` and their kin, which apply other filters and tests.

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::{Outcome, iterate, truth};
use crate::vars::tests;
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "map", run: map },
    Filter { name: "select", run: |environment, value, given| choose(environment, &value, given, true, false) },
    Filter { name: "reject", run: |environment, value, given| choose(environment, &value, given, false, false) },
    Filter { name: "selectattr", run: |environment, value, given| choose(environment, &value, given, true, true) },
    Filter { name: "rejectattr", run: |environment, value, given| choose(environment, &value, given, false, true) },
    Filter { name: "extract", run: extract },
    Filter { name: "attr", run: attr },
];

/// The value of a dotted attribute, as `attribute='a.b'` names it.
pub fn attribute(environment: &Environment<'_>, item: &Value, path: &Value, default: Option<&Value>) -> Outcome {
    let mut value = item.clone();
    let steps: Vec<Value> = match path {
        Value::Text(text) => {
            let step = |part: &str| {
                if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
                    part.parse().map_or_else(|_| Value::from(part), Value::Int)
                } else {
                    Value::from(part)
                }
            };
            text.as_str().split('.').map(step).collect()
        }
        Value::Int(_) => vec![path.clone()],
        other => {
            return Err(Failure::failed(format!(
                "an attribute is named by text, not by a value of type `{}`",
                crate::vars::python::type_name(other)
            )));
        }
    };
    for step in &steps {
        value = environment.item(&value, step);
        if let (Value::Missing(failure), Some(default)) = (&value, default)
            && failure.is_undefined()
        {
            value = default.clone();
        }
    }
    Ok(value)
}

/// The items to look at. Jinja2 takes everything false for an empty list.
fn candidates(value: &Value) -> Outcome<Vec<Value>> {
    if truth(value)? { iterate(value) } else { Ok(Vec::new()) }
}

fn map(environment: &Environment<'_>, value: Value, mut given: Given) -> Outcome {
    let items = candidates(&value)?;
    let mut out = Vec::with_capacity(items.len());
    if given.positional.is_empty()
        && let Some(path) = given.take_named("attribute")
    {
        let default = given.take_named("default").filter(|value| !matches!(value, Value::None));
        if let Some((name, _)) = given.named.first() {
            return Err(Failure::failed(format!("`map` has no argument `{name}` beside `attribute`")));
        }
        for item in items {
            out.push(attribute(environment, &item, &path, default.as_ref())?);
        }
        return Ok(Value::list(out));
    }
    if given.positional.is_empty() {
        return Err(Failure::failed("`map` needs the name of a filter, or `attribute`"));
    }
    let name = given.positional.remove(0).present()?;
    let Some(name) = name.as_str() else {
        return Err(Failure::failed("`map` needs the name of a filter as text"));
    };
    for item in items {
        out.push(super::call(environment, name, item, given.clone())?);
    }
    Ok(Value::list(out))
}

fn choose(environment: &Environment<'_>, value: &Value, mut given: Given, wanted: bool, by_attribute: bool) -> Outcome {
    let items = candidates(value)?;
    let path = match (by_attribute, given.positional.is_empty()) {
        (false, _) => None,
        (true, false) => Some(given.positional.remove(0).present()?),
        (true, true) => return Err(Failure::failed("the name of an attribute is missing")),
    };
    let name = if given.positional.is_empty() { None } else { Some(given.positional.remove(0).present()?) };
    let mut out = Vec::new();
    for item in items {
        let subject = match &path {
            Some(path) => attribute(environment, &item, path, None)?,
            None => item.clone(),
        };
        let holds = match &name {
            Some(name) => {
                let name = name.as_str().ok_or_else(|| Failure::failed("a test is named by text"))?;
                truth(&tests::call(environment, name, subject, given.clone())?)?
            }
            None => truth(&subject)?,
        };
        if holds == wanted {
            out.push(item);
        }
    }
    Ok(Value::list(out))
}

/// Jinja2's `attr` looks at attributes only, which plain values do not have.
fn attr(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let name = given.bind("attr", ["name"])?.need_text(0)?;
    Ok(crate::vars::engine::plain_attribute(&value, &name)
        .unwrap_or_else(|| Value::Missing(Failure::undefined(format!("the value has no attribute `{name}`")))))
}

fn extract(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("extract", ["container", "morekeys"])?;
    let container = given.need(0)?;
    let mut keys = vec![value];
    match given.some(1) {
        None => {}
        Some(Value::List(more)) if !more.tuple => keys.extend(more.items()),
        Some(one) => keys.push(one),
    }
    let mut value = container;
    for key in &keys {
        value = environment.item(&value, key);
    }
    Ok(value)
}
