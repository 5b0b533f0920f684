//! Text -> tokens, with Jinja2's rules for whitespace.

use std::borrow::Cow;
use std::sync::Arc;

use super::SyntaxError;
use super::string::unescape;
use super::tokens::{SYMBOLS, Token};

/// What a text begins with that sets options for itself.
pub const OVERRIDE: &str = "#jinja2:";

/// How a text is read.
#[expect(clippy::struct_excessive_bools, reason = "Jinja2's own options")]
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether strings between `{{` and `}}` keep their backslashes: true for variables, false for
    /// template files.
    pub literal_backslashes: bool,
    /// Whether the line break behind a block goes away.
    pub trim_blocks: bool,
    /// Whether the space before a block goes away.
    pub lstrip_blocks: bool,
    /// Whether the last line break stays.
    pub keep_trailing_newline: bool,
    delimiters: [Cow<'static, str>; 6],
}

impl Options {
    /// Ansible's options for variables.
    pub const fn variables() -> Self {
        Self {
            literal_backslashes: true,
            trim_blocks: true,
            lstrip_blocks: false,
            keep_trailing_newline: false,
            delimiters: [
                Cow::Borrowed("{{"),
                Cow::Borrowed("}}"),
                Cow::Borrowed("{%"),
                Cow::Borrowed("%}"),
                Cow::Borrowed("{#"),
                Cow::Borrowed("#}"),
            ],
        }
    }

    /// Ansible's options for template files.
    pub fn file() -> Self {
        Self { literal_backslashes: false, ..Self::variables() }
    }

