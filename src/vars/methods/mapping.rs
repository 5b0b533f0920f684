//! The methods of mappings.

use crate::vars::arguments::Given;
use crate::vars::error::Failure;
use crate::vars::key::Key;
use crate::vars::operators::unhashable;
use crate::vars::python::{Outcome, items_of};
use crate::vars::value::{Entries, Map, Value};

/// Their names.
pub const NAMES: [&str; 11] = ["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];

fn key_of(value: &Value) -> Outcome<Key> {
    Key::from_value(value).ok_or_else(|| unhashable(value))
}

/// Calls one.
pub fn call(map: &Map, name: &str, given: Given) -> Outcome {
    match name {
        "keys" => Ok(Value::list(map.keys())),
        "values" => map.raw().into_values().map(Value::present).collect::<Outcome<_>>().map(Value::list),
        "items" => map
            .raw()
            .into_iter()
            .map(|(key, value)| Ok(Value::tuple(vec![key.to_value(), value.present()?])))
            .collect::<Outcome<_>>()
            .map(Value::list),
        "get" => {
            let mut given = given.bind(name, ["key", "default"])?;
            let key = key_of(&given.need(0)?)?;
            Ok(map.get(&key).or_else(|| given.take(1)).unwrap_or(Value::None))
        }
        "pop" => {
            let mut given = given.bind(name, ["key", "default"])?;
            let key = key_of(&given.need(0)?)?;
            let removed = map.lock().shift_remove(&key);
            removed.or_else(|| given.take(1)).ok_or_else(|| Failure::failed("`pop` finds no such key"))
        }
        "popitem" => match map.lock().pop() {
            Some((key, value)) => Ok(Value::tuple(vec![key.to_value(), value])),
            None => Err(Failure::failed("the mapping is empty")),
        },
        "setdefault" => {
            let mut given = given.bind(name, ["key", "default"])?;
            let key = key_of(&given.need(0)?)?;
            let default = given.take(1).unwrap_or(Value::None);
            let value = map.lock().entry(key).or_insert(default).clone();
            Ok(value)
        }
        "update" => {
            let mut added = Entries::new();
            for value in given.positional {
                added.extend(entries(&value)?);
            }
            added.extend(given.named.into_iter().map(|(name, value)| (Key::Text(name), value)));
            map.lock().extend(added);
            Ok(Value::None)
        }
        "clear" => {
            map.lock().clear();
            Ok(Value::None)
        }
        "copy" => Ok(Value::Map(map.copy())),
        "fromkeys" => {
            let mut given = given.bind(name, ["iterable", "value"])?;
            let keys = items_of(&given.need(0)?)?;
            let value = given.take(1).unwrap_or(Value::None);
            let entries = keys.iter().map(|key| Ok((key_of(key)?, value.clone()))).collect::<Outcome<Entries>>()?;
            Ok(Value::map(entries))
        }
        _ => Err(Failure::failed(format!("a mapping has no method `{name}`"))),
    }
}

/// What `dict(value)` holds: a mapping's entries, or pairs.
pub fn entries(value: &Value) -> Outcome<Entries> {
    if let Value::Map(map) = value {
        return map.raw().into_iter().map(|(key, value)| Ok((key, value.present()?))).collect();
    }
    let mut entries = Entries::new();
    for pair in items_of(value)? {
        let pair = items_of(&pair)?;
        let [key, value] = pair.as_slice() else {
            return Err(Failure::failed("a mapping can be made of pairs only"));
        };
        entries.insert(key_of(key)?, value.clone());
    }
    Ok(entries)
}
