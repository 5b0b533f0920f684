//! How a text has to look in YAML 1.1 so that it is read back as what it is: bare or quoted.
//!
//! From the rules of the specification, narrowed to what `PyYAML` was seen to give. Where the
//! specification leaves a choice (a `?` inside of brackets, `---` before a word), the more careful one is taken.

/// The way in which a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `text`
    Bare,
    /// `'text'`
    Single,
    /// `"text"`
    Double,
}

/// What a text allows.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy)]
pub struct Shape {
    /// Whether it has several lines.
    pub lines: bool,
    /// Whether it can stand bare outside of brackets.
    bare: bool,
    /// Whether it can stand bare inside of brackets too.
    bare_in_brackets: bool,
    /// Whether everything in it can stand between `'`.
    single: bool,
}

/// A character that ends a line and needs no escape.
pub const fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\u{2028}' | '\u{2029}')
}

/// A character that can only be written as an escape.
const fn needs_escape(character: char) -> bool {
    !matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// How a character is written between `"`, where it cannot stand for itself.
pub fn escape(character: char) -> Option<String> {
    let short = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        '"' | '\\' => character,
        other if !needs_escape(other) => return None,
        other => {
            return Some(match u32::from(other) {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            });
        }
    };
    Some(format!("\\{short}"))
}

impl Shape {
    /// The shape of a text.
    pub fn of(text: &str) -> Self {
        let mut shape = Self { lines: false, bare: !text.is_empty(), bare_in_brackets: true, single: true };
        if text.starts_with("---") || text.starts_with("...") || text.starts_with(' ') || text.ends_with(' ') {
            shape.bare = false;
        }
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            let after = rest.peek().copied();
            let word_ends = after.is_none_or(|next| next == ' ' || is_break(next));
            match character {
                // Folding would eat spaces at the edge of a line.
                ' ' if after.is_some_and(is_break) || before.is_some_and(is_break) => shape.single = false,
                '#' if before.is_none_or(|last| last == ' ') => shape.bare = false,
                ':' | '?' => {
                    shape.bare &= !word_ends || (character == '?' && before.is_some());
                    shape.bare_in_brackets = false;
                }
                ',' | '[' | ']' | '{' | '}' => {
                    shape.bare &= before.is_some();
                    shape.bare_in_brackets = false;
                }
                '-' if before.is_none() && word_ends => shape.bare = false,
                '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' if before.is_none() => shape.bare = false,
                '\r' | '\u{85}' => (shape.lines, shape.single) = (true, false),
                other if is_break(other) => shape.lines = true,
                other if needs_escape(other) => shape.single = false,
                _ => {}
            }
            before = Some(character);
        }
        shape
    }

    /// The style for this place. `plain_word` says that the bare text would be read as what it is.
    pub const fn style(self, brackets: bool, plain_word: bool, quote: Option<char>) -> Style {
        let bare = self.bare && self.single && !self.lines && (self.bare_in_brackets || !brackets);
        match quote {
            Some('"') => Style::Double,
            None if bare && plain_word => Style::Bare,
            _ if self.single => Style::Single,
            _ => Style::Double,
        }
    }
}

/// Whether a bare text is taken for something else than text: for a number, a date, `null`, ...
pub fn means_more(text: &str) -> bool {
    const WORDS: [&str; 7] = ["null", "true", "false", "yes", "no", "on", "off"];
    let as_one = |word: &&str| {
        let (first, others) = text.split_at_checked(1).unwrap_or_default();
        let capital = first.bytes().all(|byte| byte.is_ascii_uppercase());
        word.eq_ignore_ascii_case(text) && (others.bytes().all(|byte| byte.is_ascii_lowercase()) || (capital && all(others, b"A-Z")))
    };
    matches!(text, "" | "~" | "=" | "<<" | ".nan" | ".NaN" | ".NAN") || WORDS.iter().any(as_one) || is_number(text) || is_date(text)
}

