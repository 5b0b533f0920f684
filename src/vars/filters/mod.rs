//! Filters: Jinja2's, Ansible's, and the simple ones of the collections that people use.
#![expect(clippy::needless_pass_by_value, reason = "all filters have one signature, and most use up what they are given")]

pub mod collection;
pub mod combine;
pub mod encode;
pub mod json;
pub mod mapping;
pub mod network;
pub mod number;
pub mod order;
pub mod password;
pub mod path;
pub mod random;
pub mod regex;
pub mod select;
pub mod text;
pub mod time;
pub mod undefined;
pub mod yaml;

use super::arguments::Given;
use super::engine::Environment;
use super::error::{Failure, Reason};
use super::python::{Outcome, type_name};
use super::value::Value;
use crate::diagnostic::did_you_mean;

/// A filter: where it is, its subject, and what it is given.
pub type Run = fn(&Environment<'_>, Value, Given) -> Outcome;

/// One filter.
#[derive(Clone, Copy)]
pub struct Filter {
    /// Its name, without a collection.
    pub name: &'static str,
    /// What it does.
    pub run: Run,
}

const TABLES: [&[Filter]; 17] = [
    collection::FILTERS,
    combine::FILTERS,
    encode::FILTERS,
    json::FILTERS,
    mapping::FILTERS,
    network::FILTERS,
    number::FILTERS,
    order::FILTERS,
    password::FILTERS,
    path::FILTERS,
    random::FILTERS,
    regex::FILTERS,
    select::FILTERS,
    text::FILTERS,
    time::FILTERS,
    undefined::FILTERS,
    yaml::FILTERS,
];

/// Filters that look at what is missing themselves.
const TAKE_MISSING: [&str; 5] = ["default", "d", "mandatory", "ternary", "type_debug"];

/// Filters that give back one of the values that they are given, which knows itself whether it is
/// secret.
const PASS_ON: [&str; 14] =
    ["default", "d", "mandatory", "ternary", "first", "last", "min", "max", "random", "extract", "combine", "list", "unique", "items2dict"];

const COLLECTIONS: [&str; 5] = ["ansible.builtin.", "ansible.legacy.", "ansible.utils.", "ansible.netcommon.", "community.general."];

/// The name of a filter, test or lookup without the collection that it comes from.
pub fn bare_name(name: &str) -> &str {
    COLLECTIONS.iter().find_map(|collection| name.strip_prefix(collection)).unwrap_or(name)
}

fn find(name: &str) -> Option<&'static Filter> {
    let bare = bare_name(name);
    TABLES.iter().flat_map(|table| table.iter()).find(|filter| filter.name == bare)
}

/// The names of all filters.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).map(|filter| filter.name)
}

/// Applies a filter. What goes wrong inside of it, a missing value too, is a missing value outside.
///
/// # Errors
/// There is no such filter.
pub fn call(environment: &Environment<'_>, name: &str, value: Value, given: Given) -> Outcome {
    let Some(filter) = find(name) else {
        return Err(unknown(name));
    };
    if !TAKE_MISSING.contains(&filter.name) {
        if let Value::Missing(_) = value {
            return Ok(value);
        }
        if let Some(missing) = given.first_missing() {
            return Ok(missing.clone());
        }
    }
    let (subject, kept) = (value.clone(), given.clone());
    // Only now, when the filter has looked at them, is it known what lazy parts hold.
    let secret = || subject.is_secret() || kept.is_secret();
    let from_secret_text = || matches!(&subject, Value::Text(text) if text.is_secret());
    let passes_on = PASS_ON.contains(&filter.name);
    Ok(match (filter.run)(environment, value, given) {
        Ok(result) if passes_on => result,
        Ok(result @ Value::Text(_)) => result.marked(secret()),
        Ok(result @ (Value::List(_) | Value::Map(_))) => result.marked(from_secret_text()),
        Ok(result) => result,
        // An unknown filter inside of `map` is as unknown as outside.
        Err(failure) if failure.reason() == Reason::Unknown => return Err(failure),
        Err(failure) => Value::Missing(failure),
    })
}

/// The text of a subject that must be text.
///
/// # Errors
/// It is something else.
pub fn need_text<'a>(value: &'a Value, filter: &str) -> Outcome<&'a str> {
    value.as_str().ok_or_else(|| Failure::failed(format!("`{filter}` needs text, not a value of type `{}`", type_name(value))))
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::new(Reason::Unknown, format!("there is no filter `{name}`"));
    match bare_name(name) {
        "vault" | "unvault" => failure.help("write a `!vault` value, or encrypt the file: `ansible-vault encrypt_string`"),
        "urlize" => failure.help("it makes HTML, which no variable of a server needs"),
        "json_query" => failure.help("use `map(attribute=...)`, `selectattr(...)` or `dict2items` instead"),
        bare => match did_you_mean(bare, names()) {
            Some(help) => failure.help(help),
            None => failure,
        },
    }
}
