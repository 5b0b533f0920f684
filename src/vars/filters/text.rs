//! Filters for text.

use super::{Filter, need_text};
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::format::percent;
use crate::vars::key::Key;
use crate::vars::methods;
use crate::vars::python::{Outcome, length as python_length, repr, text_of, to_text};
use crate::vars::value::{Entries, Text, Value};

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "string", run: |_, value, _| to_text(&value).map(Value::Text) },
    Filter { name: "lower", run: |_, value, _| Ok(Value::from(text_of(&value)?.to_lowercase())) },
    Filter { name: "upper", run: |_, value, _| Ok(Value::from(text_of(&value)?.to_uppercase())) },
    Filter { name: "capitalize", run: |_, value, _| method(&value, "capitalize", Given::default()) },
    Filter { name: "title", run: title },
    Filter { name: "trim", run: trim },
    Filter { name: "replace", run: replace },
    Filter { name: "split", run: split },
    Filter { name: "truncate", run: truncate },
    Filter { name: "indent", run: indent },
    Filter { name: "center", run: center },
    Filter { name: "wordwrap", run: wordwrap },
    Filter {
        name: "wordcount",
        run: |_, value, _| {
            Ok(Value::count(text_of(&value)?.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count()))
        },
    },
    Filter { name: "format", run: format },
    Filter { name: "pprint", run: |_, value, _| repr(&value).map(Value::from) },
    Filter { name: "safe", run: |_, value, _| Ok(value) },
    Filter { name: "striptags", run: striptags },
    Filter { name: "comment", run: comment },
];

/// Larger texts are refused.
const WIDEST: i128 = 1_000_000;

fn method(value: &Value, name: &str, given: Given) -> Outcome {
    methods::call(&Value::from(text_of(value)?), name, given)
}

fn split(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    need_text(&value, "split")?;
    method(&value, "split", given)
}

fn title(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let text = text_of(&value)?;
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for character in text.chars() {
        let separates = character.is_whitespace() || matches!(character, '-' | '(' | '{' | '[' | '<');
        if begins && !separates {
            out.extend(character.to_uppercase());
        } else {
            out.extend(character.to_lowercase());
        }
        begins = separates;
    }
    Ok(Value::from(out))
}

fn trim(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let characters = given.bind("trim", ["chars"])?.some_text(0)?;
    Ok(Value::from(methods::text::strip(&text_of(&value)?, characters.as_deref(), true, true)))
}

fn replace(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("replace", ["old", "new", "count"])?;
    let (old, new) = (text_of(&given.need(0)?)?, text_of(&given.need(1)?)?);
    let count = given.int(2, -1)?;
    let text = text_of(&value)?;
    Ok(Value::from(usize::try_from(count).map_or_else(|_| text.replace(&old, &new), |count| text.replacen(&old, &new, count))))
}

fn truncate(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("truncate", ["length", "killwords", "end", "leeway"])?;
    let length = usize::try_from(given.int(0, 255)?).unwrap_or(0);
    let kill_words = given.truth(1, false)?;
    let end = given.text(2, "...")?;
    let leeway = usize::try_from(given.int(3, 5)?).unwrap_or(0);
    // Python asks for the length first, which lists have, too.
    if !matches!(value, Value::Text(_)) && python_length(&value)? <= length + leeway {
        return Ok(value);
    }
    let text = need_text(&value, "truncate")?.to_owned();
    let ending = end.chars().count();
    if length < ending {
        return Err(Failure::failed(format!("`truncate` needs a length of at least {ending}, which its `end` takes")));
    }
    if text.chars().count() <= length + leeway {
        return Ok(Value::from(text));
    }
    let kept: String = text.chars().take(length - ending).collect();
    let kept = if kill_words { kept.as_str() } else { kept.rsplit_once(' ').map_or(kept.as_str(), |(words, _)| words) };
    Ok(Value::from(format!("{kept}{end}")))
}