/// Whether every byte is in the set, in which `a-z` stands for a range.
fn all(text: &str, set: &[u8]) -> bool {
    text.bytes().all(|byte| match set {
        [from, b'-', to, others @ ..] => (*from..=*to).contains(&byte) || others.contains(&byte),
        _ => set.contains(&byte),
    })
}

fn filled(text: &str, set: &[u8]) -> bool {
    !text.is_empty() && all(text, set)
}

fn is_number(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = body.strip_prefix("0b") {
        return filled(digits, b"01_");
    }
    if let Some(digits) = body.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    match body.split_once('.') {
        None => is_whole(body),
        // A sign needs a digit before the dot.
        Some((whole, fraction)) => (body.len() == text.len() || !whole.is_empty()) && has_fraction(whole, fraction),
    }
}

/// Whether it begins with a digit and goes on with digits, which `_` may part.
fn is_count(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && all(text, b"0-9_")
}

/// Whether it is one of `1:30:00`'s parts behind the first: below sixty, in one or two digits.
fn is_sixtieth(part: &str) -> bool {
    matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
}

fn is_whole(body: &str) -> bool {
    if let Some(octal) = body.strip_prefix('0') {
        return all(octal, b"0-7_");
    }
    let mut parts = body.split(':');
    parts.next().is_some_and(is_count) && parts.all(is_sixtieth)
}

fn has_fraction(whole: &str, fraction: &str) -> bool {
    if whole.contains(':') {
        let mut parts = whole.split(':');
        return parts.next().is_some_and(is_count) && parts.all(is_sixtieth) && all(fraction, b"0-9_");
    }
    let (digits, exponent) = match fraction.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, Some(exponent)),
        None => (fraction, None),
    };
    let scaled = exponent.is_none_or(|exponent| exponent.strip_prefix(['-', '+']).is_some_and(|power| filled(power, b"0-9")));
    scaled && if whole.is_empty() { is_count(digits) } else { is_count(whole) && all(digits, b"0-9_") }
}

/// What is left of a text while its parts are taken off.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    /// Takes the digits that come next.
    fn digits(&mut self) -> &'t str {
        let end = self.0.find(|next: char| !next.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }

    /// Takes one of these characters, when it comes next.
    fn one(&mut self, characters: &[char]) -> bool {
        let rest = self.0.strip_prefix(characters);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Takes blanks and says whether there were some.
    fn blanks(&mut self) -> bool {
        let before = self.0.len();
        self.0 = self.0.trim_start_matches([' ', '\t']);
        self.0.len() < before
    }

    /// Takes one or two digits.
    fn short(&mut self) -> bool {
        (1..=2).contains(&self.digits().len())
    }

    fn pair(&mut self) -> bool {
        self.digits().len() == 2
    }
}

/// `2024-01-02`, or a date with a time.
fn is_date(text: &str) -> bool {
    let mut rest = Rest(text);
    if rest.digits().len() != 4 || !rest.one(&['-']) {
        return false;
    }
    let month = rest.digits().len();
    if !(1..=2).contains(&month) || !rest.one(&['-']) {
        return false;
    }
    let day = rest.digits().len();
    if rest.0.is_empty() {
        return month == 2 && day == 2;
    }
    (1..=2).contains(&day) && (rest.one(&['T', 't']) || rest.blanks()) && is_time(rest)
}

fn is_time(mut rest: Rest<'_>) -> bool {
    if !(rest.short() && rest.one(&[':']) && rest.pair() && rest.one(&[':']) && rest.pair()) {
        return false;
    }
    if rest.one(&['.']) {
        rest.digits();
    }
    if rest.0.is_empty() {
        return true;
    }
    rest.blanks();
    let zone = rest.one(&['Z']) || (rest.one(&['-', '+']) && rest.short() && (!rest.one(&[':']) || rest.pair()));
    zone && rest.0.is_empty()
}
