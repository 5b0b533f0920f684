//! The methods of text.

use crate::vars::arguments::Given;
use crate::vars::engine;
use crate::vars::error::Failure;
use crate::vars::format;
use crate::vars::key::Key;
use crate::vars::python::{Outcome, items_of, text_of, type_name};
use crate::vars::value::Value;

/// Their names.
pub const NAMES: [&str; 45] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// Calls one.
pub fn call(text: &str, name: &str, given: Given) -> Outcome {
    match name {
        "split" | "rsplit" => split(text, name, given),
        "strip" | "lstrip" | "rstrip" => {
            let characters = given.bind(name, ["chars"])?.some_text(0)?;
            Ok(Value::from(strip(text, characters.as_deref(), name != "rstrip", name != "lstrip")))
        }
        "join" => {
            let items = items_of(&given.bind(name, ["iterable"])?.need(0)?)?;
            let mut parts = Vec::with_capacity(items.len());
            for item in &items {
                parts.push(item.as_str().ok_or_else(|| {
                    Failure::failed(format!("`join` needs texts, not a value of type `{}`", type_name(item)))
                        .help("use the filter: `list | join(',')`")
                })?);
            }
            Ok(Value::from(parts.join(text)))
        }
        "startswith" | "endswith" => {
            let mut given = given.bind(name, ["prefix", "start", "end"])?;
            let parts = match given.need(0)? {
                Value::List(list) => list.items(),
                other => vec![other],
            };
            let part = range(text, given.some_int(1)?, given.some_int(2)?);
            let mut found = false;
            for wanted in &parts {
                let wanted = wanted
                    .as_str()
                    .ok_or_else(|| Failure::failed(format!("`{name}` needs text, not a value of type `{}`", type_name(wanted))))?;
                found |= if name == "startswith" { part.starts_with(wanted) } else { part.ends_with(wanted) };
            }
            Ok(Value::Bool(found))
        }
        "replace" => {
            let mut given = given.bind(name, ["old", "new", "count"])?;
            let (old, new, count) = (given.need_text(0)?, given.need_text(1)?, given.int(2, -1)?);
            Ok(Value::from(usize::try_from(count).map_or_else(|_| text.replace(&old, &new), |count| text.replacen(&old, &new, count))))
        }
        "format" => {
            let Given { positional, named } = given;
            let mut lookup = |path: &str| {
                field(path, &positional, &|name| named.iter().find(|(found, _)| &**found == name).map(|(_, value)| value.clone()))
            };
            format::format(text, &mut lookup).map(Value::from)
        }
        "format_map" => {
            let Value::Map(map) = given.bind(name, ["mapping"])?.need(0)? else {
                return Err(Failure::failed("`format_map` needs a mapping"));
            };
            format::format(text, &mut |path| field(path, &[], &|name| map.get_text(name))).map(Value::from)
        }
        "find" | "rfind" | "index" | "rindex" | "count" => search(text, name, given),
        "partition" | "rpartition" => {
            let separator = given.bind(name, ["sep"])?.need_text(0)?;
            if separator.is_empty() {
                return Err(Failure::failed("the separator is empty"));
            }
            let found = if name == "partition" { text.split_once(&separator) } else { text.rsplit_once(&separator) };
            let parts = match (found, name) {
                (Some((before, after)), _) => [before, &separator, after],
                (None, "partition") => [text, "", ""],
                (None, _) => ["", "", text],
            };
            Ok(Value::tuple(parts.into_iter().map(Value::from).collect()))
        }
        "removeprefix" => {
            let part = given.bind(name, ["prefix"])?.need_text(0)?;
            Ok(Value::from(text.strip_prefix(&*part).unwrap_or(text)))
        }
        "removesuffix" => {
            let part = given.bind(name, ["suffix"])?.need_text(0)?;
            Ok(Value::from(text.strip_suffix(&*part).unwrap_or(text)))
        }
        "center" | "ljust" | "rjust" => {
            let mut given = given.bind(name, ["width", "fillchar"])?;
            let width = width(given.int(0, 0)?)?;
            let fill = given.text(1, " ")?.chars().next().unwrap_or(' ');
            Ok(Value::from(pad(text, width, fill, name)))
        }
        "zfill" => {
            let width = width(given.bind(name, ["width"])?.int(0, 0)?)?;
            let (sign, digits) = if text.starts_with(['+', '-']) { text.split_at(1) } else { ("", text) };
            let missing = width.saturating_sub(text.chars().count());
            Ok(Value::from(format!("{sign}{}{digits}", "0".repeat(missing))))
        }
        "splitlines" => {
            let keep = given.bind(name, ["keepends"])?.truth(0, false)?;
            let lines = text.split_inclusive('\n').map(|line| Value::from(if keep { line } else { line.trim_end_matches(['\n', '\r']) }));
            Ok(Value::list(lines.collect()))
        }
        "encode" => {
            let encoding = given.bind(name, ["encoding", "errors"])?.text(0, "utf-8")?;
            if !matches!(encoding.to_lowercase().as_str(), "utf-8" | "utf8" | "ascii" | "us-ascii") {
                return Err(Failure::failed(format!("the encoding `{encoding}` is not supported")));
            }
            Ok(Value::Bytes(text.as_bytes().into()))
        }
        "expandtabs" => {
            let size = width(given.bind(name, ["tabsize"])?.int(0, 8)?)?;
            Ok(Value::from(expand_tabs(text, size)))
        }
        "translate" => translate(text, &given.bind(name, ["table"])?.need(0)?),
        _ if NAMES.contains(&name) => {
            given.bind(name, [])?;
            Ok(plain(text, name))
        }
        _ => Err(Failure::failed(format!("text has no method `{name}`"))),
    }
}

