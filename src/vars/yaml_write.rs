//! YAML as `PyYAML` writes it, byte for byte: Ansible's `to_yaml` and `to_nice_yaml`.
//!
//! A port of the parts of `yaml/emitter.py` and `yaml/representer.py` (`PyYAML` 6) that plain data
//! reaches.

use super::error::Failure;
use super::key::Key;
use super::python::{Outcome, float_repr, type_name};
use super::value::Value;
use super::yaml_scalar::{Analysis, is_implicit};

/// How YAML is written.
#[expect(clippy::struct_excessive_bools, reason = "PyYAML's own options")]
#[derive(Clone, Debug)]
pub struct Layout {
    /// Spaces a level.
    pub indent: usize,
    /// Where long texts are folded.
    pub width: usize,
    /// All in brackets, nothing in brackets, or the innermost.
    pub flow: Option<bool>,
    /// Whether keys are sorted.
    pub sorted: bool,
    /// Whether letters beyond ASCII stay.
    pub unicode: bool,
    /// Whether `---` comes first.
    pub explicit_start: bool,
    /// Whether `...` comes last.
    pub explicit_end: bool,
    /// The quote around every scalar.
    pub quote: Option<char>,
}

impl Default for Layout {
    fn default() -> Self {
        Self { indent: 2, width: 80, flow: None, sorted: true, unicode: true, explicit_start: false, explicit_end: false, quote: None }
    }
}

/// What is left of a value before it is written.
enum Node {
    Scalar { text: String, is_text: bool },
    Sequence { items: Vec<Self>, flow: bool },
    Mapping { entries: Vec<(Self, Self)>, flow: bool },
}

/// The YAML of a value.
///
/// # Errors
/// Something is missing, or has no YAML.
pub fn write(value: &Value, layout: &Layout) -> Outcome<String> {
    let node = represent(value, layout, 0)?;
    let best_indent = if (2..10).contains(&layout.indent) { layout.indent } else { 2 };
    let best_width = if layout.width > best_indent * 2 { layout.width } else { 80 };
    let mut emitter = Emitter {
        layout,
        best_indent,
        best_width,
        out: String::new(),
        column: 0,
        whitespace: true,
        indention: true,
        indent: None,
        indents: Vec::new(),
        flow_level: 0,
    };
    if layout.explicit_start {
        emitter.indicator("---", true, false, false);
    }
    emitter.node(&node, Place::default());
    emitter.write_indent();
    if layout.explicit_end {
        emitter.indicator("...", true, false, false);
        emitter.write_indent();
    }
    Ok(emitter.out)
}

fn represent(value: &Value, layout: &Layout, depth: usize) -> Outcome<Node> {
    if depth > 100 {
        return Err(Failure::failed("a value holds itself, so it has no YAML"));
    }
    let plain = |text: &str| Node::Scalar { text: text.to_owned(), is_text: false };
    Ok(match value {
        Value::None => plain("null"),
        Value::Bool(true) => plain("true"),
        Value::Bool(false) => plain("false"),
        Value::Int(number) => plain(&number.to_string()),
        Value::Float(number) => plain(&float(*number)),
        Value::Text(text) => Node::Scalar { text: text.as_str().to_owned(), is_text: true },
        Value::List(list) => {
            let items = list
                .items()
                .iter()
                .filter(|item| !matches!(item, Value::Omit))
                .map(|item| represent(item, layout, depth + 1))
                .collect::<Outcome<Vec<_>>>()?;
            let flow =
                layout.flow.unwrap_or_else(|| layout.quote.is_none() && items.iter().all(|item| matches!(item, Node::Scalar { .. })));
            Node::Sequence { items, flow }
        }
        Value::Map(map) => {
            let mut pairs: Vec<(Key, Value)> = map.entries().into_iter().filter(|(_, value)| !matches!(value, Value::Omit)).collect();
            // Python sorts keys of one type, and leaves them alone where they have no order.
            let texts = pairs.iter().all(|(key, _)| matches!(key, Key::Text(_)));
            let numbers = pairs.iter().all(|(key, _)| matches!(key, Key::Int(_) | Key::Float(_) | Key::Bool(_)));
            if layout.sorted && (texts || numbers) {
                pairs.sort_by(|(a, _), (b, _)| super::operators::order(&a.to_value(), &b.to_value()).unwrap_or(std::cmp::Ordering::Equal));
            }
            let mut entries = Vec::with_capacity(pairs.len());
            for (key, value) in pairs {
                entries.push((represent(&key.to_value(), layout, depth + 1)?, represent(&value, layout, depth + 1)?));
            }
            let is_scalar = |node: &Node| matches!(node, Node::Scalar { .. });
            let flow = layout
                .flow
                .unwrap_or_else(|| layout.quote.is_none() && entries.iter().all(|(key, value)| is_scalar(key) && is_scalar(value)));
            Node::Mapping { entries, flow }
        }
        Value::Missing(failure) => return Err(failure.clone()),
        Value::Lazy(lazy) => return represent(&lazy.force(), layout, depth),
        Value::Object(object) if object.as_text().is_some() => plain(&object.as_text().unwrap_or_default()),
        other => return Err(Failure::failed(format!("a value of type `{}` has no YAML", type_name(other)))),
    })
}

