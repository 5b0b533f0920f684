//! Filters between mappings and lists.

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::key::Key;
use crate::vars::operators::unhashable;
use crate::vars::python::{Outcome, items_of, type_name};
use crate::vars::value::{Entries, Map, Value};

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "dict2items", run: dict2items },
    Filter { name: "items2dict", run: items2dict },
    Filter { name: "items", run: items },
    Filter { name: "rekey_on_member", run: rekey_on_member },
    Filter { name: "dict", run: dict },
    Filter { name: "keep_keys", run: |_, value, given| keys(&value, given, true) },
    Filter { name: "remove_keys", run: |_, value, given| keys(&value, given, false) },
];

fn mapping(value: &Value, filter: &str) -> Outcome<Map> {
    match value {
        Value::Map(map) => Ok(map.clone()),
        other => Err(Failure::failed(format!("`{filter}` needs a mapping, not a value of type `{}`", type_name(other)))),
    }
}

fn dict2items(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("dict2items", ["key_name", "value_name"])?;
    let (key_name, value_name) = (given.text(0, "key")?, given.text(1, "value")?);
    let mut out = Vec::new();
    for (key, value) in mapping(&value, "dict2items")?.entries() {
        out.push(Value::map_of([(&key_name, key.to_value()), (&value_name, value.present()?)]));
    }
    Ok(Value::list(out))
}

fn items2dict(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("items2dict", ["key_name", "value_name"])?;
    let (key_name, value_name) = (given.text(0, "key")?, given.text(1, "value")?);
    let Value::List(list) = &value else {
        return Err(Failure::failed(format!("`items2dict` needs a list, not a value of type `{}`", type_name(&value))));
    };
    let mut entries = Entries::new();
    for item in list.items() {
        let item = mapping(&item.present()?, "items2dict")?;
        let (Some(key), Some(value)) = (item.get_text(&key_name), item.get_text(&value_name)) else {
            return Err(Failure::failed(format!("`items2dict` needs `{key_name}` and `{value_name}` in each item")));
        };
        let key = key.present()?;
        entries.insert(Key::from_value(&key).ok_or_else(|| unhashable(&key))?, value.present()?);
    }
    Ok(Value::map(entries))
}

fn items(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let entries = mapping(&value, "items")?.entries();
    Ok(Value::list(entries.into_iter().map(|(key, value)| Value::tuple(vec![key.to_value(), value])).collect()))
}

fn rekey_on_member(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("rekey_on_member", ["key", "duplicates"])?;
    let key = given.need_text(0)?;
    let overwrite = match given.text(1, "error")?.as_str() {
        "error" => false,
        "overwrite" => true,
        _ => return Err(Failure::failed("`rekey_on_member` needs `error` or `overwrite` as `duplicates`")),
    };
    let items = match &value {
        Value::Map(map) => map.entries().into_iter().map(|(_, value)| value).collect(),
        other => items_of(other)?,
    };
    let mut entries = Entries::new();
    for item in items {
        let member = mapping(&item, "rekey_on_member")?
            .get_text(&key)
            .ok_or_else(|| Failure::failed(format!("an item has no `{key}`")))?
            .present()?;
        let member = Key::from_value(&member).ok_or_else(|| unhashable(&member))?;
        if entries.insert(member, item).is_some() && !overwrite {
            return Err(Failure::failed(format!("two items have the same `{key}`")));
        }
    }
    Ok(Value::map(entries))
}

fn dict(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    crate::vars::methods::mapping::entries(&value).map(Value::map)
}

fn keys(value: &Value, given: Given, keep: bool) -> Outcome {
    let mut given = given.bind("keep_keys and remove_keys", ["target", "matching_parameter"])?;
    let target = given.need(0)?;
    if given.text(1, "equality")? != "equality" {
        return Err(Failure::failed("only `equality` is supported as `matching_parameter`"));
    }
    let names = if let Value::Text(_) = target { vec![target] } else { items_of(&target)? };
    let names: Vec<Key> = names.iter().filter_map(Key::from_value).collect();
    let one = |map: &Map| Value::map(map.raw().into_iter().filter(|(key, _)| names.contains(key) == keep).collect());
    match value {
        Value::Map(map) => Ok(one(map)),
        other => items_of(other)?
            .iter()
            .map(|item| mapping(item, "keep_keys and remove_keys").map(|map| one(&map)))
            .collect::<Outcome<_>>()
            .map(Value::list),
    }
}
