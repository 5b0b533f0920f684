//! The `version` test.

use std::cmp::Ordering;

use super::arguments::Given;
use super::error::Failure;
use super::python::{Outcome, text_of, truth};
use super::value::Value;

/// One part of a loose version.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u128),
    Word(String),
}

/// Compares `value` with a version.
pub fn compare(value: &Value, given: Given) -> Outcome<bool> {
    let mut given = given.bind("version", ["version", "operator", "strict", "version_type"])?;
    let other = given.need(0)?;
    let operator = given.text(1, "eq")?;
    let strict = given.some(2);
    let kind = given.some_text(3)?;
    if strict.is_some() && kind.is_some() {
        return Err(Failure::failed("`version` takes `strict` or `version_type`, not both"));
    }
    if !truth(value)? || !truth(&other)? {
        return Err(Failure::failed("`version` cannot compare an empty version"));
    }
    let (a, b) = (text_of(value)?, text_of(&other)?);
    let is_strict = strict.map_or(Ok(false), |strict| truth(&strict))?;
    let order = match (is_strict, kind.as_deref()) {
        (true, _) | (_, Some("strict")) => strict_order(&a, &b)?,
        (_, Some("semver" | "semantic")) => semantic_order(&a, &b)?,
        (_, None | Some("loose")) => loose_order(&a, &b)?,
        (_, Some("pep440")) => {
            return Err(Failure::failed("`pep440` is not supported as `version_type`").help("use `loose`, `strict` or `semver`"));
        }
        _ => return Err(Failure::failed("`version` needs `loose`, `strict` or `semver` as `version_type`")),
    };
    Ok(match operator.as_str() {
        "==" | "=" | "eq" => order.is_eq(),
        "!=" | "<>" | "ne" => order.is_ne(),
        "<" | "lt" => order.is_lt(),
        "<=" | "le" => order.is_le(),
        ">" | "gt" => order.is_gt(),
        ">=" | "ge" => order.is_ge(),
        _ => return Err(Failure::failed("`version` needs one of `==`, `!=`, `<`, `<=`, `>`, `>=` as its operator")),
    })
}

/// Numbers and words, as `LooseVersion` splits them at `(\d+ | [a-z]+ | \.)`.
fn loose_parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let class = |c: char| {
        if c.is_ascii_digit() {
            0
        } else if c.is_ascii_lowercase() {
            1
        } else {
            2
        }
    };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '.' {
            rest = &rest[1..];
            continue;
        }
        let kind = class(first);
        let end = rest.find(|c: char| class(c) != kind || c == '.').unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(if kind == 0 {
            part.parse().map_or_else(|_| Part::Word(part.to_owned()), Part::Number)
        } else {
            Part::Word(part.to_owned())
        });
        rest = after;
    }
    parts
}

fn loose_order(a: &str, b: &str) -> Outcome<Ordering> {
    let (a, b) = (loose_parts(a), loose_parts(b));
    for (a, b) in a.iter().zip(&b) {
        if std::mem::discriminant(a) != std::mem::discriminant(b) {
            return Err(Failure::failed("the versions cannot be compared: one has a number where the other has a word"));
        }
        match a.cmp(b) {
            Ordering::Equal => {}
            order => return Ok(order),
        }
    }
    Ok(a.len().cmp(&b.len()))
}

fn strict_order(a: &str, b: &str) -> Outcome<Ordering> {
    type Strict = ([u128; 3], Option<(char, u128)>);
    let parse = |text: &str| -> Option<Strict> {
        let (numbers, pre) = match text.find(['a', 'b']) {
            Some(at) => (&text[..at], Some((text[at..].chars().next()?, text[at + 1..].parse().ok()?))),
            None => (text, None),
        };
        let numbers = numbers.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u128>>>()?;
        match numbers.as_slice() {
            [a, b] => Some(([*a, *b, 0], pre)),
            [a, b, c] => Some(([*a, *b, *c], pre)),
            _ => None,
        }
    };
    let wrong = || Failure::failed("a version does not have the strict form `1.2.3`");
    let ((a, a_pre), (b, b_pre)) = (parse(a).ok_or_else(wrong)?, parse(b).ok_or_else(wrong)?);
    Ok(a.cmp(&b).then_with(|| before_release(a_pre, b_pre, Ord::cmp)))
}

/// What has no mark is the release itself, and comes last.
fn before_release<T>(a: Option<T>, b: Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare(&a, &b),
    }
}

fn semantic_order(a: &str, b: &str) -> Outcome<Ordering> {
    let parse = |text: &str| -> Option<([u128; 3], Option<Vec<Part>>)> {
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        // Numbers have no leading zeros there.
        let number = |part: &str| part.parse().ok().filter(|_| part == "0" || !part.starts_with('0'));
        let numbers = core.split('.').map(number).collect::<Option<Vec<u128>>>()?;
        let [major, minor, patch] = numbers.as_slice() else { return None };
        let parts =
            pre.map(|pre| pre.split('.').map(|part| part.parse().map_or_else(|_| Part::Word(part.to_owned()), Part::Number)).collect());
        Some(([*major, *minor, *patch], parts))
    };
    let wrong = || Failure::failed("a version does not have the semantic form `1.2.3`");
    let ((a, a_pre), (b, b_pre)) = (parse(a).ok_or_else(wrong)?, parse(b).ok_or_else(wrong)?);
    Ok(a.cmp(&b).then_with(|| before_release(a_pre, b_pre, Ord::cmp)))
}