fn float(number: f64) -> String {
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() };
    }
    let text = float_repr(number);
    // `1e+20` would be read as text.
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}

#[derive(Clone, Copy, Default)]
struct Place {
    mapping: bool,
    simple_key: bool,
}

struct Emitter<'a> {
    layout: &'a Layout,
    best_indent: usize,
    best_width: usize,
    out: String,
    column: usize,
    whitespace: bool,
    indention: bool,
    indent: Option<usize>,
    indents: Vec<Option<usize>>,
    flow_level: usize,
}

const fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

impl Emitter<'_> {
    fn put(&mut self, text: &str) {
        self.column += text.chars().count();
        self.out.push_str(text);
    }

    fn put_characters(&mut self, characters: &[char]) {
        self.column += characters.len();
        self.out.extend(characters);
    }

    fn indicator(&mut self, indicator: &str, need_whitespace: bool, whitespace: bool, indention: bool) {
        if !self.whitespace && need_whitespace {
            self.put(" ");
        }
        self.whitespace = whitespace;
        self.indention = self.indention && indention;
        self.put(indicator);
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break('\n');
        }
        if self.column < indent {
            self.whitespace = true;
            let missing = indent - self.column;
            self.put(&" ".repeat(missing));
        }
    }

    fn line_break(&mut self, character: char) {
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
        self.out.push(character);
    }

    fn increase_indent(&mut self, flow: bool, indentless: bool) {
        self.indents.push(self.indent);
        self.indent = match self.indent {
            None => Some(if flow { self.best_indent } else { 0 }),
            Some(indent) if !indentless => Some(indent + self.best_indent),
            same => same,
        };
    }

    fn decrease_indent(&mut self) {
        self.indent = self.indents.pop().flatten();
    }

    fn node(&mut self, node: &Node, place: Place) {
        match node {
            Node::Scalar { text, is_text } => self.scalar(text, *is_text, place),
            Node::Sequence { items, flow } => {
                if self.flow_level > 0 || *flow || items.is_empty() {
                    self.flow_sequence(items);
                } else {
                    self.block_sequence(items, place);
                }
            }
            Node::Mapping { entries, flow } => {
                if self.flow_level > 0 || *flow || entries.is_empty() {
                    self.flow_mapping(entries);
                } else {
                    self.block_mapping(entries);
                }
            }
        }
    }

    fn block_sequence(&mut self, items: &[Node], place: Place) {
        let indentless = place.mapping && !self.indention;
        self.increase_indent(false, indentless);
        for item in items {
            self.write_indent();
            self.indicator("-", true, false, true);
            self.node(item, Place::default());
        }
        self.decrease_indent();
    }

    fn block_mapping(&mut self, entries: &[(Node, Node)]) {
        self.increase_indent(false, false);
        let inside = Place { mapping: true, ..Place::default() };
        for (key, value) in entries {
            self.write_indent();
            if self.is_simple_key(key) {
                self.node(key, Place { simple_key: true, ..inside });
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, true);
                self.node(key, inside);
                self.write_indent();
                self.indicator(":", true, false, true);
            }
            self.node(value, inside);
        }
        self.decrease_indent();
    }

    fn flow_begin(&mut self, bracket: &str) {
        self.indicator(bracket, true, true, false);
        self.flow_level += 1;
        self.increase_indent(true, false);
    }

    fn flow_end(&mut self, bracket: &str) {
        self.decrease_indent();
        self.flow_level -= 1;
        self.indicator(bracket, false, false, false);
    }

    fn flow_separator(&mut self, at: usize) {
        if at > 0 {
            self.indicator(",", false, false, false);
        }
        if self.column > self.best_width {
            self.write_indent();
        }
    }

    fn flow_sequence(&mut self, items: &[Node]) {
        self.flow_begin("[");
        for (at, item) in items.iter().enumerate() {
            self.flow_separator(at);
            self.node(item, Place::default());
        }
        self.flow_end("]");
    }

    fn flow_mapping(&mut self, entries: &[(Node, Node)]) {
        self.flow_begin("{");
        let inside = Place { mapping: true, ..Place::default() };
        for (at, (key, value)) in entries.iter().enumerate() {
            self.flow_separator(at);
            if self.is_simple_key(key) {
                self.node(key, Place { simple_key: true, ..inside });
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, false);
                self.node(key, inside);
                if self.column > self.best_width {
                    self.write_indent();
                }
                self.indicator(":", true, false, false);
            }
            self.node(value, inside);
        }
        self.flow_end("}");
    }

    /// Whether a key may stand before its `:` on one line. `PyYAML` counts its tag, too.
    fn is_simple_key(&self, key: &Node) -> bool {
        match key {
            Node::Scalar { text, .. } => {
                let analysis = Analysis::of(text, self.layout.unicode);
                text.chars().count() + 5 < 128 && !text.is_empty() && !analysis.multiline
            }
            Node::Sequence { items, .. } => items.is_empty(),
            Node::Mapping { entries, .. } => entries.is_empty(),
        }
    }

    fn scalar(&mut self, text: &str, is_text: bool, place: Place) {
        let analysis = Analysis::of(text, self.layout.unicode);
        let quote = self.layout.quote;
        let implicit = !is_text || !is_implicit(text);
        let fits_key = !(place.simple_key && (text.is_empty() || analysis.multiline));
        let allowed = if self.flow_level > 0 { analysis.flow_plain } else { analysis.block_plain };
        let split = !place.simple_key;
        let characters: Vec<char> = text.chars().collect();
        self.increase_scalar_indent();
        if quote.is_none() && implicit && fits_key && allowed {
            self.plain(&characters, split);
        } else if quote != Some('"') && analysis.single_quoted && !(place.simple_key && analysis.multiline) {
            self.single_quoted(&characters, split);
        } else {
            self.double_quoted(&characters, split);
        }
        self.decrease_indent();
    }

    /// The lines of a folded scalar stand one level deeper.
    fn increase_scalar_indent(&mut self) {
        self.increase_indent(true, false);
    }

    fn plain(&mut self, text: &[char], split: bool) {
        if text.is_empty() {
            return;
        }
        if !self.whitespace {
            self.put(" ");
        }
        self.whitespace = false;
        self.indention = false;
        let mut start = 0;
        let mut spaces = false;
        for end in 0..=text.len() {
            let character = text.get(end).copied();
            if spaces {
                if character != Some(' ') {
                    if start + 1 == end && self.column > self.best_width && split {
                        self.write_indent();
                        self.whitespace = false;
                        self.indention = false;
                    } else {
                        self.put_characters(&text[start..end]);
                    }
                    start = end;
                }
            } else if matches!(character, None | Some(' ')) {
                self.put_characters(&text[start..end]);
                start = end;
            }
            if let Some(character) = character {
                spaces = character == ' ';
            }
        }
    }

    fn single_quoted(&mut self, text: &[char], split: bool) {
        self.indicator("'", true, false, false);
        let (mut start, mut spaces, mut breaks) = (0, false, false);
        for end in 0..=text.len() {
            let character = text.get(end).copied();
            if spaces {
                if character != Some(' ') {
                    if start + 1 == end && self.column > self.best_width && split && start != 0 && end != text.len() {
                        self.write_indent();
                    } else {
                        self.put_characters(&text[start..end]);
                    }
                    start = end;
                }
            } else if breaks {
                if !character.is_some_and(is_break) {
                    if text[start] == '\n' {
                        self.line_break('\n');
                    }
                    for &character in &text[start..end] {
                        self.line_break(character);
                    }
                    self.write_indent();
                    start = end;
                }
            } else if character.is_none_or(|c| c == ' ' || is_break(c) || c == '\'') && start < end {
                self.put_characters(&text[start..end]);
                start = end;
            }
            if character == Some('\'') {
                self.put("''");
                start = end + 1;
            }
            if let Some(character) = character {
                spaces = character == ' ';
                breaks = is_break(character);
            }
        }
        self.indicator("'", false, false, false);
    }

    fn double_quoted(&mut self, text: &[char], split: bool) {
        self.indicator("\"", true, false, false);
        let unicode = self.layout.unicode;
        let stays = |c: char| matches!(c, ' '..='~') || (unicode && matches!(c, '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'));
        let mut start = 0;
        for end in 0..=text.len() {
            let character = text.get(end).copied();
            if character.is_none_or(|c| matches!(c, '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') || !stays(c)) {
                if start < end {
                    self.put_characters(&text[start..end]);
                    start = end;
                }
                if let Some(character) = character {
                    self.put(&escaped(character));
                    start = end + 1;
                }
            }
            let inside = end > 0 && end + 1 < text.len();
            if inside && (character == Some(' ') || start >= end) && self.column + end.saturating_sub(start) > self.best_width && split {
                if start < end {
                    self.put_characters(&text[start..end]);
                    start = end;
                }
                self.put("\\");
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
                if text.get(start) == Some(&' ') {
                    self.put("\\");
                }
            }
        }
        self.indicator("\"", false, false, false);
    }
}

fn escaped(character: char) -> String {
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
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        other => {
            return match u32::from(other) {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
