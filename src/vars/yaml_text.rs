//! A value as the text that Ansible's `to_yaml` gives: what is indented how far, and where long texts
//! and long lists go on in the next line.
//!
//! Found out by asking `PyYAML` (with its C library, as Ansible uses it); `tests/ansible/yaml_text.py` asks again.

use super::python::Outcome;
use super::value::Value;
use super::yaml_plan::{Node, plan};
use super::yaml_style::{Shape, Style, escape, is_break, means_more};

/// A longer key stands behind a `?`.
const LONGEST_KEY: usize = 128;
/// Base64 goes on in the next line after so many letters.
const BASE64_LINE: usize = 76;

/// How YAML is written.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How far each level is indented.
    pub indent: usize,
    /// Behind this column, texts and what is in brackets go on in the next line.
    pub width: usize,
    /// What stands in brackets: everything or nothing; otherwise what holds no further list or mapping.
    pub flow: Option<bool>,
    /// Whether keys are sorted.
    pub sorted: bool,
    /// Whether `---` comes first.
    pub explicit_start: bool,
    /// Whether `...` comes last.
    pub explicit_end: bool,
    /// The quote for everything.
    pub quote: Option<char>,
}

impl Default for Layout {
    fn default() -> Self {
        Self { indent: 2, width: 80, flow: None, sorted: true, explicit_start: false, explicit_end: false, quote: None }
    }
}

/// The YAML of a value.
///
/// # Errors
/// Something in it is missing, or has no YAML.
pub fn write(value: &Value, layout: &Layout) -> Outcome<String> {
    let node = plan(value, layout)?;
    let step = if (2..10).contains(&layout.indent) { layout.indent } else { 2 };
    let width = if layout.width > step * 2 { layout.width } else { 80 };
    let mut page = Page { out: String::new(), column: 0, step, width, quote: layout.quote };
    if layout.explicit_start {
        page.put("---");
    }
    page.node(&node, Spot { around: None, role: Role::Root });
    page.put("\n");
    if layout.explicit_end {
        page.put("...\n");
    }
    Ok(page.out)
}

/// What a node is to the thing around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The whole document.
    Root,
    /// Behind `-`, and behind the `?` and `:` of a long key: its first line may begin right there.
    Part,
    /// Behind `key:`.
    Value,
    /// In brackets, where the space before it is there already.
    Inner,
    /// In brackets, behind `key:`.
    InnerValue,
    /// A key that fits before a `:`.
    Name,
    /// The same in brackets.
    InnerName,
}

/// Where a node stands.
#[derive(Clone, Copy)]
struct Spot {
    /// The indent of the list or mapping around it.
    around: Option<usize>,
    role: Role,
}

impl Spot {
    const fn in_brackets(self) -> bool {
        matches!(self.role, Role::Inner | Role::InnerValue | Role::InnerName)
    }
}

/// The text so far.
struct Page {
    out: String,
    column: usize,
    step: usize,
    width: usize,
    quote: Option<char>,
}

impl Page {
    fn put(&mut self, text: &str) {
        text.chars().for_each(|character| self.push(character));
    }

    fn push(&mut self, character: char) {
        self.out.push(character);
        self.column = if is_break(character) { 0 } else { self.column + 1 };
    }

    fn pad(&mut self, column: usize) {
        while self.column < column {
            self.push(' ');
        }
    }

    fn next_line(&mut self, indent: usize) {
        self.push('\n');
        self.pad(indent);
    }

    const fn is_full(&self) -> bool {
        self.column > self.width
    }

    /// The space between what stands before a node and the node.
    fn gap(&mut self, spot: Spot) {
        if matches!(spot.role, Role::Part | Role::Value | Role::InnerValue) || (spot.role == Role::Root && self.column > 0) {
            self.push(' ');
        }
    }

    /// A new line inside of brackets when this one is full, otherwise a space, where one is wanted.
    fn inner_gap(&mut self, indent: usize, space: bool) {
        if self.is_full() {
            self.next_line(indent);
        } else if space {
            self.push(' ');
        }
    }

    fn node(&mut self, node: &Node, spot: Spot) {
        let deeper = spot.around.map_or(self.step, |indent| indent + self.step);
        match node {
            Node::Scalar(text, is_text) => self.scalar(text, *is_text, spot, deeper),
            Node::Binary(letters) => self.binary(letters, spot, deeper),
            Node::List(brackets, items) => {
                if self.opens(*brackets || items.is_empty() || spot.in_brackets(), spot, '[') {
                    for (at, item) in items.iter().enumerate() {
                        self.between(at, deeper);
                        self.node(item, Spot { around: Some(deeper), role: Role::Inner });
                    }
                    return self.push(']');
                }
                let indent = if spot.role == Role::Value { spot.around } else { spot.around.map(|_| deeper) }.unwrap_or(0);
                for (at, item) in items.iter().enumerate() {
                    self.begin_line(at, spot, indent);
                    self.push('-');
                    self.node(item, Spot { around: Some(indent), role: Role::Part });
                }
            }
            Node::Map(brackets, entries) => {
                if self.opens(*brackets || entries.is_empty() || spot.in_brackets(), spot, '{') {
                    for (at, (key, value)) in entries.iter().enumerate() {
                        self.between(at, deeper);
                        self.inner_entry(key, value, deeper);
                    }
                    return self.push('}');
                }
                let indent = spot.around.map_or(0, |_| deeper);
                for (at, (key, value)) in entries.iter().enumerate() {
                    self.begin_line(at, spot, indent);
                    let [name, part, behind] = [Role::Name, Role::Part, Role::Value].map(|role| Spot { around: Some(indent), role });
                    if is_short(key) {
                        self.node(key, name);
                        self.push(':');
                        self.node(value, behind);
                    } else {
                        self.push('?');
                        self.node(key, part);
                        self.next_line(indent);
                        self.push(':');
                        self.node(value, part);
                    }
                }
            }
        }
    }

