//! Lookups in INI and CSV files.

use super::{files, texts};
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::filters::regex;
use crate::vars::python::{Outcome, text_of};
use crate::vars::value::Value;

/// Options by name: those of the call, then those in the term.
fn all_options(term: &str, given: &Given) -> Outcome<(String, Vec<(String, String)>)> {
    let mut options = given.named.iter().map(|(name, value)| Ok((name.to_string(), text_of(value)?))).collect::<Outcome<Vec<_>>>()?;
    let (key, more) = super::options(term);
    options.extend(more);
    Ok((key, options))
}

fn option<'a>(options: &'a [(String, String)], name: &str, default: &'a str) -> &'a str {
    options.iter().rev().find(|(found, _)| found == name).map_or(default, |(_, value)| value)
}

fn is_true(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "true" | "yes" | "on" | "1")
}

/// `lookup('ini', 'key section=name file=path')`
pub fn ini(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let default = given.take_named("default");
    let mut found = Vec::new();
    for term in texts(&terms)? {
        let (key, options) = all_options(&term, given)?;
        let kind = option(&options, "type", "ini");
        let section = if kind == "properties" { "" } else { option(&options, "section", "global") };
        let file = option(&options, "file", "ansible.ini");
        let exact = is_true(option(&options, "case_sensitive", "false"));
        let text = files::read(environment, file)?;
        let entries = ini_section(&text, section, exact);
        if is_true(option(&options, "re", "false")) {
            let regex = regex::compile(&key, false, false)?;
            for (name, value) in &entries {
                if regex::search(&regex, name)?.is_some() {
                    found.push(Value::from(value.as_str()));
                }
            }
            continue;
        }
        let wanted = if exact { key.clone() } else { key.to_lowercase() };
        match entries.iter().rev().find(|(name, _)| *name == wanted) {
            Some((_, value)) => found.push(Value::from(value.as_str())),
            None => found.push(default.clone().unwrap_or_else(|| Value::text(option(&options, "default", "")))),
        }
    }
    Ok(found)
}

fn ini_section(text: &str, wanted: &str, exact: bool) -> Vec<(String, String)> {
    let mut section = "";
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if line.starts_with(char::is_whitespace) && section == wanted && !entries.is_empty() {
            if let Some((_, value)) = entries.last_mut() {
                value.push('\n');
                value.push_str(trimmed);
            }
        } else if section == wanted {
            let (name, value) = trimmed.split_once(['=', ':']).unwrap_or((trimmed, ""));
            let name = name.trim();
            entries.push((if exact { name.to_owned() } else { name.to_lowercase() }, value.trim().to_owned()));
        }
    }
    entries
}

/// `lookup('csvfile', 'key file=path delimiter=,')`
pub fn csvfile(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    let default = given.take_named("default");
    for term in texts(&terms)? {
        let (key, options) = all_options(&term, given)?;
        let delimiter = match option(&options, "delimiter", "TAB") {
            "TAB" | "\\t" => '\t',
            other => other.chars().next().unwrap_or('\t'),
        };
        let number = |name: &str, default: &'static str| {
            option(&options, name, default).parse::<usize>().map_err(|_| Failure::failed(format!("`{name}` must be a whole number")))
        };
        let (column, key_column) = (number("col", "1")?, number("keycol", "0")?);
        let text = files::read(environment, option(&options, "file", "ansible.csv"))?;
        let row = csv_rows(&text, delimiter).into_iter().find(|row| row.get(key_column).is_some_and(|cell| *cell == key));
        match row {
            Some(row) => found.push(Value::from(row.get(column).cloned().ok_or_else(|| Failure::failed("the row has no such column"))?)),
            None => found.extend(
                default
                    .clone()
                    .or_else(|| options.iter().find(|(name, _)| name == "default").map(|(_, value)| Value::from(value.as_str()))),
            ),
        }
    }
    Ok(found)
}

fn csv_rows(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let (mut row, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                cell.push('"');
                characters.next();
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            c if c == delimiter && !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}
