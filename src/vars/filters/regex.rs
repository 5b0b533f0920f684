//! Regular expressions with Python's syntax.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use fancy_regex::{Captures, Regex};

use super::Filter;
use crate::vars::arguments::{Bound, Given};
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::{Outcome, text_of, truth};
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "regex_replace", run: regex_replace },
    Filter { name: "regex_search", run: regex_search },
    Filter { name: "regex_findall", run: regex_findall },
    Filter { name: "regex_escape", run: regex_escape },
];

/// Expressions are used again and again; compiling them is what takes the time.
static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);

/// Compiles an expression that is written for Python.
pub fn compile(pattern: &str, ignore_case: bool, multi_line: bool) -> Outcome<Arc<Regex>> {
    let flags = match (ignore_case, multi_line) {
        (false, false) => "",
        (true, false) => "(?i)",
        (false, true) => "(?m)",
        (true, true) => "(?im)",
    };
    let translated = format!("{flags}{}", translate(pattern, multi_line));
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = compiled.get(&translated) {
        return Ok(Arc::clone(found));
    }
    let regex = Regex::new(&translated).map_err(|_| Failure::failed("the regular expression cannot be read"))?;
    let regex = Arc::new(regex);
    if compiled.len() > 1000 {
        compiled.clear();
    }
    compiled.insert(translated, Arc::clone(&regex));
    Ok(regex)
}

/// The few places where Python's syntax differs.
fn translate(pattern: &str, multi_line: bool) -> Cow<'_, str> {
    if !pattern.contains(['\\', '$', '[', '(']) {
        return Cow::Borrowed(pattern);
    }
    let multi_line = multi_line || pattern.starts_with("(?m)") || pattern.starts_with("(?im)") || pattern.starts_with("(?ms)");
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    let mut class_start = false;
    while let Some(character) = characters.next() {
        let at_start = std::mem::take(&mut class_start);
        match character {
            '\\' => match characters.next() {
                Some('Z') if !in_class => out.push_str("\\z"),
                Some('0') => out.push_str("\\x00"),
                Some('g') => out.push_str("\\\\g"),
                Some(letter @ ('"' | '\'' | '/' | ':' | '=' | '!' | '@' | '%' | ',' | ';' | '<' | '>' | '`' | '_' | ' ')) => {
                    // Python lets any mark be escaped; here some escapes mean something else.
                    if letter == ' ' { out.push_str("[ ]") } else { out.push(letter) }
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                class_start = true;
                out.push('[');
            }
            // Inside of a class, Python takes these as they are.
            '[' if in_class => out.push_str("\\["),
            '&' | '~' if in_class && characters.peek() == Some(&character) => {
                out.push('\\');
                out.push(character);
            }
            ']' if in_class && at_start => out.push_str("\\]"),
            '^' if in_class && at_start => {
                out.push('^');
                class_start = true;
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            // Python's `$` matches before a last line break, too.
            '$' if !in_class && !multi_line => out.push_str("(?=\\n?\\z)"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// What `re.search` finds.
pub fn search<'a>(regex: &Regex, text: &'a str) -> Outcome<Option<Captures<'a, str>>> {
    regex.captures(text).map_err(|_| Failure::failed("the regular expression takes too long"))
}

/// Whether `re.match` matches: at the start of the text.
pub fn matches_start(regex: &Regex, text: &str) -> Outcome<bool> {
    // An expression may find an earlier match that begins later, so every match counts.
    let found = regex.find(text).map_err(|_| Failure::failed("the regular expression takes too long"))?;
    Ok(found.is_some_and(|found| found.start() == 0))
}

/// All matches as Python finds them: an empty one may follow directly behind another.
fn all_captures<'a>(regex: &Regex, text: &'a str) -> Outcome<Vec<Captures<'a, str>>> {
    let mut found = Vec::new();
    let mut from = 0;
    while from <= text.len() {
        let captures = regex.captures_from_pos(text, from).map_err(|_| Failure::failed("the regular expression takes too long"))?;
        let Some(captures) = captures else { break };
        let Some((start, end)) = captures.get(0).map(|whole| (whole.start(), whole.end())) else { break };
        found.push(captures);
        // Behind an empty match, the search goes on one character later.
        from = if start == end { end + text[end..].chars().next().map_or(1, char::len_utf8) } else { end };
    }
    Ok(found)
}

struct Flags {
    ignore_case: bool,
    multi_line: bool,
}

fn flags<const N: usize>(given: &mut Bound<N>, ignore_case: usize, multi_line: usize) -> Outcome<Flags> {
    Ok(Flags { ignore_case: given.truth(ignore_case, false)?, multi_line: given.truth(multi_line, false)? })
}

fn regex_replace(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("regex_replace", ["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"])?;
    let (pattern, replacement) = (given.text(0, "")?, given.text(1, "")?);
    let Flags { ignore_case, multi_line } = flags(&mut given, 2, 3)?;
    let count = usize::try_from(given.int(4, 0)?).unwrap_or(0);
    let mandatory = usize::try_from(given.int(5, 0)?).unwrap_or(0);
    let regex = compile(&pattern, ignore_case, multi_line)?;
    let text = text_of(&value)?;
    let parts = replacement_parts(&replacement)?;
    check_groups(&regex, &parts)?;
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    let mut replaced = 0;
    for captures in all_captures(&regex, &text)? {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[end..whole.start()]);
        for part in &parts {
            match part {
                Part::Text(part) => out.push_str(part),
                Part::Number(number) => out.push_str(captures.get(*number).map_or("", |group| group.as_str())),
                Part::Name(name) => out.push_str(captures.name(name).map_or("", |group| group.as_str())),
            }
        }
        end = whole.end();
        replaced += 1;
        if count > 0 && replaced == count {
            break;
        }
    }
    out.push_str(&text[end..]);
    if mandatory > 0 && mandatory != replaced {
        return Err(Failure::failed(format!("the regular expression must match {mandatory} times, but matches {replaced} times")));
    }
    Ok(Value::from(out))
}