fn indent(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("indent", ["width", "first", "blank"])?;
    let indention = match given.take(0) {
        None => "    ".to_owned(),
        Some(Value::Int(width)) => " ".repeat(usize::try_from(width.clamp(0, WIDEST)).unwrap_or(0)),
        Some(other) => text_of(&other)?,
    };
    let (first, blank) = (given.truth(1, false)?, given.truth(2, false)?);
    let text = need_text(&value, "indent")?.to_owned() + "\n";
    let mut out = String::new();
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if (at == 0 && first) || (at > 0 && (blank || !line.is_empty())) {
            out.push_str(&indention);
        }
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn center(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let width = given.bind("center", ["width"])?.int(0, 80)?.clamp(0, WIDEST);
    Ok(Value::from(methods::text::pad(&text_of(&value)?, usize::try_from(width).unwrap_or(0), ' ', "center")))
}

fn wordwrap(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("wordwrap", ["width", "break_long_words", "wrapstring", "break_on_hyphens"])?;
    let width = usize::try_from(given.int(0, 79)?).unwrap_or(0).max(1);
    let break_long = given.truth(1, true)?;
    let newline = given.some_text(2)?.unwrap_or_else(|| "\n".to_owned());
    let text = need_text(&value, "wordwrap")?;
    let mut lines = Vec::new();
    for line in text.lines() {
        wrap_line(line, width, break_long, &mut lines);
    }
    Ok(Value::from(lines.join(&newline)))
}

/// One line, broken between words; a word that is too long is broken itself.
fn wrap_line(line: &str, width: usize, break_long: bool, lines: &mut Vec<String>) {
    let before = lines.len();
    let mut current = String::new();
    let mut length = 0;
    let mut rest = line;
    while !rest.is_empty() {
        let is_space = rest.starts_with(char::is_whitespace);
        let end = rest.find(|c: char| c.is_whitespace() != is_space).unwrap_or(rest.len());
        let (chunk, after) = rest.split_at(end);
        rest = after;
        let size = chunk.chars().count();
        if is_space && length == 0 && lines.len() > before {
            continue;
        }
        if length + size <= width {
            current.push_str(chunk);
            length += size;
            continue;
        }
        if !current.trim_end().is_empty() {
            lines.push(current.trim_end().to_owned());
        }
        current.clear();
        length = 0;
        if is_space {
            continue;
        }
        let mut word: Vec<char> = chunk.chars().collect();
        while break_long && word.len() > width {
            lines.push(word.drain(..width).collect());
        }
        length = word.len();
        current.extend(word);
    }
    if !current.trim_end().is_empty() || lines.len() == before {
        lines.push(current.trim_end().to_owned());
    }
}

fn format(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let text = Text::plain(text_of(&value)?);
    let subject = if given.named.is_empty() {
        Value::tuple(given.positional)
    } else {
        Value::map(given.named.into_iter().map(|(name, value)| (Key::Text(name), value)).collect::<Entries>())
    };
    percent(&text, &subject)
}

fn striptags(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let text = text_of(&value)?;
    let mut out = String::new();
    let mut inside = false;
    for character in text.chars() {
        match character {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    Ok(Value::from(out.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn comment(_: &Environment<'_>, value: Value, mut given: Given) -> Outcome {
    let text = need_text(&value, "comment")?;
    let style = if given.positional.is_empty() { given.take_named("style") } else { Some(given.positional.remove(0)) };
    let style = style.map_or_else(|| Ok("plain".to_owned()), |style| text_of(&style))?;
    let (beginning, decoration, end) = match style.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        _ => return Err(Failure::failed("`comment` needs `plain`, `erlang`, `c`, `cblock` or `xml` as its style")),
    };
    let mut option = |name: &str, default: &str| given.take_named(name).map_or_else(|| Ok(default.to_owned()), |value| text_of(&value));
    let decoration = option("decoration", decoration)?;
    let (beginning, end) = (option("beginning", beginning)?, option("end", end)?);
    let newline = option("newline", "\n")?;
    let prefix = option("prefix", decoration.trim_end())?;
    let postfix = option("postfix", decoration.trim_end())?;
    let mut count = |name: &str| {
        given
            .take_named(name)
            .map_or(1, |value| if let Value::Int(count) = value { usize::try_from(count.clamp(0, 1000)).unwrap_or(0) } else { 1 })
    };
    let (prefix_count, postfix_count) = (count("prefix_count"), count("postfix_count"));
    if let Some((name, _)) = given.named.first() {
        return Err(Failure::failed(format!("`comment` has no argument `{name}`")));
    }
    let mut out = String::new();
    if !beginning.is_empty() {
        out.push_str(&beginning);
        out.push_str(&newline);
    }
    if !prefix.is_empty() {
        let line = if prefix == newline { newline.clone() } else { format!("{prefix}{newline}") };
        out.push_str(&line.repeat(prefix_count));
    }
    let body = format!("{decoration}{}", text.replace(&newline, &format!("{newline}{decoration}")));
    out.push_str(&body.replace(&format!("{decoration}{newline}"), &format!("{}{newline}", decoration.trim_end())));
    for _ in 0..postfix_count {
        out.push_str(&newline);
        out.push_str(&postfix);
    }
    if !end.is_empty() {
        out.push_str(&newline);
        out.push_str(&end);
    }
    Ok(Value::from(out))
}