/// The methods that take nothing.
fn plain(text: &str, name: &str) -> Value {
    let all = |test: fn(char) -> bool| Value::Bool(!text.is_empty() && text.chars().all(test));
    let cased = || text.chars().any(|c| c.is_lowercase() || c.is_uppercase());
    match name {
        "upper" => Value::from(text.to_uppercase()),
        "lower" => Value::from(text.to_lowercase()),
        "casefold" => Value::from(text.to_lowercase().replace('ß', "ss")),
        "capitalize" => Value::from(capitalize(text)),
        "title" => Value::from(title(text)),
        "swapcase" => Value::from(
            text.chars()
                .flat_map(|c| if c.is_uppercase() { c.to_lowercase().collect::<Vec<_>>() } else { c.to_uppercase().collect() })
                .collect::<String>(),
        ),
        "isdigit" | "isdecimal" | "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isascii" => Value::Bool(text.is_ascii()),
        "islower" => Value::Bool(cased() && !text.chars().any(char::is_uppercase)),
        "isupper" => Value::Bool(cased() && !text.chars().any(char::is_lowercase)),
        "istitle" => Value::Bool(cased() && title(text) == text),
        "isidentifier" => {
            let mut characters = text.chars();
            Value::Bool(
                characters.next().is_some_and(|c| c == '_' || c.is_alphabetic()) && characters.all(|c| c == '_' || c.is_alphanumeric()),
            )
        }
        _ => Value::from(text),
    }
}

/// The first letter large, the others small.
pub fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters.as_str().to_lowercase().chars()).collect())
}

fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if inside {
            out.extend(character.to_lowercase());
        } else {
            out.extend(character.to_uppercase());
        }
        inside = character.is_alphabetic();
    }
    out
}

/// Takes characters away at the ends: white space, or those that are given.
pub fn strip<'a>(text: &'a str, characters: Option<&str>, left: bool, right: bool) -> &'a str {
    let goes = |c: char| characters.map_or_else(|| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'), |given| given.contains(c));
    let mut text = text;
    if left {
        text = text.trim_start_matches(goes);
    }
    if right {
        text = text.trim_end_matches(goes);
    }
    text
}

fn split(text: &str, name: &str, given: Given) -> Outcome {
    let mut given = given.bind(name, ["sep", "maxsplit"])?;
    let separator = given.some_text(0)?;
    let most = usize::try_from(given.int(1, -1)?).ok();
    split_by(text, separator.as_deref(), most, name == "rsplit").map(|parts| Value::list(parts.into_iter().map(Value::from).collect()))
}

/// Python's `split` and `rsplit`.
pub fn split_by<'a>(text: &'a str, separator: Option<&str>, most: Option<usize>, from_right: bool) -> Outcome<Vec<&'a str>> {
    let parts = most.map_or(usize::MAX, |most| most.saturating_add(1));
    let mut found: Vec<&str> = match (separator, from_right) {
        (Some(""), _) => return Err(Failure::failed("the separator is empty")),
        (Some(separator), false) => return Ok(text.splitn(parts, separator).collect()),
        (Some(separator), true) => text.rsplitn(parts, separator).collect(),
        (None, false) => {
            let mut found = Vec::new();
            let mut rest = text.trim_start();
            while !rest.is_empty() {
                if let Some(at) = rest.find(char::is_whitespace).filter(|_| found.len() + 1 < parts) {
                    found.push(&rest[..at]);
                    rest = rest[at..].trim_start();
                } else {
                    // With no limit there is no space left; with one, the rest stays as it is.
                    found.push(if most.is_some() && found.len() + 1 >= parts { rest } else { rest.trim_end() });
                    break;
                }
            }
            return Ok(found);
        }
        (None, true) => {
            let mut found = Vec::new();
            let mut rest = text.trim_end();
            while !rest.is_empty() {
                if let Some(at) = rest.rfind(char::is_whitespace).filter(|_| found.len() + 1 < parts) {
                    let after = at + rest[at..].chars().next().map_or(1, char::len_utf8);
                    found.push(&rest[after..]);
                    rest = rest[..at].trim_end();
                } else {
                    found.push(rest);
                    break;
                }
            }
            found
        }
    };
    found.reverse();
    Ok(found)
}

