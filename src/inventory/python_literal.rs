//! Python literals, which is how Ansible types the values of an INI hosts file
//! (`ast.literal_eval`): `80` is a number, `True` a boolean, `['a', 'b']` a list.

use super::node::{Node, Value};
use crate::diagnostic::{Diagnostic, Span};

/// Python's own parser gives up on deeper nesting too, and the value stays text.
const MOST_DEPTH: usize = 100;

/// The value that a text has; text where it is no literal.
///
/// # Errors
/// It holds a whole number of more than 128 bits: Python would compute with it, so it is no text.
pub fn value(text: &str, span: &Span) -> Result<Node, Diagnostic> {
    let mut reader = Reader { rest: text.trim_start_matches([' ', '\t']), span, too_long: false };
    let read = reader.whole();
    if reader.too_long {
        return Err(Diagnostic::error("H0107", "a whole number of more than 128 bits cannot be held")
            .at(span)
            .help("put a second pair of quotes inside of the first if it is meant as text: `name=\"'123'\"`"));
    }
    Ok(match read {
        Some(value) => Node::new(value, span.clone()),
        None => Node::new(Value::Text(text.to_owned()), span.clone()),
    })
}

struct Reader<'a> {
    rest: &'a str,
    span: &'a Span,
    too_long: bool,
}

impl<'a> Reader<'a> {
    /// Everything, with a comment at its end; `80,443` without brackets is a list as well.
    fn whole(&mut self) -> Option<Value> {
        let first = self.item(0)?;
        self.space();
        let value = if self.eat(",") {
            let mut items = vec![Node::new(first, self.span.clone())];
            self.space();
            while !self.at_end() {
                let item = self.item(0)?;
                items.push(Node::new(item, self.span.clone()));
                self.space();
                if !self.eat(",") {
                    break;
                }
                self.space();
            }
            Value::List(items)
        } else {
            first
        };
        self.space();
        self.at_end().then_some(value)
    }

