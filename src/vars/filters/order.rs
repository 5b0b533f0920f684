//! Filters that compare items: sorting, extremes, sets.

use std::cmp::Ordering;

use super::Filter;
use super::select::attribute;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::key::Key;
use crate::vars::operators::{equal, order};
use crate::vars::python::{Outcome, items_of};
use crate::vars::value::{List, Value};

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "sort", run: sort },
    Filter { name: "dictsort", run: dictsort },
    Filter { name: "groupby", run: groupby },
    Filter { name: "min", run: |environment, value, given| extreme(environment, &value, given, Ordering::Less) },
    Filter { name: "max", run: |environment, value, given| extreme(environment, &value, given, Ordering::Greater) },
    Filter { name: "unique", run: unique },
    Filter { name: "union", run: |_, value, given| sets(&value, given, "union") },
    Filter { name: "intersect", run: |_, value, given| sets(&value, given, "intersect") },
    Filter { name: "difference", run: |_, value, given| sets(&value, given, "difference") },
    Filter { name: "symmetric_difference", run: |_, value, given| sets(&value, given, "symmetric_difference") },
];

/// Sorts as Python does: stable, and an error where two items have no order.
pub fn sorted(items: Vec<Value>, reverse: bool) -> Outcome<Vec<Value>> {
    let keyed = items.into_iter().map(|item| Ok((item.clone().present()?, item))).collect::<Outcome<Vec<_>>>()?;
    sorted_by(keyed, reverse)
}