/// A part of text by character positions.
/// Each character by a mapping of its code to text, to another code, or to `none`, which takes it out.
fn translate(text: &str, table: &Value) -> Outcome {
    let Value::Map(table) = table else {
        return Err(Failure::failed("`translate` needs a mapping"));
    };
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match table.get(&Key::Int(i128::from(u32::from(character)))) {
            None => out.push(character),
            Some(Value::None) => {}
            Some(Value::Int(code)) => {
                let code = u32::try_from(code).ok().and_then(char::from_u32);
                out.push(code.ok_or_else(|| Failure::failed("`translate` is given a number that is no character"))?);
            }
            Some(other) => out.push_str(&text_of(&other)?),
        }
    }
    Ok(Value::from(out))
}

fn range(text: &str, start: Option<i128>, end: Option<i128>) -> &str {
    if start.is_none() && end.is_none() {
        return text;
    }
    let length = i128::try_from(text.chars().count()).unwrap_or(0);
    let clamp = |at: i128| usize::try_from((if at < 0 { at + length } else { at }).clamp(0, length)).unwrap_or(0);
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    let (start, end) = (byte(clamp(start.unwrap_or(0))), byte(clamp(end.unwrap_or(length))));
    text.get(start..end).unwrap_or("")
}

fn search(text: &str, name: &str, given: Given) -> Outcome {
    let mut given = given.bind(name, ["sub", "start", "end"])?;
    let wanted = given.need_text(0)?;
    let (start, end) = (given.some_int(1)?, given.some_int(2)?);
    let part = range(text, start, end);
    if name == "count" {
        let count = if wanted.is_empty() { part.chars().count() + 1 } else { part.matches(&*wanted).count() };
        return Ok(Value::count(count));
    }
    let found = if name.starts_with('r') { part.rfind(&*wanted) } else { part.find(&*wanted) };
    match found {
        Some(at) => {
            let before = part.as_ptr() as usize - text.as_ptr() as usize + at;
            Ok(Value::count(text[..before].chars().count()))
        }
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(Failure::failed(format!("`{name}` does not find the text"))),
    }
}

fn width(number: i128) -> Outcome<usize> {
    let width = usize::try_from(number).unwrap_or(0);
    if width > 100_000 { Err(Failure::failed("the width is too large")) } else { Ok(width) }
}

/// Text with space around it.
pub fn pad(text: &str, width: usize, fill: char, how: &str) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let before = match how {
        "ljust" => 0,
        "rjust" => missing,
        // Python puts the odd one to the left when the width is odd.
        _ => missing / 2 + (missing & width & 1),
    };
    let fills = |count: usize| std::iter::repeat_n(fill, count);
    fills(before).chain(text.chars()).chain(fills(missing - before)).collect()
}

fn expand_tabs(text: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for character in text.chars() {
        match character {
            '\t' => {
                let missing = if size == 0 { 0 } else { size - column % size };
                out.extend(std::iter::repeat_n(' ', missing));
                column += missing;
            }
            '\n' | '\r' => {
                out.push(character);
                column = 0;
            }
            _ => {
                out.push(character);
                column += 1;
            }
        }
    }
    out
}

/// The field of a format: `0`, `name`, `name.attribute`, `name[key]`.
fn field(path: &str, positional: &[Value], named: &dyn Fn(&str) -> Option<Value>) -> Outcome {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (first, mut rest) = path.split_at(end);
    let missing = || Failure::failed(format!("a format names `{first}`, which is not given"));
    let mut value = match first.parse::<usize>() {
        Ok(at) => positional.get(at).cloned(),
        Err(_) => named(first),
    }
    .ok_or_else(missing)?;
    while !rest.is_empty() {
        let (key, found);
        if let Some(after) = rest.strip_prefix('.') {
            (key, rest) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
            found = engine::plain_attribute(&value, key);
        } else {
            let inside = rest.strip_prefix('[').ok_or_else(missing)?;
            (key, rest) = inside.split_once(']').ok_or_else(missing)?;
            found = engine::plain_item(&value, key);
        }
        value = found.ok_or_else(missing)?;
    }
    Ok(value)
}