enum Part {
    Text(String),
    Number(usize),
    Name(String),
}

/// A replacement: `\1`, `\g<1>`, `\g<name>` and the escapes of Python.
fn replacement_parts(replacement: &str) -> Outcome<Vec<Part>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        let group = match characters.next() {
            Some('g') => {
                if characters.next() != Some('<') {
                    return Err(Failure::failed("`\\g` in a replacement needs a group: `\\g<1>`"));
                }
                let name: String = characters.by_ref().take_while(|c| *c != '>').collect();
                name.parse().map_or_else(|_| Part::Name(name), Part::Number)
            }
            Some(first @ '1'..='9') => {
                let mut number = first.to_digit(10).unwrap_or(0) as usize;
                if let Some(second) = characters.peek().and_then(|c| c.to_digit(10)) {
                    number = number * 10 + second as usize;
                    characters.next();
                }
                Part::Number(number)
            }
            Some('n') => Part::Text("\n".to_owned()),
            Some('t') => Part::Text("\t".to_owned()),
            Some('r') => Part::Text("\r".to_owned()),
            Some('a') => Part::Text("\u{7}".to_owned()),
            Some('b') => Part::Text("\u{8}".to_owned()),
            Some('f') => Part::Text("\u{c}".to_owned()),
            Some('v') => Part::Text("\u{b}".to_owned()),
            Some('0') => Part::Text("\0".to_owned()),
            Some(letter) if letter.is_ascii_alphabetic() => {
                return Err(Failure::failed(format!("`\\{letter}` is unknown in a replacement")));
            }
            Some('\\') => Part::Text("\\".to_owned()),
            Some(other) => Part::Text(format!("\\{other}")),
            None => return Err(Failure::failed("the replacement ends in a backslash")),
        };
        match group {
            Part::Text(more) => text.push_str(&more),
            group => {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(group);
            }
        }
    }
    parts.push(Part::Text(text));
    Ok(parts)
}

