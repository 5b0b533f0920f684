//! Reads YAML into [`Node`]s, as Ansible reads it. The only file that names the YAML parser.
//!
//! It works on the parser's events, because only they tell a quoted scalar from a plain one and
//! give each key its place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, StrInput, StructureStyle, Tag};

mod complaint;
mod reference;
pub mod scalars;

use super::node::{Node, Value};
use super::scalar;
use crate::diagnostic::{Diagnostic, Span};

/// Aliases can make a small file enormous; no inventory comes near this many values.
const MOST_NODES: usize = 1_000_000;
/// The parser bounds what is written; aliases nest further.
const MOST_DEPTH: usize = 300;

/// Below this much stack, reading goes on in a new one of the size below it: values may nest as deep as they are
/// allowed to on any thread.
const STACK_LEFT: usize = 128 * 1024;
const STACK_MORE: usize = 1024 * 1024;

/// Each costs a reading of the whole file.
const MOST_REPAIRS: usize = 500;
/// And all of them together no more than these bytes.
const MOST_REREAD: usize = 20_000_000;

/// Reads a file of one document; `None` where it holds none.
///
/// # Errors
/// The first thing that is wrong, with its line and column. Doubled keys are only warnings.
pub fn read(text: &str, file: &str) -> Result<(Option<Node>, Vec<Diagnostic>), Diagnostic> {
    let (mut documents, warnings) = read_documents(text, file)?;
    match documents.get(1) {
        Some(second) => Err(Diagnostic::error("H0105", "a second YAML document begins here")
            .at(&second.span)
            .help("a file holds one document; remove the `---` between the two")),
        None => Ok((documents.pop(), warnings)),
    }
}

/// Reads every document of a file.
///
/// # Errors
/// As [`read`].
pub fn read_documents(text: &str, file: &str) -> Result<(Vec<Node>, Vec<Diagnostic>), Diagnostic> {
    // Ansible tries JSON first, where tabs indent and `1e3` is a number.
    let json = text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let mut text = if json { Cow::Owned(text.replace('\t', " ")) } else { Cow::Borrowed(text) };
    let mut first = None;
    for _ in 0..MOST_REPAIRS.min(MOST_REREAD / text.len().max(1)).max(1) {
        let failure = match attempt(&text, file, json) {
            Ok(read) => return Ok(read),
            Err(failure) => failure,
        };
        match failure.shallow {
            Some(line) => {
                first.get_or_insert(*failure.error);
                text = Cow::Owned(complaint::indent(&text, line));
            }
            // Then a quote was left open, and the first line that seemed to go on tells it best.
            None if failure.quote => return Err(first.unwrap_or(*failure.error)),
            None => return Err(*failure.error),
        }
    }
    Err(first.unwrap_or_else(|| Diagnostic::error("H0101", "this is not YAML").at(&Span::whole(file))))
}

type Documents = (Vec<Node>, Vec<Diagnostic>);

struct Failure {
    error: Box<Diagnostic>,
    /// The line of a quoted text that Ansible's parser takes and ours finds indented too little.
    shallow: Option<usize>,
    /// Whether it is about a quote.
    quote: bool,
}

/// Reads the text as it is.
fn attempt(text: &str, file: &str, json: bool) -> Result<Documents, Failure> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        text,
        file: Arc::from(file),
        json,
        anchors: HashMap::new(),
        nodes: 0,
        warnings: Vec::new(),
        stumbled: None,
    };
    match reader.documents() {
        Ok(documents) => Ok((documents, reader.warnings)),
        Err(error) => {
            let kind = reader.stumbled.as_ref().map(ScanError::kind);
            let shallow = kind == Some(&ErrorKind::InvalidQuotedScalarIndent);
            Err(Failure {
                error: Box::new(error),
                shallow: reader.stumbled.as_ref().filter(|_| shallow).map(|error| error.marker().line()),
                quote: kind.is_some_and(complaint::is_about_a_quote),
            })
        }
    }
}

type Place = granit_parser::Span;

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    file: Arc<str>,
    json: bool,
    /// Finished anchors by id; an anchor that is still being read is absent.
    anchors: HashMap<usize, Built>,
    nodes: usize,
    warnings: Vec<Diagnostic>,
    /// What the parser gave up on.
    stumbled: Option<ScanError>,
}

/// A node, what it weighs, and whether it was a plain `<<` (which merges as a key).
#[derive(Clone)]
struct Built {
    node: Node,
    weight: usize,
    depth: usize,
    merge: bool,
    flow: bool,
}