    /// Opens the brackets, when there are some.
    fn opens(&mut self, brackets: bool, spot: Spot, bracket: char) -> bool {
        if brackets {
            self.gap(spot);
            self.push(bracket);
        }
        brackets
    }

    /// Goes where an item of a list or mapping without brackets begins.
    fn begin_line(&mut self, at: usize, spot: Spot, indent: usize) {
        let here = at == 0 && (spot.role == Role::Part || self.out.is_empty());
        if here { self.pad(indent) } else { self.next_line(indent) }
    }

    fn between(&mut self, at: usize, indent: usize) {
        if at > 0 {
            self.push(',');
        }
        self.inner_gap(indent, at > 0);
    }

    fn inner_entry(&mut self, key: &Node, value: &Node, indent: usize) {
        let [name, behind] = [Role::InnerName, Role::InnerValue].map(|role| Spot { around: Some(indent), role });
        if is_short(key) {
            self.node(key, name);
        } else {
            self.push('?');
            self.node(key, behind);
            self.inner_gap(indent, true);
        }
        self.push(':');
        self.node(value, behind);
    }

    fn scalar(&mut self, text: &str, is_text: bool, spot: Spot, indent: usize) {
        let shape = Shape::of(text);
        let style = shape.style(spot.in_brackets(), !is_text || !means_more(text), self.quote);
        self.gap(spot);
        if style != Style::Bare && !is_text {
            self.put("! ");
        }
        let fold = !matches!(spot.role, Role::Name | Role::InnerName);
        match style {
            Style::Bare => self.lines(text, indent, fold, false),
            Style::Single => {
                self.push('\'');
                self.lines(text, indent, fold, true);
                self.push('\'');
            }
            Style::Double => self.double(text, indent, fold),
        }
    }

    /// Base64 in lines of its own, or in quotes where there can be none.
    fn binary(&mut self, letters: &str, spot: Spot, indent: usize) {
        self.gap(spot);
        self.put("!!binary ");
        let mut lines = Vec::new();
        let mut rest = letters;
        while let Some((line, others)) = rest.split_at_checked(BASE64_LINE.min(rest.len())).filter(|(line, _)| !line.is_empty()) {
            lines.push(line);
            rest = others;
        }
        if spot.in_brackets() || lines.is_empty() {
            let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            return self.double(&text, indent, false);
        }
        self.push('|');
        for line in lines {
            self.next_line(indent);
            self.put(line);
        }
    }

    /// A text without escapes. A space between two words may become the end of a line.
    fn lines(&mut self, text: &str, indent: usize, fold: bool, quoted: bool) {
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            let was_break = before.is_some_and(is_break);
            if is_break(character) {
                // One end of a line alone would be read as a space.
                if character == '\n' && !was_break {
                    self.push('\n');
                }
                self.push(character);
            } else if character == ' ' && fold && self.is_full() && is_word(before) && is_word(rest.peek().copied()) {
                self.next_line(indent);
            } else {
                if was_break {
                    self.pad(indent);
                }
                self.push(character);
                if quoted && character == '\'' {
                    self.push('\'');
                }
            }
            before = Some(character);
        }
        if before.is_some_and(is_break) {
            self.pad(indent);
        }
    }

    /// A text in `"`. Where a line ends at the first of several spaces, `\` keeps the others.
    fn double(&mut self, text: &str, indent: usize, fold: bool) {
        self.push('"');
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            if character == ' ' && fold && self.is_full() && is_word(before) && rest.peek().is_some() {
                self.next_line(indent);
                if rest.peek() == Some(&' ') {
                    self.push('\\');
                }
            } else {
                match escape(character) {
                    Some(escape) => self.put(&escape),
                    None => self.push(character),
                }
            }
            before = Some(character);
        }
        self.push('"');
    }
}

/// Whether it is there and no space.
fn is_word(character: Option<char>) -> bool {
    character.is_some_and(|character| character != ' ')
}

/// Whether a key stands before its `:` without a `?`.
fn is_short(key: &Node) -> bool {
    match key {
        Node::Scalar(text, _) => text.len() <= LONGEST_KEY && !Shape::of(text).lines,
        Node::List(_, items) => items.is_empty(),
        Node::Map(_, entries) => entries.is_empty(),
        Node::Binary(_) => false,
    }
}