    /// Takes the options that a `#jinja2:` line sets; the rest of the text is the template.
    fn overridden<'a>(&self, source: &'a str) -> Result<(Self, &'a str), SyntaxError> {
        let Some(header) = source.strip_prefix(OVERRIDE) else {
            return Ok((self.clone(), source));
        };
        let Some((line, rest)) = header.split_once('\n') else {
            return Err(SyntaxError::new("a line break must follow the options behind `#jinja2:`", 0));
        };
        let mut options = self.clone();
        for pair in line.split(',') {
            let (name, value) =
                pair.split_once(':').ok_or_else(|| SyntaxError::new("an option behind `#jinja2:` needs the form `name: value`", 0))?;
            options.set(name.trim(), value.trim())?;
        }
        Ok((options, rest))
    }

    /// Sets one of the delimiters by Jinja2's name for it; false where there is none of that name.
    pub fn set_delimiter(&mut self, name: &str, text: &str) -> bool {
        const NAMES: [&str; 6] = [
            "variable_start_string",
            "variable_end_string",
            "block_start_string",
            "block_end_string",
            "comment_start_string",
            "comment_end_string",
        ];
        match NAMES.iter().position(|known| *known == name) {
            Some(slot) if !text.is_empty() => {
                self.delimiters[slot] = Cow::Owned(text.to_owned());
                true
            }
            _ => false,
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), SyntaxError> {
        let truth = || match value {
            "True" => Ok(true),
            "False" => Ok(false),
            _ => Err(SyntaxError::new(format!("`{name}` behind `#jinja2:` must be `True` or `False`"), 0)),
        };
        match name {
            "trim_blocks" => self.trim_blocks = truth()?,
            "lstrip_blocks" => self.lstrip_blocks = truth()?,
            "keep_trailing_newline" => self.keep_trailing_newline = truth()?,
            _ => {
                let text =
                    value.strip_prefix(['\'', '"']).and_then(|inner| inner.strip_suffix(['\'', '"'])).filter(|inner| !inner.is_empty());
                match text {
                    Some(text) if self.set_delimiter(name, text) => {}
                    _ => {
                        return Err(SyntaxError::new(
                            format!("`{name}` behind `#jinja2:` is unknown or has a value that cannot be read"),
                            0,
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Print,
    Block,
    Comment,
}

struct Lexer<'a> {
    source: &'a str,
    /// Bytes that stood before `source`: the line with the options.
    skipped: usize,
    at: usize,
    options: &'a Options,
    tokens: Vec<(Token, usize)>,
}

/// Turns a text into tokens.
pub fn tokenize(source: &str, options: &Options) -> Result<Vec<(Token, usize)>, SyntaxError> {
    let (options, body) = options.overridden(source)?;
    let skipped = source.len() - body.len();
    let body = if body.contains('\r') { Cow::Owned(body.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(body) };
    let text = if options.keep_trailing_newline { &*body } else { body.strip_suffix('\n').unwrap_or(&body) };
    let mut lexer = Lexer { source: text, skipped, at: 0, options: &options, tokens: Vec::new() };
    lexer.run()?;
    let end = lexer.skipped + text.len();
    lexer.tokens.push((Token::End, end));
    Ok(lexer.tokens)
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn fail<T>(&self, message: &str, at: usize) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(message, self.skipped + at))
    }

    fn push(&mut self, token: Token, at: usize) {
        self.tokens.push((token, self.skipped + at));
    }

    fn run(&mut self) -> Result<(), SyntaxError> {
        while self.at < self.source.len() {
            let start = self.at;
            let Some((tag, found)) = self.next_tag() else {
                self.data(start, self.source.len(), None, false);
                self.at = self.source.len();
                break;
            };
            let open = match tag {
                Tag::Print => &self.options.delimiters[0],
                Tag::Block => &self.options.delimiters[2],
                Tag::Comment => &self.options.delimiters[4],
            };
            let mut inside = found + open.len();
            let sign = self.source[inside..].chars().next().filter(|c| matches!(c, '-' | '+'));
            inside += usize::from(sign.is_some());
            self.data(start, found, sign, tag == Tag::Print);
            self.at = inside;
            match tag {
                Tag::Comment => self.comment(found)?,
                Tag::Print => {
                    self.push(Token::PrintBegin, found);
                    self.inside(found, Tag::Print)?;
                }
                Tag::Block => {
                    if let Some(at) = self.raw_begin() {
                        self.at = at;
                        self.raw(found)?;
                    } else {
                        self.push(Token::BlockBegin, found);
                        self.inside(found, Tag::Block)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn next_tag(&self) -> Option<(Tag, usize)> {
        let rest = self.rest();
        let [print, _, block, _, comment, _] = &self.options.delimiters;
        // Where two begin alike, the longer one is meant.
        [(Tag::Print, print), (Tag::Block, block), (Tag::Comment, comment)]
            .into_iter()
            .filter_map(|(tag, open)| rest.find(&**open).map(|at| (at, std::cmp::Reverse(open.len()), tag)))
            .min_by_key(|(at, length, _)| (*at, *length))
            .map(|(at, _, tag)| (tag, self.at + at))
    }

    fn data(&mut self, start: usize, end: usize, sign: Option<char>, before_print: bool) {
        let mut text = &self.source[start..end];
        match sign {
            Some('-') => text = text.trim_end(),
            None if self.options.lstrip_blocks && !before_print => {
                let line = text.rfind('\n').map_or(0, |at| at + 1);
                let begins = line > 0 || start == 0 || self.source[..start].ends_with('\n');
                if begins && text[line..].trim().is_empty() {
                    text = &text[..line];
                }
            }
            _ => {}
        }
        if !text.is_empty() {
            self.push(Token::Data(Arc::from(text)), start);
        }
    }

    fn comment(&mut self, begin: usize) -> Result<(), SyntaxError> {
        let close = &self.options.delimiters[5];
        let Some(found) = self.rest().find(&**close) else {
            return self.fail("a comment has no end", begin);
        };
        let end = self.at + found;
        let sign = self.source[self.at..end].chars().next_back();
        self.at = end + close.len();
        self.after_block(sign);
        Ok(())
    }

    /// Takes away what the end of a block takes away.
    fn after_block(&mut self, sign: Option<char>) {
        match sign {
            Some('-') => self.at = self.source.len() - self.rest().trim_start().len(),
            Some('+') => {}
            _ if self.options.trim_blocks && self.rest().starts_with('\n') => self.at += 1,
            _ => {}
        }
    }

    fn raw_begin(&self) -> Option<usize> {
        let close = &*self.options.delimiters[3];
        let rest = self.rest().trim_start().strip_prefix("raw")?.trim_start();
        let after = match rest.strip_prefix('-').and_then(|rest| rest.strip_prefix(close)) {
            Some(after) => after.trim_start(),
            None => rest.strip_prefix(close)?,
        };
        Some(self.source.len() - after.len())
    }

    fn raw(&mut self, begin: usize) -> Result<(), SyntaxError> {
        let [_, _, open, close, ..] = &self.options.delimiters;
        let start = self.at;
        let mut from = start;
        while let Some(found) = self.source[from..].find(&**open) {
            let end = from + found;
            from = end + open.len();
            let mut rest = &self.source[from..];
            let sign = rest.chars().next().filter(|c| matches!(c, '-' | '+'));
            rest = &rest[usize::from(sign.is_some())..];
            let Some(rest) = rest.trim_start().strip_prefix("endraw").map(str::trim_start) else { continue };
            let last = rest.chars().next().filter(|c| matches!(c, '-' | '+'));
            let Some(rest) = rest[usize::from(last.is_some())..].strip_prefix(&**close) else { continue };
            self.data(start, end, sign, false);
            self.at = self.source.len() - rest.len();
            self.after_block(last);
            return Ok(());
        }
        self.fail("a raw block has no end", begin)
    }

    /// The tokens up to the end of a print or block.
    fn inside(&mut self, begin: usize, tag: Tag) -> Result<(), SyntaxError> {
        let options = self.options;
        let (close, end) = match tag {
            Tag::Print => (&*options.delimiters[1], Token::PrintEnd),
            _ => (&*options.delimiters[3], Token::BlockEnd),
        };
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            self.at = self.source.len() - self.rest().trim_start().len();
            let (at, rest) = (self.at, self.rest());
            if open.is_empty() {
                let sign = rest.chars().next().filter(|c| *c == '-' || (*c == '+' && tag == Tag::Block));
                let closed = rest[usize::from(sign.is_some())..]
                    .strip_prefix(close)
                    .map(|after| (sign, after))
                    .or_else(|| rest.strip_prefix(close).map(|after| (None, after)));
                if let Some((sign, after)) = closed {
                    self.at = self.source.len() - after.len();
                    match (tag, sign) {
                        (Tag::Print, Some('-')) | (Tag::Block, _) => self.after_block(sign),
                        _ => {}
                    }
                    self.push(end, at);
                    return Ok(());
                }
            }
            let Some(first) = rest.chars().next() else {
                return self.fail(if tag == Tag::Print { "`{{` has no matching `}}`" } else { "`{%` has no matching `%}`" }, begin);
            };
            if first.is_ascii_digit() {
                self.number()?;
            } else if first == '_' || first.is_alphabetic() {
                let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
                self.at += length;
                self.push(Token::Name(Arc::from(&rest[..length])), at);
            } else if matches!(first, '\'' | '"') {
                self.text(first, tag == Tag::Print && options.literal_backslashes)?;
            } else {
                self.symbol(&mut open)?;
            }
        }
    }

    fn symbol(&mut self, open: &mut Vec<&'static str>) -> Result<(), SyntaxError> {
        let (at, rest) = (self.at, self.rest());
        let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) else {
            return self.fail("this character has no meaning in an expression", at);
        };
        match symbol {
            "(" => open.push(")"),
            "[" => open.push("]"),
            "{" => open.push("}"),
            ")" | "]" | "}" => match open.pop() {
                Some(wanted) if wanted == symbol => {}
                Some(wanted) => return self.fail(&format!("expected `{wanted}`, found `{symbol}`"), at),
                None => return self.fail(&format!("`{symbol}` closes nothing"), at),
            },
            _ => {}
        }
        self.at += symbol.len();
        self.push(Token::Symbol(symbol), at);
        Ok(())
    }

    fn text(&mut self, quote: char, literal: bool) -> Result<(), SyntaxError> {
        let (at, rest) = (self.at, self.rest());
        let mut escaped = false;
        for (position, character) in rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == quote {
                let text = unescape(&rest[1..position], literal).map_err(|message| SyntaxError::new(message, self.skipped + at))?;
                self.at += position + 1;
                self.push(Token::Text(Arc::from(text)), at);
                return Ok(());
            }
        }
        self.fail("a string has no end", at)
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let (at, rest) = (self.at, self.rest());
        let after_dot = self.source[..at].ends_with('.');
        if let Some(length) = float_length(rest).filter(|_| !after_dot) {
            let number: f64 = rest[..length].replace('_', "").parse().unwrap_or(f64::INFINITY);
            if number.is_infinite() {
                return self.fail("this number is too large", at);
            }
            self.at += length;
            self.push(Token::Float(number), at);
            return Ok(());
        }
        let (radix, prefix) = match rest.as_bytes() {
            [b'0', b'x' | b'X', ..] => (16, 2),
            [b'0', b'o' | b'O', ..] => (8, 2),
            [b'0', b'b' | b'B', ..] => (2, 2),
            [b'0', ..] => (1, 0),
            _ => (10, 0),
        };
        let digits = rest[prefix..]
            .find(|c: char| c != '_' && !(if radix == 1 { c == '0' } else { c.is_digit(radix) }))
            .unwrap_or(rest.len() - prefix);
        let written = rest[prefix..prefix + digits].replace('_', "");
        let Ok(number) = i128::from_str_radix(&written, radix.max(2)) else {
            return self.fail("this number is too large or cannot be read", at);
        };
        self.at += prefix + digits;
        self.push(Token::Int(number), at);
        Ok(())
    }
}

/// How many bytes of a text are a number with a fraction or an exponent.
fn float_length(text: &str) -> Option<usize> {
    let digits = |from: usize| text[from..].find(|c: char| c != '_' && !c.is_ascii_digit()).map_or(text.len(), |at| from + at);
    let starts = |from: usize| text[from..].starts_with(|c: char| c.is_ascii_digit());
    let mut end = digits(0);
    let mut is_float = false;
    if text[end..].starts_with('.') && starts(end + 1) {
        end = digits(end + 1);
        is_float = true;
    }
    if text[end..].starts_with(['e', 'E']) {
        let mut exponent = end + 1;
        exponent += usize::from(text[exponent..].starts_with(['+', '-']));
        if starts(exponent) {
            end = digits(exponent);
            is_float = true;
        }
    }
    is_float.then_some(end)
}