fn sorted_by(mut keyed: Vec<(Value, Value)>, reverse: bool) -> Outcome<Vec<Value>> {
    let mut failure = None;
    keyed.sort_by(|(a, _), (b, _)| {
        let result = if reverse { order(b, a) } else { order(a, b) };
        result.unwrap_or_else(|reason| {
            failure.get_or_insert(reason);
            Ordering::Equal
        })
    });
    match failure {
        Some(failure) => Err(failure),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

/// Texts compare in lower case unless told otherwise.
fn folded(value: Value, case_sensitive: bool) -> Value {
    match value {
        Value::Text(text) if !case_sensitive => Value::from(text.as_str().to_lowercase()),
        other => other,
    }
}

fn sort(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("sort", ["reverse", "case_sensitive", "attribute"])?;
    let (reverse, case_sensitive) = (given.truth(0, false)?, given.truth(1, false)?);
    let path = given.some(2);
    let mut keyed = Vec::new();
    for item in items_of(&value)? {
        let key = match &path {
            None => folded(item.clone(), case_sensitive),
            Some(Value::Text(paths)) => {
                let mut parts = Vec::new();
                for path in paths.as_str().split(',') {
                    parts.push(folded(attribute(environment, &item, &Value::from(path), None)?.present()?, case_sensitive));
                }
                Value::list(parts)
            }
            Some(path) => folded(attribute(environment, &item, path, None)?.present()?, case_sensitive),
        };
        keyed.push((key, item));
    }
    sorted_by(keyed, reverse).map(Value::list)
}

fn dictsort(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("dictsort", ["case_sensitive", "by", "reverse"])?;
    let case_sensitive = given.truth(0, false)?;
    let by = given.text(1, "key")?;
    let reverse = given.truth(2, false)?;
    let Value::Map(map) = value else {
        return Err(Failure::failed("`dictsort` needs a mapping"));
    };
    if !matches!(by.as_str(), "key" | "value") {
        return Err(Failure::failed("`dictsort` sorts `by` `key` or `value`"));
    }
    let mut keyed = Vec::new();
    for (key, value) in map.entries() {
        let subject = if by == "key" { key.to_value() } else { value.clone().present()? };
        keyed.push((folded(subject, case_sensitive), Value::tuple(vec![key.to_value(), value])));
    }
    sorted_by(keyed, reverse).map(Value::list)
}

fn groupby(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("groupby", ["attribute", "default", "case_sensitive"])?;
    let path = given.need(0)?;
    let default = given.some(1);
    let case_sensitive = given.truth(2, false)?;
    let mut keyed = Vec::new();
    for item in items_of(&value)? {
        let key = attribute(environment, &item, &path, default.as_ref())?.present()?;
        keyed.push((folded(key.clone(), case_sensitive), Value::tuple(vec![key, item])));
    }
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for pair in sorted_by(keyed, false)? {
        let pair = items_of(&pair)?;
        let [key, item] = pair.as_slice() else { continue };
        let compared = folded(key.clone(), case_sensitive);
        match groups.last_mut() {
            Some((last, _, items)) if equal(last, &compared)? => items.push(item.clone()),
            _ => groups.push((compared, key.clone(), vec![item.clone()])),
        }
    }
    Ok(Value::list(
        groups
            .into_iter()
            .map(|(_, key, items)| Value::List(List::named_tuple(vec![key, Value::list(items)], &["grouper", "list"])))
            .collect(),
    ))
}

fn extreme(environment: &Environment<'_>, value: &Value, given: Given, wanted: Ordering) -> Outcome {
    let mut given = given.bind("min and max", ["case_sensitive", "attribute"])?;
    let case_sensitive = given.truth(0, false)?;
    let path = given.some(1);
    let mut best: Option<(Value, Value)> = None;
    for item in items_of(value)? {
        let subject = match &path {
            Some(path) => attribute(environment, &item, path, None)?.present()?,
            None => item.clone(),
        };
        let key = folded(subject, case_sensitive);
        let better = match &best {
            Some((found, _)) => order(&key, found)? == wanted,
            None => true,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| Value::Missing(Failure::undefined("the sequence is empty")), |(_, item)| item))
}

/// Items seen so far: quick for what Python can hash, slow for the rest.
#[derive(Default)]
struct Seen {
    keys: std::collections::HashSet<Key>,
    others: Vec<Value>,
}

impl Seen {
    /// Whether an item is new; it is not afterwards.
    fn add(&mut self, item: &Value) -> Outcome<bool> {
        if let Some(key) = Key::from_value(item) {
            return Ok(self.keys.insert(key));
        }
        if self.contains(item)? {
            return Ok(false);
        }
        self.others.push(item.clone());
        Ok(true)
    }

    fn contains(&self, item: &Value) -> Outcome<bool> {
        if let Some(key) = Key::from_value(item) {
            return Ok(self.keys.contains(&key));
        }
        for other in &self.others {
            if equal(other, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn of(items: &[Value]) -> Outcome<Self> {
        let mut seen = Self::default();
        for item in items {
            seen.add(item)?;
        }
        Ok(seen)
    }
}

fn unique(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("unique", ["case_sensitive", "attribute"])?;
    let case_sensitive = given.truth(0, false)?;
    let path = given.some(1);
    let items = items_of(&value)?;
    let mut subjects = Vec::with_capacity(items.len());
    for item in &items {
        subjects.push(match &path {
            Some(path) => attribute(environment, item, path, None)?.present()?,
            None => item.clone(),
        });
    }
    // Jinja2's own filter cannot compare what Python cannot hash; Ansible's then minds the case.
    let hashable = subjects.iter().all(|subject| Key::from_value(subject).is_some());
    if !hashable && path.is_some() {
        return Err(Failure::failed("`unique` cannot compare lists or mappings by `attribute`"));
    }
    let mut seen = Seen::default();
    let mut out = Vec::new();
    for (item, subject) in items.into_iter().zip(subjects) {
        if seen.add(&folded(subject, case_sensitive || !hashable))? {
            out.push(item);
        }
    }
    Ok(Value::list(out))
}

fn sets(value: &Value, given: Given, which: &'static str) -> Outcome {
    let other = given.bind(which, ["b"])?.need(0)?;
    let (left, right) = (items_of(value)?, items_of(&other)?);
    let (in_left, in_right) = (Seen::of(&left)?, Seen::of(&right)?);
    let mut taken = Seen::default();
    let mut out = Vec::new();
    let mut take = |items: &[Value], other: &Seen, wanted: Option<bool>| -> Outcome<()> {
        for item in items {
            let fits = match wanted {
                Some(wanted) => other.contains(item)? == wanted,
                None => true,
            };
            if fits && taken.add(item)? {
                out.push(item.clone());
            }
        }
        Ok(())
    };
    match which {
        "union" => {
            take(&left, &in_right, None)?;
            take(&right, &in_left, None)?;
        }
        "intersect" => take(&left, &in_right, Some(true))?,
        "difference" => take(&left, &in_right, Some(false))?,
        _ => {
            take(&left, &in_right, Some(false))?;
            take(&right, &in_left, Some(false))?;
        }
    }
    in_set_order(&mut out);
    Ok(Value::list(out))
}

/// Python's sets hold small numbers in ascending order. That of texts changes with every run of
/// Python, so theirs stays as it is.
fn in_set_order(items: &mut [Value]) {
    let size = if items.len() < 5 { 8 } else { (items.len() * 4).next_power_of_two() };
    let number = |item: &Value| match item {
        Value::Int(number) => usize::try_from(*number).ok().filter(|number| *number < size),
        _ => None,
    };
    if items.iter().all(|item| number(item).is_some()) {
        items.sort_by_key(number);
    }
}