fn check_groups(regex: &Regex, parts: &[Part]) -> Outcome<()> {
    for part in parts {
        let (known, shown) = match part {
            Part::Text(_) => continue,
            Part::Number(number) => (*number < regex.captures_len(), number.to_string()),
            Part::Name(name) => (regex.capture_names().flatten().any(|known| known == name), name.clone()),
        };
        if !known {
            return Err(Failure::failed(format!("the replacement names group `{shown}`, which the regular expression does not have")));
        }
    }
    Ok(())
}

fn regex_search(_: &Environment<'_>, value: Value, mut given: Given) -> Outcome {
    let mut flag = |name: &str| given.take_named(name).map_or(Ok(false), |value| truth(&value));
    let (ignore_case, multi_line) = (flag("ignorecase")?, flag("multiline")?);
    let pattern = given.take_named("regex").or_else(|| (!given.positional.is_empty()).then(|| given.positional.remove(0)));
    let pattern = text_of(&pattern.ok_or_else(|| Failure::failed("`regex_search` needs a regular expression"))?)?;
    let regex = compile(&pattern, ignore_case, multi_line)?;
    let text = text_of(&value)?;
    let Some(captures) = search(&regex, &text)? else {
        return Ok(Value::None);
    };
    let text_of_group = |group: Option<fancy_regex::Match<'_>>| group.map_or(Value::None, |group| Value::from(group.as_str()));
    if given.positional.is_empty() {
        return Ok(text_of_group(captures.get(0)));
    }
    let mut groups = Vec::new();
    for wanted in &given.positional {
        let wanted = text_of(wanted)?;
        let none = || Failure::failed("the regular expression has no such group");
        let group = if let Some(name) = wanted.strip_prefix("\\g<").and_then(|rest| rest.strip_suffix('>')) {
            match name.parse::<usize>() {
                Ok(number) if number < captures.len() => captures.get(number),
                Err(_) if regex.capture_names().flatten().any(|known| known == name) => captures.name(name),
                _ => return Err(none()),
            }
        } else if let Some(number) = wanted.strip_prefix('\\').and_then(|number| number.parse::<usize>().ok()) {
            if number >= captures.len() {
                return Err(none());
            }
            captures.get(number)
        } else {
            return Err(Failure::failed("`regex_search` names groups as `\\\\1` or `\\\\g<name>`"));
        };
        groups.push(text_of_group(group));
    }
    Ok(Value::list(groups))
}

fn regex_findall(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("regex_findall", ["regex", "multiline", "ignorecase"])?;
    let pattern = given.need_text(0)?;
    let Flags { ignore_case, multi_line } = flags(&mut given, 2, 1)?;
    let regex = compile(&pattern, ignore_case, multi_line)?;
    let text = text_of(&value)?;
    let mut found = Vec::new();
    for captures in all_captures(&regex, &text)? {
        let group = |at: usize| Value::from(captures.get(at).map_or("", |group| group.as_str()));
        found.push(match captures.len() {
            0 | 1 => group(0),
            2 => group(1),
            count => Value::tuple((1..count).map(group).collect()),
        });
    }
    Ok(Value::list(found))
}

/// Escapes text for Python's regular expressions, as `re.escape` does.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

fn regex_escape(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let kind = given.bind("regex_escape", ["re_type"])?.text(0, "python")?;
    let text = text_of(&value)?;
    match kind.as_str() {
        "python" => Ok(Value::from(escape(&text))),
        "posix_basic" => {
            Ok(Value::from(text.chars().flat_map(|c| if "[].^$*\\".contains(c) { vec!['\\', c] } else { vec![c] }).collect::<String>()))
        }
        _ => Err(Failure::failed("`regex_escape` knows `python` and `posix_basic`")),
    }
}
