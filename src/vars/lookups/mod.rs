//! Lookups: values from outside of the variables.
#![expect(clippy::needless_pass_by_value, reason = "all lookups have one signature, and most use up their terms")]

mod command;
pub mod files;
mod password;
mod structures;
mod tables;
mod variables;

use super::arguments::Given;
use super::engine::Environment;
use super::error::{Failure, Reason};
use super::filters::bare_name;
use super::python::{Outcome, truth};
use super::value::{Text, Value};
use crate::diagnostic::did_you_mean;

/// One lookup: its terms and options; it gives a list.
type Run = fn(&Environment<'_>, Vec<Value>, &mut Given) -> Outcome<Vec<Value>>;

pub const LOOKUPS: [(&str, Run); 25] = [
    ("config", variables::config),
    ("csvfile", tables::csvfile),
    ("dict", structures::dict),
    ("env", variables::env),
    ("file", files::file),
    ("fileglob", files::fileglob),
    ("first_found", files::first_found),
    ("indexed_items", structures::indexed_items),
    ("ini", tables::ini),
    ("inventory_hostnames", variables::inventory_hostnames),
    ("items", structures::items),
    ("lines", command::lines),
    ("list", structures::list),
    ("nested", structures::nested),
    ("password", password::password),
    ("pipe", command::pipe),
    ("random_choice", structures::random_choice),
    ("random_string", password::random_string),
    ("sequence", structures::sequence),
    ("subelements", structures::subelements),
    ("template", files::template),
    ("together", structures::together),
    ("url", command::url),
    ("varnames", variables::varnames),
    ("vars", variables::vars),
];

/// Calls a lookup. `query` gives its list; `lookup` gives one item, or texts with commas.
///
/// # Errors
/// There is no such lookup, or it fails.
pub fn call(environment: &Environment<'_>, mut given: Given, as_list: bool) -> Outcome {
    if given.positional.is_empty() {
        return Err(Failure::failed("a lookup needs a name: `lookup('file', ...)`"));
    }
    let name = given.positional.remove(0);
    let Some(name) = name.as_str() else {
        return Err(Failure::failed("the name of a lookup must be text"));
    };
    let bare = bare_name(name);
    let Some((_, run)) = LOOKUPS.iter().find(|(known, _)| *known == bare) else {
        let failure = Failure::new(Reason::Unknown, format!("there is no lookup `{name}`"));
        return Err(match did_you_mean(bare, LOOKUPS.iter().map(|(known, _)| *known)) {
            Some(help) => failure.help(help),
            None => failure,
        });
    };
    let as_list = given.take_named("wantlist").map_or(Ok(as_list), |value| truth(&value).map(|wanted| wanted || as_list))?;
    let ignore = given.take_named("errors").is_some_and(|value| matches!(value.as_str(), Some("ignore" | "warn")));
    let terms = std::mem::take(&mut given.positional);
    let found = match run(environment, terms, &mut given) {
        Ok(found) => found,
        Err(failure) if ignore && !failure.is_undefined() => return Ok(if as_list { Value::list(Vec::new()) } else { Value::None }),
        Err(failure) => return Err(failure),
    };
    if as_list || found.is_empty() {
        return Ok(Value::list(found));
    }
    if let [only] = found.as_slice() {
        return Ok(only.clone());
    }
    let texts: Option<Vec<&str>> = found.iter().map(Value::as_str).collect();
    match texts {
        Some(texts) => Ok(Value::Text(Text::new(texts.join(","), found.iter().any(Value::is_secret)))),
        None => Ok(Value::list(found)),
    }
}

/// The texts of terms.
fn texts(terms: &[Value]) -> Outcome<Vec<String>> {
    terms.iter().map(super::python::text_of).collect()
}

/// The `name=value` options behind the first word of a term, and what is left.
fn options(term: &str) -> (String, Vec<(String, String)>) {
    let mut rest = Vec::new();
    let mut options = Vec::new();
    for word in words(term) {
        match word.split_once('=') {
            Some((name, value)) if !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) => {
                options.push((name.to_owned(), value.to_owned()));
            }
            _ => rest.push(word),
        }
    }
    (rest.join(" "), options)
}

/// Words, with quotes around spaces.
fn words(term: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut started = false;
    for character in term.chars() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                started = true;
            }
            (None, c) if c.is_whitespace() => {
                if started {
                    words.push(std::mem::take(&mut word));
                    started = false;
                }
            }
            (_, c) => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}
