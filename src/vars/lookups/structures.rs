//! Lookups that reshape what they are given.

use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::filters::random::generator;
use crate::vars::format::percent;
use crate::vars::key::Key;
use crate::vars::python::{Outcome, items_of, text_of, truth, type_name};
use crate::vars::value::{Text, Value};

/// `query('dict', mapping)`
pub fn dict(_: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for term in flattened(&terms)? {
        let Value::Map(map) = &term else {
            return Err(Failure::failed(format!("`lookup('dict')` needs mappings, not a value of type `{}`", type_name(&term))));
        };
        for (key, value) in map.entries() {
            found.push(Value::map_of([("key", key.to_value()), ("value", value.present()?)]));
        }
    }
    Ok(found)
}

/// One level of lists taken apart.
fn flattened(terms: &[Value]) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    for term in terms {
        match term {
            Value::List(_) => out.extend(items_of(term)?),
            other => out.push(other.clone()),
        }
    }
    Ok(out)
}

/// `query('items', list)`
pub fn items(_: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    flattened(&terms)
}

/// `query('list', list)`
#[expect(clippy::unnecessary_wraps, reason = "all lookups have one signature")]
pub fn list(_: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    Ok(terms)
}

/// `query('indexed_items', list)`
pub fn indexed_items(_: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let indexed = |(at, item)| Value::tuple(vec![Value::count(at), item]);
    Ok(flattened(&terms)?.into_iter().enumerate().map(indexed).collect())
}

/// `query('subelements', list, 'key', {'skip_missing': true})`
pub fn subelements(_: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let wrong = || Failure::failed("`lookup('subelements')` needs a list, the name of a list in each item, and options");
    let (items, path) = match terms.as_slice() {
        [items, path] | [items, path, _] => (items, text_of(path)?),
        _ => return Err(wrong()),
    };
    let skip_missing = match terms.get(2) {
        Some(Value::Map(options)) => options.get_text("skip_missing").map_or(Ok(false), |value| truth(&value))?,
        _ => false,
    };
    let items = if let Value::Map(map) = items { map.entries().into_iter().map(|(_, value)| value).collect() } else { items_of(items)? };
    let steps: Vec<Key> = path.split('.').map(Key::text).collect();
    let Some((last, way)) = steps.split_last() else { return Err(wrong()) };
    let mut found = Vec::new();
    for item in items {
        let Value::Map(item) = item.present()? else { return Err(wrong()) };
        // The list goes out of what is given back, as in Ansible.
        let item = item.copy();
        let mut within = Some(item.clone());
        for step in way {
            within = match within.and_then(|map| map.get(step)) {
                Some(Value::Map(map)) => Some(map),
                _ => None,
            };
        }
        let taken = within.and_then(|map| map.lock().shift_remove(last));
        match taken.map(Value::present).transpose()? {
            Some(Value::List(list)) => {
                for element in list.items() {
                    found.push(Value::tuple(vec![Value::Map(item.clone()), element.present()?]));
                }
            }
            None if skip_missing => {}
            Some(_) => return Err(wrong()),
            None => {
                return Err(
                    Failure::failed("`lookup('subelements')` does not find its list in an item").help("add `{'skip_missing': true}`")
                );
            }
        }
    }
    Ok(found)
}

/// `query('nested', list, list)`
pub fn nested(_: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for term in &terms {
        let items = items_of(term)?;
        if rows.len().saturating_mul(items.len()) > 1_000_000 {
            return Err(Failure::failed("`lookup('nested')` would give too many items"));
        }
        rows = rows.into_iter().flat_map(|row| items.iter().map(move |item| row.iter().cloned().chain([item.clone()]).collect())).collect();
    }
    rows.into_iter().map(|row| flattened(&row).map(Value::list)).collect()
}

/// `query('together', list, list)`
pub fn together(_: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let lists = terms.iter().map(items_of).collect::<Outcome<Vec<_>>>()?;
    let length = lists.iter().map(Vec::len).max().unwrap_or(0);
    (0..length)
        .map(|at| flattened(&lists.iter().map(|list| list.get(at).cloned().unwrap_or(Value::None)).collect::<Vec<_>>()).map(Value::list))
        .collect()
}

/// `lookup('random_choice', one, other)`
pub fn random_choice(environment: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    // One of the terms, not one of the items of a list that is the only term: so Ansible takes it.
    let at = generator(environment, None)?.below(terms.len() as u64);
    Ok(usize::try_from(at).ok().and_then(|at| terms.get(at).cloned()).into_iter().collect())
}

/// `query('sequence', 'start=1 end=3 format=w%02d')`
pub fn sequence(_: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    let named = std::mem::take(&mut given.named);
    let terms = if terms.is_empty() { vec![Value::text("")] } else { terms };
    for term in &terms {
        let mut options: Vec<(String, String)> =
            named.iter().map(|(name, value)| Ok((name.to_string(), text_of(value)?))).collect::<Outcome<_>>()?;
        let (rest, more) = super::options(&text_of(term)?);
        options.extend(more);
        let mut layout = "%d".to_owned();
        let (mut start, mut end, mut count, mut stride) = (1, None, None, 1);
        let shortcut = rest.split_once(':').map_or((rest.as_str(), None), |(range, layout)| (range, Some(layout)));
        if !shortcut.0.is_empty() {
            let (range, step) = shortcut.0.split_once('/').map_or((shortcut.0, None), |(range, step)| (range, Some(step)));
            let (first, last) = range.split_once('-').map_or((None, range), |(first, last)| (Some(first), last));
            start = first.map_or(Ok(1), number)?;
            end = Some(number(last)?);
            stride = step.map_or(Ok(1), number)?;
            shortcut.1.unwrap_or("%d").clone_into(&mut layout);
        }
        for (name, value) in options {
            match name.as_str() {
                "start" => start = number(&value)?,
                "end" => end = Some(number(&value)?),
                "count" => count = Some(number(&value)?),
                "stride" => stride = number(&value)?,
                "format" => layout = value,
                _ => return Err(Failure::failed(format!("`lookup('sequence')` has no option `{name}`"))),
            }
        }
        let end = match (end, count) {
            (Some(end), None) => end,
            (None, Some(0)) => continue,
            (None, Some(count)) => start + (count - 1) * stride,
            _ => return Err(Failure::failed("`lookup('sequence')` needs `end` or `count`")),
        };
        if stride == 0 || (end - start).abs() / stride.abs().max(1) > 1_000_000 {
            return Err(Failure::failed("`lookup('sequence')` would not end"));
        }
        if (stride > 0 && end < start) || (stride < 0 && end > start) {
            return Err(Failure::failed("`lookup('sequence')` counts away from its end"));
        }
        let mut at = start;
        while if stride > 0 { at <= end } else { at >= end } {
            found.push(percent(&Text::plain(layout.as_str()), &Value::Int(at))?);
            at += stride;
        }
    }
    Ok(found)
}

fn number(text: &str) -> Outcome<i128> {
    crate::vars::filters::number::parse_int(text, 0)
        .filter(|number| number.abs() < 1_000_000_000_000)
        .ok_or_else(|| Failure::failed("`lookup('sequence')` needs whole numbers"))
}
