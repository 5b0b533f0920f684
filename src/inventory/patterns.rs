//! Ansible's host patterns: `web*`, `group:&other:!host`, `web[0:2]`, `~regex`, `@file`.
//! See <https://docs.ansible.com/ansible/latest/inventory_guide/intro_patterns.html>.

use std::collections::HashSet;

use fancy_regex::Regex;

use super::hosts::{ALL, Hosts};
use super::{files, ranges};
use crate::diagnostic::{Error, Kind, Result, did_you_mean};

/// The names of the hosts that a pattern selects.
///
/// # Errors
/// A pattern that cannot be read, or a name that is neither host nor group.
pub fn select<'a>(hosts: &'a Hosts, pattern: &str) -> Result<HashSet<&'a str>> {
    let mut parts = Vec::new();
    for part in split(pattern) {
        match part.strip_prefix('@') {
            Some(path) => {
                let text = fs_err::read_to_string(path).map_err(|error| {
                    usage(format!("the limit file `{path}` cannot be read: {}", files::reason(&error))).caused_by(error)
                })?;
                parts.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
            }
            None => parts.push(part),
        }
    }
    let kind = |part: &String| match part.as_bytes().first() {
        Some(b'&') => 1,
        Some(b'!') => 2,
        _ => 0,
    };
    // What adds comes first, then what keeps, then what removes, wherever they stand.
    parts.sort_by_key(kind);
    if parts.first().is_none_or(|part| kind(part) != 0) {
        parts.insert(0, ALL.to_owned());
    }
    let mut selected = HashSet::new();
    for part in &parts {
        let name = part.strip_prefix(['&', '!']).unwrap_or(part);
        let matched: HashSet<_> = one(hosts, name)?.into_iter().collect();
        match kind(part) {
            0 => selected.extend(matched),
            1 => selected.retain(|host| matched.contains(host)),
            _ => selected.retain(|host| !matched.contains(host)),
        }
    }
    Ok(selected)
}

/// Splits at commas; where there is none at colons, unless the whole is an address or a range.
fn split(pattern: &str) -> Vec<String> {
    let pattern = pattern.trim();
    let parts: Vec<String> = if pattern.contains(',') {
        pattern.split(',').map(str::to_owned).collect()
    } else if ranges::address(pattern).is_some() {
        vec![pattern.to_owned()]
    } else {
        let mut parts = vec![String::new()];
        let mut inside = false;
        for character in pattern.chars() {
            match character {
                '[' => inside = true,
                ']' => inside = false,
                _ => {}
            }
            match parts.last_mut() {
                Some(last) if inside || character != ':' && !character.is_whitespace() => last.push(character),
                _ => parts.push(String::new()),
            }
        }
        parts
    };
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn one<'a>(hosts: &'a Hosts, pattern: &str) -> Result<Vec<&'a str>> {
    if let Some((name, _)) = hosts.hosts.get_key_value(pattern) {
        return Ok(vec![name]);
    }
    let (expression, subscript) = subscript(pattern);
    let matched = enumerate(hosts, expression)?;
    let Some((first, last)) = subscript else {
        return Ok(matched);
    };
    let place = |number: i64| {
        let length = i64::try_from(matched.len()).unwrap_or(i64::MAX);
        usize::try_from(if number < 0 { number + length } else { number }).ok()
    };
    let range = match last {
        None => place(first).map(|first| (first, first)),
        Some(last) => place(first).zip(place(last)).map(|(first, last)| (first, last.min(matched.len().saturating_sub(1)))),
    };
    match range.and_then(|(first, last)| matched.get(first..=last)) {
        Some(part) => Ok(part.to_vec()),
        None if last.is_some() => Ok(Vec::new()),
        None => Err(usage(format!("`{pattern}` selects no host: `{expression}` has {}", matched.len()))),
    }
}

/// `web[1]`, `web[-1]`, `web[1:3]` and `web[1:]`: the part before, and the first and last number.
fn subscript(pattern: &str) -> (&str, Option<(i64, Option<i64>)>) {
    let whole = (pattern, None);
    let Some((expression, inside)) = pattern.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) else {
        return whole;
    };
    if expression.is_empty() || pattern.starts_with('~') {
        return whole;
    }
    let number = |text: &str| if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<i64>().ok() } else { None };
    match inside.split_once(':') {
        Some((first, last)) => match (number(first), if last.is_empty() { Some(-1) } else { number(last) }) {
            (Some(first), Some(last)) => (expression, Some((first, Some(last)))),
            _ => whole,
        },
        None => match inside.strip_prefix('-').map_or_else(|| number(inside), |digits| number(digits).map(|number| -number)) {
            Some(only) => (expression, Some((only, None))),
            None => whole,
        },
    }
}

fn enumerate<'a>(hosts: &'a Hosts, pattern: &str) -> Result<Vec<&'a str>> {
    let regex = match pattern.strip_prefix('~') {
        Some(regex) => format!("^(?:{regex})"),
        None => glob(pattern),
    };
    let wrong = |error: fancy_regex::Error| usage(format!("`{pattern}` is no host pattern: {error}"));
    let regex = Regex::new(&regex).map_err(wrong)?;
    let mut found = indexmap::IndexSet::new();
    let mut groups = false;
    for name in hosts.groups.keys() {
        if regex.is_match(name).map_err(wrong)? {
            groups = true;
            found.extend(hosts.members(name));
        }
    }
    let special = pattern.starts_with('~') || pattern.contains(['?', '*', '[']);
    if !groups || special || pattern.contains('.') {
        for name in hosts.hosts.keys() {
            if regex.is_match(name).map_err(wrong)? {
                found.insert(name);
            }
        }
    }
    if found.is_empty() && !groups && !special {
        let error = usage(format!("no host and no group is named `{pattern}`"));
        let names = hosts.hosts.keys().chain(hosts.groups.keys()).map(String::as_str);
        return Err(match did_you_mean(pattern, names) {
            Some(hint) => error.hint(hint),
            None => error.hint(super::known_hosts(hosts)),
        });
    }
    Ok(found.into_iter().collect())
}

/// A shell pattern as a regular expression (Python's `fnmatch`).
fn glob(pattern: &str) -> String {
    let mut regex = "^(?s:".to_owned();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                // A bracket right behind the opening one, or behind `!`, is a member of the set.
                let negated = rest.starts_with('!');
                let body = usize::from(negated);
                let from = body + usize::from(rest[body..].starts_with(']'));
                match rest.get(from..).and_then(|tail| tail.find(']')) {
                    Some(end) => {
                        let set = rest[body..from + end]
                            .replace('\\', r"\\")
                            .replace('[', r"\[")
                            .replace(']', r"\]")
                            .replace('^', r"\^")
                            .replace("&&", r"&\&")
                            .replace("~~", r"~\~");
                        regex.push_str(if negated { "[^" } else { "[" });
                        regex.push_str(&set);
                        regex.push(']');
                        rest = &rest[from + end + 1..];
                    }
                    None => regex.push_str(r"\["),
                }
            }
            _ => regex.push_str(&fancy_regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push_str(r")\z");
    regex
}

fn usage(message: String) -> Error {
    Error::new(Kind::Usage, message)
}

#[cfg(test)]
mod tests;
