//! Types of values: what a user sets must be of the kind that its default is of.
//!
//! Only what cannot work is an error. Text may stand for a number or a boolean, as with Ansible, and where the
//! default is text, anything may stand.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::Review;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::inventory::{Node, Value};
use crate::vars::Definition;

const WORDS: [&str; 14] = ["true", "false", "yes", "no", "on", "off", "1", "0", "y", "n", "t", "f", "1.0", "0.0"];

/// Checks every value that an enabled role's variable is given, but at the places that are known to be wrong.
pub fn check(review: &Review<'_>, broken: &HashSet<Span>) -> Vec<Diagnostic> {
    let known = review
        .users()
        .filter(|(name, definition)| (review.is_enabled(name) || is_switch(review, name)) && !broken.contains(&definition.span));
    known.filter_map(|(name, definition)| mismatch(review, name, definition)).collect()
}

/// What switches a role on decides whether that role is enabled, and so it counts for all roles.
fn is_switch(review: &Review<'_>, name: &str) -> bool {
    name.ends_with("_enabled") && review.library.names.is_known(name)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Number,
    List,
    Mapping,
}

impl Kind {
    /// Of a default; none where anything may stand.
    fn of(value: &Json) -> Option<Self> {
        match value {
            Json::Bool(_) => Some(Self::Boolean),
            Json::Number(_) => Some(Self::Number),
            Json::Array(_) => Some(Self::List),
            Json::Object(_) => Some(Self::Mapping),
            Json::Null | Json::String(_) => None,
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::List => "a list",
            Self::Mapping => "a mapping",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Boolean => "write `true` or `false`",
            Self::Number => "write a number",
            Self::List => "write each item on a line of its own that begins with `- `; `[]` is an empty list",
            Self::Mapping => "write `key: value` pairs, indented; `{}` is an empty mapping",
        }
    }
}

fn mismatch(review: &Review<'_>, name: &str, definition: &Definition) -> Option<Diagnostic> {
    let documentation = review.library.documentation(name)?;
    let value = value(review, name, &definition.node)?;
    if let Some(finding) = no_choice(name, definition, &documentation.one_of, &value) {
        return Some(finding);
    }
    let wanted = wanted(review, definition)?;
    // A role may take more kinds than that of its default.
    if documentation.types.iter().any(|kind| kind.accepts(&value)) {
        return None;
    }
    let found = match (&value, wanted) {
        (Json::Null, _) => {
            let finding = Diagnostic::warning("H0343", format!("`{name}` is empty, where its default is {}", described(wanted)));
            return Some(finding.at(&definition.span).help(empty(wanted)));
        }
        (Json::Bool(_), Kind::Boolean)
        | (Json::Number(_), Kind::Number)
        | (Json::Array(_), Kind::List)
        | (Json::Object(_), Kind::Mapping) => {
            return None;
        }
        // 0 and 1 are as good; an empty text is as false as with Ansible.
        (Json::Number(number), Kind::Boolean) if matches!(number.as_f64(), Some(0.0 | 1.0)) => return None,
        (Json::String(text), Kind::Boolean) if text.is_empty() || WORDS.contains(&text.to_ascii_lowercase().as_str()) => return None,
        // `24h` and `50M` are numbers to many programs.
        (Json::String(text), Kind::Number)
            if text.is_empty() || text.trim_start_matches(['-', '+', '.']).starts_with(|first: char| first.is_ascii_digit()) =>
        {
            return None;
        }
        // An empty list and an empty mapping say the same.
        (Json::Array(items), Kind::Mapping) if items.is_empty() => return None,
        (Json::Object(entries), Kind::List) if entries.is_empty() => return None,
        (Json::String(text), Kind::List | Kind::Mapping) if text.is_empty() => return None,
        (Json::Bool(_), _) => "a boolean",
        (Json::Number(_), _) => "a number",
        (Json::String(_), _) => "text",
        (Json::Array(_), _) => "a list",
        (Json::Object(_), _) => "a mapping",
    };
    let finding = Diagnostic::error("H0342", format!("`{name}` must be {}, not {found}", wanted.wanted()));
    let meant = match (&value, wanted) {
        (Json::String(text), Kind::Boolean) => nearest(&text.to_ascii_lowercase(), ["true", "false", "yes", "no", "on", "off"]),
        _ => None,
    };
    let help = meant.map_or_else(|| wanted.help().to_owned(), |meant| format!("did you mean `{meant}`?"));
    Some(finding.at(place(definition)).help(help))
}

/// A value that is none of the only ones.
fn no_choice(name: &str, definition: &Definition, choices: &[String], value: &Json) -> Option<Diagnostic> {
    let text = match value {
        Json::String(text) if !text.is_empty() => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    if choices.is_empty() || choices.contains(&text) {
        return None;
    }
    let meant = nearest(&text, choices.iter().map(String::as_str)).map(|meant| format!("; did you mean `{meant}`?"));
    let allowed: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
    let finding = Diagnostic::error("H0346", format!("`{name}` has a value that is none of the known ones")).at(place(definition));
    Some(finding.help(format!("one of {}{}", allowed.join(", "), meant.unwrap_or_default())))
}

/// A value on the line of its name is pointed at itself.
fn place(definition: &Definition) -> &Span {
    let (name, value) = (&definition.span, &definition.node.span);
    if value.line == name.line && value.column > name.column { value } else { name }
}

const fn described(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "true or false",
        other => other.wanted(),
    }
}

const fn empty(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "write `true` or `false`, or remove the line",
        Kind::Number => "write a number, or remove the line",
        Kind::List => "write `[]` for an empty list, or remove the line",
        Kind::Mapping => "write `{}` for an empty mapping, or remove the line",
    }
}

/// The kind of the weaker definition that a role gives.
fn wanted(review: &Review<'_>, definition: &Definition) -> Option<Kind> {
    let default = definition.overrides.iter().rfind(|weaker| !weaker.kind.is_users())?;
    match literal(&default.node) {
        Some(value) => Kind::of(&value),
        None => computed(review, &default.node),
    }
}

/// What an expression of a role comes to. One that looks things up is left alone: it may do more than look.
fn computed(review: &Review<'_>, node: &Node) -> Option<Kind> {
    let text = node.as_text()?;
    if text.contains("lookup") || text.contains("query(") || text.contains("q(") {
        return None;
    }
    Kind::of(&review.variables.evaluate(node, &[]).ok()?.value)
}

/// The value, where looking at it does nothing that would not be done anyway.
fn value(review: &Review<'_>, name: &str, node: &Node) -> Option<Json> {
    literal(node).or_else(|| review.read.contains(name).then(|| review.variables.get(name).ok())?.map(|evaluated| evaluated.value))
}

/// A value without expressions. Of lists and mappings only the kind counts.
fn literal(node: &Node) -> Option<Json> {
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        // Only whether it is 0 or 1 counts, or that it is a number.
        Value::Int(number) => Json::from(i64::try_from(*number).unwrap_or(i64::MAX)),
        Value::Float(number) => Json::from(*number),
        Value::Text(text) if text.contains("{{") || text.contains("{%") => return None,
        Value::Text(text) | Value::Unsafe(text) => Json::String(text.clone()),
        Value::Secret(_) | Value::Vault(_) | Value::Sealed(_) | Value::Hidden(_) | Value::Reference(_) => return None,
        Value::List(items) => Json::Array(items.iter().map(|_| Json::Null).collect()),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, _)| (key.as_text().unwrap_or_default().to_owned(), Json::Null)).collect())
        }
    })
}
