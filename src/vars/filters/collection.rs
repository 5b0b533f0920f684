//! Filters for lists.

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::key::Key;
use crate::vars::python::{Outcome, items_of, iterate, length, text_of, type_name};
use crate::vars::value::{Text, Value};

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "list", run: |_, value, _| items_of(&value).map(Value::list) },
    Filter { name: "length", run: |_, value, _| length(&value).map(Value::count) },
    Filter { name: "count", run: |_, value, _| length(&value).map(Value::count) },
    Filter { name: "first", run: first },
    Filter { name: "last", run: last },
    Filter { name: "join", run: join },
    Filter { name: "reverse", run: reverse },
    Filter { name: "flatten", run: flatten },
    Filter { name: "zip", run: |_, value, given| zip(&value, given, false) },
    Filter { name: "zip_longest", run: |_, value, given| zip(&value, given, true) },
    Filter { name: "product", run: product },
    Filter { name: "permutations", run: permutations },
    Filter { name: "combinations", run: combinations },
    Filter { name: "batch", run: batch },
    Filter { name: "slice", run: slice },
    Filter { name: "subelements", run: subelements },
    Filter { name: "index_of", run: index_of },
];

/// More items than this are refused.
const MOST: usize = 1_000_000;

fn first(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    Ok(iterate(&value)?
        .into_iter()
        .next()
        .unwrap_or_else(|| Value::Missing(Failure::undefined("there is no first item: the sequence is empty"))))
}

fn last(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    Ok(iterate(&value)?.pop().unwrap_or_else(|| Value::Missing(Failure::undefined("there is no last item: the sequence is empty"))))
}

fn join(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("join", ["d", "attribute"])?;
    let separator = match given.take(0) {
        Some(separator) => text_of(&separator)?,
        None => String::new(),
    };
    let path = given.some(1);
    let mut out = String::new();
    for (at, item) in items_of(&value)?.into_iter().enumerate() {
        if at > 0 {
            out.push_str(&separator);
        }
        let item = match &path {
            Some(path) => super::select::attribute(environment, &item, path, None)?.present()?,
            None => item,
        };
        out.push_str(&text_of(&item)?);
    }
    Ok(Value::from(out))
}

fn reverse(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    if let Value::Text(text) = &value {
        return Ok(Value::Text(Text::new(text.as_str().chars().rev().collect::<String>(), text.is_secret())));
    }
    let mut items = items_of(&value)?;
    items.reverse();
    Ok(Value::list(items))
}

fn flatten(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("flatten", ["levels", "skip_nulls"])?;
    let levels = given.some_int(0)?;
    let skip_nulls = given.truth(1, true)?;
    let mut out = Vec::new();
    flatten_into(&mut out, &value, levels, skip_nulls, 0)?;
    Ok(Value::list(out))
}

fn flatten_into(out: &mut Vec<Value>, value: &Value, levels: Option<i128>, skip_nulls: bool, depth: usize) -> Outcome<()> {
    if depth > 100 {
        return Err(Failure::failed("the list holds itself"));
    }
    for item in items_of(value)? {
        if skip_nulls && (matches!(item, Value::None) || matches!(item.as_str(), Some("None" | "null"))) {
            continue;
        }
        match (&item, levels) {
            (Value::List(_), None) => flatten_into(out, &item, None, skip_nulls, depth + 1)?,
            (Value::List(_), Some(levels)) if levels >= 1 => flatten_into(out, &item, Some(levels - 1), skip_nulls, depth + 1)?,
            _ => out.push(item),
        }
    }
    Ok(())
}

fn lists(value: &Value, given: Given) -> Outcome<Vec<Vec<Value>>> {
    std::iter::once(value).chain(&given.positional).map(items_of).collect()
}

fn zip(value: &Value, mut given: Given, longest: bool) -> Outcome {
    let fill = given.take_named("fillvalue").unwrap_or(Value::None);
    given.take_named("strict");
    let lists = lists(value, given)?;
    let lengths = lists.iter().map(Vec::len);
    let length = if longest { lengths.max() } else { lengths.min() }.unwrap_or(0);
    let row = |at: usize| Value::tuple(lists.iter().map(|list| list.get(at).cloned().unwrap_or_else(|| fill.clone())).collect());
    Ok(Value::list((0..length).map(row).collect()))
}

fn product(_: &Environment<'_>, value: Value, mut given: Given) -> Outcome {
    let repeat = match given.take_named("repeat") {
        Some(Value::Int(times)) => usize::try_from(times).unwrap_or(0).min(20),
        _ => 1,
    };
    let lists = lists(&value, given)?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for list in std::iter::repeat_n(&lists, repeat).flatten() {
        if rows.len().saturating_mul(list.len()) > MOST {
            return Err(Failure::failed("`product` would give too many items"));
        }
        rows = rows.into_iter().flat_map(|row| list.iter().map(move |item| row.iter().cloned().chain([item.clone()]).collect())).collect();
    }
    Ok(Value::list(rows.into_iter().map(Value::tuple).collect()))
}

