//! The methods of lists and tuples.

use crate::vars::arguments::Given;
use crate::vars::error::Failure;
use crate::vars::operators::equal;
use crate::vars::python::{Outcome, items_of, truth};
use crate::vars::value::{List, Value};

/// Their names.
pub const NAMES: [&str; 11] = ["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];

/// Calls one.
pub fn call(list: &List, name: &str, given: Given) -> Outcome {
    match name {
        "append" => {
            let item = given.bind(name, ["object"])?.need(0)?;
            list.lock().push(item);
        }
        "extend" => {
            let items = items_of(&given.bind(name, ["iterable"])?.need(0)?)?;
            list.lock().extend(items);
        }
        "insert" => {
            let mut given = given.bind(name, ["index", "object"])?;
            let index = given.int(0, 0)?;
            let item = given.need(1)?;
            let mut items = list.lock();
            let at = position(index, items.len());
            items.insert(at, item);
        }
        "pop" => {
            let index = given.bind(name, ["index"])?.int(0, -1)?;
            let mut items = list.lock();
            let length = i128::try_from(items.len()).unwrap_or(0);
            let at = if index < 0 { index + length } else { index };
            return match usize::try_from(at) {
                Ok(at) if at < items.len() => Ok(items.remove(at)),
                _ => Err(Failure::failed("`pop` finds no item at that position")),
            };
        }
        "remove" => {
            let wanted = given.bind(name, ["value"])?.need(0)?;
            let at = find(list, &wanted)?;
            list.lock().remove(at);
        }
        "clear" => list.lock().clear(),
        "reverse" => list.lock().reverse(),
        "copy" => return Ok(Value::List(list.copy())),
        "count" => {
            let wanted = given.bind(name, ["value"])?.need(0)?;
            let mut count = 0;
            for item in list.items() {
                count += usize::from(equal(&item, &wanted)?);
            }
            return Ok(Value::count(count));
        }
        "index" => {
            let wanted = given.bind(name, ["value"])?.need(0)?;
            return find(list, &wanted).map(Value::count);
        }
        "sort" => {
            let reverse = given.named.iter().find(|(name, _)| &**name == "reverse").map_or(Ok(false), |(_, value)| truth(value))?;
            let sorted = crate::vars::filters::order::sorted(list.items(), reverse)?;
            *list.lock() = sorted;
        }
        _ => return Err(Failure::failed(format!("a list has no method `{name}`"))),
    }
    Ok(Value::None)
}

fn position(index: i128, length: usize) -> usize {
    let length_signed = i128::try_from(length).unwrap_or(0);
    let at = if index < 0 { index + length_signed } else { index };
    usize::try_from(at.clamp(0, length_signed)).unwrap_or(length)
}

fn find(list: &List, wanted: &Value) -> Outcome<usize> {
    for (at, item) in list.items().iter().enumerate() {
        if equal(item, wanted)? {
            return Ok(at);
        }
    }
    Err(Failure::failed("the list has no such item"))
}