impl<'a> Reader<'a> {
    fn documents(&mut self) -> Result<Vec<Node>, Diagnostic> {
        let mut documents = Vec::new();
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(documents),
                (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
                event => documents.push(self.node(event, false, 0)?.node),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Place), Diagnostic> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let diagnostic = complaint::scan(&error, self.text, &self.file);
                self.stumbled = Some(error);
                Err(diagnostic)
            }
            None => Ok((Event::StreamEnd, Place::empty(granit_parser::Marker::new(0, 1, 0)))),
        }
    }

    fn span(&self, place: Place) -> Span {
        let mark = place.tag_start().unwrap_or(place.start);
        complaint::at(&self.file, mark.line(), mark.col())
    }

    /// Reads the node that an event begins. `untrusted` is the inside of `!unsafe`.
    fn node(&mut self, event: (Event<'a>, Place), untrusted: bool, level: usize) -> Result<Built, Diagnostic> {
        stacker::maybe_grow(STACK_LEFT, STACK_MORE, || self.node_here(event, untrusted, level))
    }

    fn node_here(&mut self, (event, place): (Event<'a>, Place), untrusted: bool, level: usize) -> Result<Built, Diagnostic> {
        let span = self.span(place);
        self.spend(1, &span)?;
        let anchor = event.anchor_id();
        let built = match event {
            Event::Scalar(text, style, _, tag) => {
                let text = self.without_final_break(&text, style, place);
                let (value, merge) = self.scalar(text, style, tag.as_deref(), untrusted, &span)?;
                Built { node: Node::new(value, span), weight: 1, depth: 0, merge, flow: false }
            }
            Event::SequenceStart(_, _, tag) => {
                let untrusted = collection_tag(tag.as_deref(), "seq", &span)? || untrusted;
                self.list(span, untrusted, level)?
            }
            Event::MappingStart(style, _, tag) => {
                let secret = tag.as_deref().is_some_and(|tag| local(tag, "secret"));
                let untrusted = (!secret && collection_tag(tag.as_deref(), "map", &span)?) || untrusted;
                let mut built = self.map(span, untrusted, level)?;
                built.flow = style == StructureStyle::Flow;
                if secret {
                    built.node.value = reference::read(&built.node)?;
                }
                built
            }
            Event::Alias(id) => {
                let Some(built) = self.anchors.get(&id) else {
                    return Err(Diagnostic::error("H0103", "an alias stands inside its own anchor").at(&span));
                };
                let built = built.clone();
                if level + built.depth > MOST_DEPTH {
                    return Err(complaint::too_deep(&span));
                }
                self.spend(built.weight, &span)?;
                built
            }
            _ => return Err(Diagnostic::error("H0101", "the YAML has no value here").at(&span)),
        };
        if let Some(id) = anchor {
            self.anchors.insert(id, built.clone());
        }
        Ok(built)
    }

    /// A block text that ends with the file ends as the file does; the parser adds a line break.
    fn without_final_break<'t>(&self, text: &'t str, style: ScalarStyle, place: Place) -> &'t str {
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let last = self.text.rsplit(['\n', '\r']).next().unwrap_or_default();
        let at_end = place.end.byte_offset() == Some(self.text.len());
        if block && at_end && !last.trim().is_empty() { text.strip_suffix('\n').unwrap_or(text) } else { text }
    }

    fn spend(&mut self, weight: usize, span: &Span) -> Result<(), Diagnostic> {
        self.nodes = self.nodes.saturating_add(weight);
        if self.nodes > MOST_NODES {
            return Err(Diagnostic::error("H0104", format!("the file holds more than {MOST_NODES} values"))
                .at(span)
                .help("aliases that hold aliases multiply"));
        }
        Ok(())
    }

    fn list(&mut self, span: Span, untrusted: bool, level: usize) -> Result<Built, Diagnostic> {
        if level > MOST_DEPTH {
            return Err(complaint::too_deep(&span));
        }
        let (mut items, mut weight, mut depth) = (Vec::new(), 1, 0);
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => break,
                event => {
                    let item = self.node(event, untrusted, level + 1)?;
                    weight += item.weight;
                    depth = depth.max(item.depth + 1);
                    items.push(item.node);
                }
            }
        }
        Ok(Built { node: Node::new(Value::List(items), span), weight, depth, merge: false, flow: false })
    }

    fn map(&mut self, span: Span, untrusted: bool, level: usize) -> Result<Built, Diagnostic> {
        if level > MOST_DEPTH {
            return Err(complaint::too_deep(&span));
        }
        let (mut merged, mut own, mut weight, mut depth) = (Vec::new(), Entries::default(), 1, 0);
        loop {
            let key = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => break,
                event => self.node(event, false, level + 1)?,
            };
            if !key.merge {
                check_key(&key)?;
            }
            let event = self.next()?;
            let value = self.node(event, untrusted, level + 1)?;
            weight += key.weight + value.weight;
            depth = depth.max(value.depth + 1);
            if key.merge {
                merge(value.node, &mut merged)?;
            } else if let Some(first) = own.insert(key.node.clone(), value.node) {
                self.warnings.push(
                    Diagnostic::warning("H0106", format!("{} stands twice; the last one counts", complaint::shown(&key.node)))
                        .at(&key.node.span)
                        .help(format!("the first is in line {}", first.line)),
                );
            }
        }
        // Merged keys come first, as in PyYAML; a key of the mapping's own keeps that place and wins.
        let mut entries = Entries::default();
        for (key, value) in merged.into_iter().chain(own.entries) {
            entries.insert(key, value);
        }
        Ok(Built { node: Node::new(Value::Map(entries.entries), span), weight, depth, merge: false, flow: false })
    }

    /// A scalar's value, and whether it is a plain `<<`.
    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, untrusted: bool, span: &Span) -> Result<(Value, bool), Diagnostic> {
        let guard = |value| match value {
            Value::Text(text) if untrusted => Value::Unsafe(text),
            value => value,
        };
        let plain = style == ScalarStyle::Plain;
        let Some(tag) = tag else {
            let value = match (plain, self.json) {
                (true, true) => scalar::json(text),
                (true, false) => scalar::plain(text),
                (false, _) => Value::Text(text.to_owned()),
            };
            if plain && scalar::is_too_long(text) {
                return Err(complaint::number_too_long(span));
            }
            return Ok((guard(value), plain && text == "<<"));
        };
        let wrong = |kind: &str| Diagnostic::error("H0107", format!("`{text}` is not {kind}")).at(span);
        let value = match tag.core_suffix() {
            Some("str") => guard(Value::Text(text.to_owned())),
            Some("timestamp") => Value::Text(text.to_owned()),
            Some("null") => Value::Null,
            Some("bool") => match scalar::plain(&text.to_ascii_lowercase()) {
                value @ Value::Bool(_) => value,
                _ => return Err(wrong("a boolean")),
            },
            Some("int") => Value::Int(scalar::int(text).ok_or_else(|| wrong("a whole number"))?),
            Some("float") => Value::Float(scalar::float(text).or_else(|| text.parse().ok()).ok_or_else(|| wrong("a number"))?),
            // Only the text counts here, quoted or not: `!unsafe "42"` is a number to Ansible.
            _ if tag.original() == "!" => guard(scalar::plain(text)),
            None if local(tag, "unsafe") => match scalar::plain(text) {
                Value::Text(text) => Value::Unsafe(text),
                value => value,
            },
            None if local(tag, "vault") || local(tag, "vault-encrypted") => match scalar::plain(text) {
                Value::Text(text) => Value::Vault(text),
                _ => return Err(complaint::not_vault_text(span)),
            },
            None if local(tag, "secret") => return Err(reference::wrong("`!secret` stands before a mapping", span)),
            _ => return Err(complaint::unknown_tag(tag, span)),
        };
        Ok((value, false))
    }
}