    fn at_end(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with('#')
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\u{c}']);
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn item(&mut self, depth: usize) -> Option<Value> {
        if depth > MOST_DEPTH {
            return None;
        }
        self.space();
        let first = self.rest.chars().next()?;
        match first {
            '[' => {
                self.eat("[");
                self.items("]", depth).map(|(items, _)| Value::List(items))
            }
            '(' => {
                self.eat("(");
                let (mut items, comma) = self.items(")", depth)?;
                if items.len() == 1 && !comma { items.pop().map(|item| item.value) } else { Some(Value::List(items)) }
            }
            '{' => {
                self.eat("{");
                self.braces(depth)
            }
            '-' | '+' => {
                self.rest = &self.rest[1..];
                self.space();
                match (self.number()?, first) {
                    (Value::Int(number), '-') => Some(Value::Int(number.checked_neg()?)),
                    (Value::Float(number), '-') => Some(Value::Float(-number)),
                    (value, _) => Some(value),
                }
            }
            '.' if self.eat("...") => Some(Value::Text("...".to_owned())),
            '0'..='9' | '.' => self.number(),
            '"' | '\'' => self.strings(),
            _ => {
                let word = self.word();
                let rest = &self.rest[word.len()..];
                match word {
                    "True" | "False" | "None" | "set" => {
                        let value = match word {
                            "True" => Value::Bool(true),
                            "False" => Value::Bool(false),
                            "None" => Value::Null,
                            _ => Value::List(Vec::new()),
                        };
                        self.rest = rest;
                        if word == "set" && !self.eat("()") { None } else { Some(value) }
                    }
                    _ if rest.starts_with(['"', '\'']) => self.strings(),
                    _ => None,
                }
            }
        }
    }

    fn word(&self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    /// Items to the closing bracket, and whether a comma followed one of them.
    fn items(&mut self, close: &str, depth: usize) -> Option<(Vec<Node>, bool)> {
        let (mut items, mut comma) = (Vec::new(), false);
        loop {
            self.space();
            if self.eat(close) {
                return Some((items, comma));
            }
            let item = self.item(depth + 1)?;
            items.push(Node::new(item, self.span.clone()));
            self.space();
            if self.eat(",") {
                comma = true;
            } else {
                return self.eat(close).then_some((items, comma));
            }
        }
    }

    /// A mapping, or a set, which becomes a list.
    fn braces(&mut self, depth: usize) -> Option<Value> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut set: Vec<Node> = Vec::new();
        loop {
            self.space();
            if self.eat("}") {
                return Some(if set.is_empty() { Value::Map(entries) } else { Value::List(set) });
            }
            let key = self.item(depth + 1)?;
            if matches!(key, Value::List(_) | Value::Map(_)) {
                return None;
            }
            let key = Node::new(key, self.span.clone());
            self.space();
            if self.eat(":") {
                let value = self.item(depth + 1)?;
                let value = Node::new(value, self.span.clone());
                match entries.iter_mut().find(|(other, _)| *other == key) {
                    Some(entry) => entry.1 = value,
                    None => entries.push((key, value)),
                }
            } else if !set.contains(&key) {
                set.push(key);
            }
            if !entries.is_empty() && !set.is_empty() {
                return None;
            }
            self.space();
            if !self.eat(",") {
                self.space();
                let value = if set.is_empty() { Value::Map(entries) } else { Value::List(set) };
                return self.eat("}").then_some(value);
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let mut end = 0;
        let mut previous = ' ';
        let bytes = self.rest.as_bytes();
        let prefixed = matches!(bytes, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
        for character in self.rest.chars() {
            let exponent_sign = matches!(character, '+' | '-') && matches!(previous, 'e' | 'E') && !prefixed;
            if !(character.is_alphanumeric() || matches!(character, '.' | '_') || exponent_sign) {
                break;
            }
            end += character.len_utf8();
            previous = character;
        }
        let (token, rest) = self.rest.split_at(end);
        // Python allows an underscore between digits and after a base, nowhere else.
        let underscores = token.split('_').enumerate().all(|(place, part)| {
            !part.is_empty()
                && (place == 0 || part.starts_with(|c: char| c.is_ascii_hexdigit()))
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'))
        }) && !token.contains("._");
        if !underscores {
            return None;
        }
        let digits = token.replace('_', "");
        let value = if let Some((base, digits)) = based(&digits) {
            Value::Int(self.whole_number(digits, base)?)
        } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            if digits.starts_with('0') && digits.bytes().any(|byte| byte != b'0') {
                return None;
            }
            Value::Int(self.whole_number(&digits, 10)?)
        } else if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        {
            Value::Float(digits.parse().ok()?)
        } else {
            return None;
        };
        self.rest = rest;
        Some(value)
    }

    fn whole_number(&mut self, digits: &str, base: u32) -> Option<i128> {
        let number = i128::from_str_radix(digits, base).ok();
        self.too_long |= number.is_none() && digits.chars().all(|digit| digit.is_digit(base));
        number
    }

    /// Strings that follow each other are one.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        let mut bytes = None;
        while let Some((raw, byte, length)) = self.string_prefix() {
            if bytes.is_some_and(|bytes| bytes != byte) {
                return None;
            }
            bytes = Some(byte);
            self.rest = &self.rest[length..];
            self.string(raw, &mut text)?;
            self.space();
        }
        bytes.map(|_| Value::Text(text))
    }

    /// Whether a string begins here: raw, of bytes, and the length of its prefix.
    fn string_prefix(&self) -> Option<(bool, bool, usize)> {
        let word = self.word();
        if !self.rest[word.len()..].starts_with(['"', '\'']) {
            return None;
        }
        let (raw, bytes) = match word.to_ascii_lowercase().as_str() {
            "" | "u" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "rb" | "br" => (true, true),
            _ => return None,
        };
        Some((raw, bytes, word.len()))
    }

    fn string(&mut self, raw: bool, text: &mut String) -> Option<()> {
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| self.rest.starts_with(quote))?;
        self.rest = &self.rest[quote.len()..];
        loop {
            if self.eat(quote) {
                return Some(());
            }
            let character = self.rest.chars().next()?;
            self.rest = &self.rest[character.len_utf8()..];
            if character != '\\' {
                text.push(character);
                continue;
            }
            let escaped = self.rest.chars().next()?;
            if raw {
                text.extend(['\\', escaped]);
                self.rest = &self.rest[escaped.len_utf8()..];
            } else {
                let (character, length) = escape(self.rest)?;
                match character {
                    Some(character) => text.push(character),
                    None => text.push('\\'),
                }
                self.rest = &self.rest[length..];
            }
        }
    }
}

/// What follows a backslash: its character, where it is an escape, and how long it is. An unknown
/// escape is the backslash itself; a broken one is no literal at all.
pub fn escape(text: &str) -> Option<(Option<char>, usize)> {
    let hexadecimal = |length: usize| {
        let digits = text.get(1..=length).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?).map(|character| (Some(character), length + 1))
    };
    let character = match text.chars().next()? {
        'x' => return hexadecimal(2),
        'u' => return hexadecimal(4),
        'U' => return hexadecimal(8),
        'N' => return None,
        '0'..='7' => {
            let length = text.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            let code = u32::from_str_radix(&text[..length], 8).ok()?;
            return Some((Some(char::from_u32(code)?), length));
        }
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        character @ ('\\' | '\'' | '"') => character,
        _ => return Some((None, 0)),
    };
    Some((Some(character), 1))
}

fn based(digits: &str) -> Option<(u32, &str)> {
    let (prefix, rest) = digits.split_at_checked(2)?;
    let base = match prefix {
        "0x" | "0X" => 16,
        "0o" | "0O" => 8,
        "0b" | "0B" => 2,
        _ => return None,
    };
    rest.starts_with(|c: char| c.is_ascii_hexdigit()).then_some((base, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As JSON, near enough to compare with Python's.
    pub fn json(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Bool(boolean) => boolean.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => format!("{number:?}"),
            Value::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
            Value::Map(entries) => format!(
                "{{{}}}",
                entries.iter().map(|(key, value)| format!("{}: {}", json(key), json(value))).collect::<Vec<_>>().join(", ")
            ),
            Value::Text(text) => format!("{text:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn values_are_typed_as_python_types_them() {
        let texts = include_str!("python_literal/cases.txt");
        let shown: String =
            texts.lines().map(|text| format!("{text} => {}\n", json(&value(text, &Span::whole("hosts")).unwrap()))).collect();
        assert_eq!(shown, include_str!("python_literal/expected.txt"));
    }

    #[test]
    fn deep_brackets_stay_text() {
        let deep = "[".repeat(10_000);
        assert_eq!(value(&deep, &Span::whole("hosts")).unwrap().value, Value::Text(deep));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            let _ = value(&text, &Span::whole("hosts"));
        }

        #[test]
        fn no_literal_like_text_makes_it_panic(text in "[\\[\\](){},:'\"\\\\xuN0-9a-f_.eE+TrueFalseNon# é-]{0,24}") {
            let _ = value(&text, &Span::whole("hosts"));
        }
    }
}