/// All ways to choose `size` positions; in any order, or ascending.
fn choices(count: usize, size: usize, ascending: bool) -> Outcome<Vec<Vec<usize>>> {
    if size > count {
        return Ok(Vec::new());
    }
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        let mut next = Vec::new();
        for row in &rows {
            let start = if ascending { row.last().map_or(0, |last| last + 1) } else { 0 };
            for at in start..count {
                if ascending || !row.contains(&at) {
                    next.push(row.iter().copied().chain([at]).collect());
                    if next.len() > MOST / 10 {
                        return Err(Failure::failed("there would be too many items"));
                    }
                }
            }
        }
        rows = next;
    }
    Ok(rows)
}

fn chosen(items: &[Value], rows: Vec<Vec<usize>>) -> Value {
    Value::list(rows.into_iter().map(|row| Value::tuple(row.into_iter().filter_map(|at| items.get(at).cloned()).collect())).collect())
}

fn permutations(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let items = items_of(&value)?;
    let size = given.bind("permutations", ["r"])?.some_int(0)?.map_or(items.len(), |size| usize::try_from(size).unwrap_or(0));
    Ok(chosen(&items, choices(items.len(), size, false)?))
}

fn combinations(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let items = items_of(&value)?;
    let size = usize::try_from(given.bind("combinations", ["r"])?.int(0, 0)?).unwrap_or(0);
    Ok(chosen(&items, choices(items.len(), size, true)?))
}

fn batch(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("batch", ["linecount", "fill_with"])?;
    let size =
        usize::try_from(given.int(0, 0)?).ok().filter(|size| *size > 0).ok_or_else(|| Failure::failed("`batch` needs a number above 0"))?;
    let fill = given.some(1);
    let items = items_of(&value)?;
    let mut rows = Vec::new();
    for chunk in items.chunks(size) {
        let mut row = chunk.to_vec();
        if let Some(fill) = &fill {
            row.resize(size, fill.clone());
        }
        rows.push(Value::list(row));
    }
    Ok(Value::list(rows))
}

fn slice(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("slice", ["slices", "fill_with"])?;
    let slices = usize::try_from(given.int(0, 0)?)
        .ok()
        .filter(|size| (1..=MOST).contains(size))
        .ok_or_else(|| Failure::failed("`slice` needs a number above 0"))?;
    let fill = given.some(1);
    let items = items_of(&value)?;
    let (per, more) = (items.len() / slices, items.len() % slices);
    let mut rows = Vec::new();
    let mut at = 0;
    for slice in 0..slices {
        let size = per + usize::from(slice < more);
        let mut row = items[at..at + size].to_vec();
        at += size;
        if let (Some(fill), true) = (&fill, slice >= more && more > 0) {
            row.push(fill.clone());
        }
        rows.push(Value::list(row));
    }
    Ok(Value::list(rows))
}

fn subelements(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("subelements", ["subelements", "skip_missing"])?;
    let path = match given.need(0)? {
        Value::Text(path) => path.as_str().split('.').map(Value::from).collect(),
        Value::List(list) => list.items(),
        other => return Err(Failure::failed(format!("`subelements` needs text or a list, not a value of type `{}`", type_name(&other)))),
    };
    let skip_missing = given.truth(1, false)?;
    let elements = match &value {
        Value::Map(map) => map.entries().into_iter().map(|(_, value)| value).collect(),
        Value::List(_) => items_of(&value)?,
        other => {
            return Err(Failure::failed(format!("`subelements` needs a list or a mapping, not a value of type `{}`", type_name(other))));
        }
    };
    let mut out = Vec::new();
    'elements: for element in elements {
        let mut current = element.clone().present()?;
        for step in &path {
            let Value::Map(map) = &current else {
                return Err(Failure::failed("`subelements` needs mappings on its way"));
            };
            match Key::from_value(step).and_then(|key| map.get(&key)) {
                Some(found) => current = found.present()?,
                None if skip_missing => continue 'elements,
                None => return Err(Failure::failed("`subelements` does not find its key in an item").help("add `skip_missing=True`")),
            }
        }
        let Value::List(list) = &current else {
            return Err(Failure::failed("`subelements` must end at a list"));
        };
        out.extend(list.items().into_iter().map(|item| Value::tuple(vec![element.clone(), item])));
    }
    Ok(Value::list(out))
}

fn index_of(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given;
    if given.positional.is_empty() {
        return Err(Failure::failed("`index_of` needs the name of a test"));
    }
    let name = given.positional.remove(0);
    let name = name.as_str().ok_or_else(|| Failure::failed("`index_of` needs the name of a test as text"))?.to_owned();
    let mut found = Vec::new();
    for (at, item) in items_of(&value)?.into_iter().enumerate() {
        if crate::vars::python::truth(&crate::vars::tests::call(environment, &name, item, given.clone())?)? {
            found.push(Value::count(at));
        }
    }
    Ok(match found.len() {
        1 => found.remove(0),
        _ => Value::list(found),
    })
}