/// Whether the collection is `!unsafe`.
fn collection_tag(tag: Option<&Tag>, kind: &str, span: &Span) -> Result<bool, Diagnostic> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema_tag(kind) => Ok(false),
        Some(tag) if local(tag, "unsafe") => Ok(true),
        Some(tag) if local(tag, "vault") || local(tag, "vault-encrypted") => Err(complaint::not_vault_text(span)),
        Some(tag) if local(tag, "secret") => Err(reference::wrong("`!secret` stands before a mapping", span)),
        Some(tag) => Err(complaint::unknown_tag(tag, span)),
    }
}

/// A mapping's entries in order, and where each key stands.
#[derive(Default)]
struct Entries {
    entries: Vec<(Node, Node)>,
    places: HashMap<String, usize>,
}

impl Entries {
    /// Sets a key; gives the place of the one that it replaces, whose position it takes.
    fn insert(&mut self, key: Node, value: Node) -> Option<Span> {
        if let Some(entry) = self.places.get(&identity(&key)).and_then(|&place| self.entries.get_mut(place)) {
            entry.1 = value;
            // As in Python the first key stays, but its place is that of the value that counts.
            Some(std::mem::replace(&mut entry.0.span, key.span))
        } else {
            self.places.insert(identity(&key), self.entries.len());
            self.entries.push((key, value));
            None
        }
    }
}

/// Equal for keys that a mapping cannot hold side by side: to Python 1, 1.0 and true are one.
fn identity(key: &Node) -> String {
    match &key.value {
        Value::Text(text) | Value::Unsafe(text) => format!("\"{text}"),
        Value::Bool(boolean) => u8::from(*boolean).to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.fract() == 0.0 => format!("{number:.0}"),
        value => format!("{value:?}"),
    }
}

fn check_key(key: &Built) -> Result<(), Diagnostic> {
    match key.node.value {
        Value::List(_) | Value::Map(_) | Value::Vault(_) | Value::Reference(_) => {
            let error = Diagnostic::error("H0108", format!("a key must be text, not {}", key.node.kind())).at(&key.node.span);
            Err(if key.flow { error.help(complaint::QUOTE_HELP) } else { error })
        }
        _ => Ok(()),
    }
}

/// Adds what a `<<` names. Of a list's mappings the first counts most, so it goes in last.
fn merge(value: Node, merged: &mut Vec<(Node, Node)>) -> Result<(), Diagnostic> {
    match value.value {
        Value::Map(entries) => merged.extend(entries),
        Value::List(items) => {
            for item in items.into_iter().rev() {
                match item.value {
                    Value::Map(entries) => merged.extend(entries),
                    _ => return Err(complaint::not_mergeable(&item)),
                }
            }
        }
        _ => return Err(complaint::not_mergeable(&value)),
    }
    Ok(())
}

fn local(tag: &Tag, name: &str) -> bool {
    tag.handle() == "!" && tag.suffix() == name
}

#[cfg(test)]
mod tests;
