//! Whether a program's configuration holds what the program understands, told at the place where a user
//! wrote it.
//!
//! Programs tend to pass over a misspelt setting without a word, and to exit on a malformed one. A finding
//! never shows a value: it may be a secret.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value as Json;

use super::evaluate::Evaluator;
use super::meaning;
use super::validate::place;
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::inventory::{Node, Value, yaml};
use crate::role::{Shape, ShapeKind, ShapeRule};
use crate::vars::Variables;

/// What is wrong with a configuration; begins with the parts that users wrote, as there the place is known.
pub struct Check<'a> {
    rule: &'a ShapeRule,
    evaluator: &'a Evaluator<'a>,
    /// Path without the positions in lists, and the finding.
    findings: Vec<(String, Diagnostic)>,
    /// What was told already, by path: the same setting is met again in the whole.
    seen: BTreeSet<String>,
    /// The text or fragment that is looked at.
    source: Option<String>,
    readable: bool,
}

impl<'a> Check<'a> {
    /// Looks through the variables, texts and fragments that users wrote.
    ///
    /// # Errors
    /// A variable cannot be evaluated.
    pub fn written(rule: &'a ShapeRule, evaluator: &'a Evaluator<'a>) -> Result<Self, Diagnostic> {
        let mut check = Self { rule, evaluator, findings: Vec::new(), seen: BTreeSet::new(), source: None, readable: true };
        let variables = evaluator.variables();
        for (path, variable) in &rule.parts {
            if let (Some(shape), Some(definition)) = (rule.shape.at(path), users(variables, variable)) {
                let value = variables.get(variable)?.value;
                check.value(&value, Wrote::variable(&definition.node, &definition.span), shape, path);
            }
        }
        for variable in &rule.texts {
            if let (Some(definition), Json::String(text)) = (users(variables, variable), variables.get(variable)?.value) {
                check.source = Some(format!("`{variable}`"));
                check.text(&text, &Origin::of(&definition.node, &text, &definition.span), &[]);
            }
        }
        if let Some(variable) = &rule.fragments {
            check.fragments(variable)?;
        }
        check.source = None;
        Ok(check)
    }

    /// Whether the texts could be read at all, so that something can be made of them.
    pub const fn readable(&self) -> bool {
        self.readable
    }

    /// Looks through what became of all of it.
    ///
    /// # Errors
    /// It cannot be evaluated.
    pub fn whole(&mut self) -> Result<(), Diagnostic> {
        let whole = self.evaluator.json(&self.rule.value)?;
        let told = self.findings.len();
        self.value(&whole, Wrote { node: None, fallback: None, numbered: None }, &self.rule.shape, "");
        let variables = self.evaluator.variables();
        for (path, finding) in &mut self.findings[told..] {
            finding.span = likely_place(variables, &self.rule.prefix, path);
        }
        Ok(())
    }

    /// All that was found.
    pub fn into_findings(self) -> impl Iterator<Item = Diagnostic> {
        self.findings.into_iter().map(|(_, finding)| finding)
    }

    fn fragments(&mut self, variable: &str) -> Result<(), Diagnostic> {
        let (rule, variables) = (self.rule, self.evaluator.variables());
        let owned = self.evaluator.texts(rule.owned.as_ref())?;
        let Json::Object(fragments) = variables.get(variable)?.value else {
            let finding = Diagnostic::error("H0309", format!("`{variable}` must be a mapping from names to settings"));
            return Err(Diagnostic { span: place(variables, variable), ..finding });
        };
        let definition = users(variables, variable);
        for (name, value) in &fragments {
            let node = definition.and_then(|definition| definition.node.get(name));
            let span = node.map(|node| &node.span).or(definition.map(|definition| &definition.span));
            self.source = Some(format!("the fragment `{name}`"));
            match (value, span) {
                (Json::String(text), Some(span)) => {
                    let origin = node.map_or_else(|| Origin { span: span.clone(), follows: false }, |node| Origin::of(node, text, span));
                    self.text(text, &origin, &owned);
                }
                (value, span) => {
                    let wrote = Wrote { node, fallback: span, numbered: None };
                    self.owned(value, wrote, &owned, "");
                    self.value(value, wrote, &rule.shape, "");
                }
            }
        }
        Ok(())
    }

    /// A text of YAML. Its lines are its own, so the message names them.
    fn text(&mut self, text: &str, origin: &Origin, owned: &[String]) {
        let source = self.source.clone().unwrap_or_default();
        let node = match yaml::read(text, &source) {
            Ok((Some(node), _)) => node,
            Ok((None, _)) => return,
            Err(problem) => {
                let within = problem.span.unwrap_or_else(|| Span::whole(source.as_str()));
                let message = format!("line {} of {source}: {}", within.line, problem.message);
                self.findings.push((String::new(), Diagnostic::error("H0353", message).at(&origin.line(&within))));
                self.readable = false;
                return;
            }
        };
        let value = meaning::from_node(&node);
        let wrote = Wrote { node: Some(&node), fallback: None, numbered: Some(origin) };
        self.owned(&value, wrote, owned, "");
        self.value(&value, wrote, &self.rule.shape, "");
    }

    fn tell(&mut self, path: &str, mut finding: Diagnostic, wrote: Wrote<'_>, key: Option<&Node>) {
        // `providers[0].id` and `providers[1].id` are one setting, but two findings where both are written.
        let general = Regex::new(r"\[\d+\]").map_or_else(|_| path.to_owned(), |positions| positions.replace_all(path, "").into_owned());
        let anonymous = wrote.node.is_none() && wrote.fallback.is_none();
        if anonymous && self.seen.contains(&general) {
            return;
        }
        let within = wrote.span(key);
        finding.span = match wrote.numbered {
            Some(origin) => Some(within.map_or_else(|| origin.span.clone(), |within| origin.line(within))),
            None => within.cloned(),
        };
        if let Some(source) = &self.source {
            finding.message = match within.filter(|_| wrote.numbered.is_some()) {
                Some(within) => format!("line {} of {source}: {}", within.line, finding.message),
                None => format!("in {source}: {}", finding.message),
            };
        }
        self.seen.insert(general.clone());
        self.findings.push((general, finding));
    }

    /// Settings that are not a fragment's to make.
    fn owned(&mut self, value: &Json, wrote: Wrote<'_>, owned: &[String], path: &str) {
        let Json::Object(entries) = value else { return };
        for (name, value) in entries {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let (key, wrote) = wrote.key(name);
            if owned.contains(&below) {
                let message = format!("`{below}` is set by the deployment and cannot be overridden here");
                let help = format!("remove it; `homestead vars` lists the variables that decide about `{below}`");
                self.tell(&below, Diagnostic::error("H0350", message).help(help), wrote, key);
            } else if owned.iter().any(|owned| owned.starts_with(&format!("{below}."))) {
                self.owned(value, wrote, owned, &below);
            }
        }
    }

    fn value(&mut self, value: &Json, wrote: Wrote<'_>, shape: &Shape, path: &str) {
        match (&shape.kind, value) {
            (_, Json::Null) if shape.nullable => {}
            (ShapeKind::List(_) | ShapeKind::Map { .. }, Json::Null) => {}
            (ShapeKind::List(item), Json::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    self.value(value, wrote.item(index), item, &format!("{path}[{index}]"));
                }
            }
            (ShapeKind::Map { settings, rest }, Json::Object(entries)) => {
                for (name, value) in entries {
                    let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    let (key, wrote) = wrote.key(name);
                    match settings.iter().find(|setting| setting.name == *name).map(|setting| &setting.shape).or(rest.as_deref()) {
                        Some(shape) => self.value(value, wrote, shape, &below),
                        None => self.unknown(name, settings.iter().map(|setting| setting.name.as_str()), wrote, key, &below),
                    }
                }
                // A text or fragment is only a part: what is missing there may come from elsewhere.
                let partial = self.source.is_some();
                for setting in settings.iter().filter(|setting| setting.required && !partial && !entries.contains_key(&setting.name)) {
                    let below = if path.is_empty() { setting.name.clone() } else { format!("{path}.{}", setting.name) };
                    let message = format!("`{below}` is missing; {} does not start without it", self.rule.program);
                    self.tell(&below, Diagnostic::error("H0352", message), wrote, None);
                }
            }
            (kind, value) if fits(kind, value) => {}
            (kind, _) => {
                let what = if path.is_empty() { "the configuration".to_owned() } else { format!("`{path}`") };
                let message = format!("{what} must be {}", wanted(kind));
                let mut finding = Diagnostic::error("H0352", message);
                if *kind == ShapeKind::Text && (value.is_number() || value.is_boolean()) {
                    finding = finding.help("put it in quotes");
                }
                self.tell(path, finding, wrote, None);
            }
        }
    }

    fn unknown<'n>(&mut self, name: &str, known: impl Iterator<Item = &'n str>, wrote: Wrote<'_>, key: Option<&Node>, path: &str) {
        let message = format!("{} knows no setting `{path}` and would pass over it", self.rule.program);
        let finding = Diagnostic::warning("H0351", message);
        let finding = match did_you_mean(name, known) {
            Some(help) => finding.help(help),
            None => finding.help("remove it, unless your version is newer than the one that homestead knows"),
        };
        self.tell(path, finding, wrote, key);
    }
}

/// A variable that a user set.
fn users<'a>(variables: &'a Variables, name: &str) -> Option<&'a crate::vars::Definition> {
    place(variables, name).and_then(|_| variables.definition(name))
}

/// Where a setting without a place of its own was set: `email.mode` is in the variable `PREFIXemail_mode`.
fn likely_place(variables: &Variables, prefix: &str, path: &str) -> Option<Span> {
    let mut name = format!("{prefix}{}", path.replace('.', "_"));
    loop {
        if let Some(span) = place(variables, &name) {
            return Some(span);
        }
        name.truncate(name.rfind('_').filter(|end| *end >= prefix.len())?);
    }
}

/// Where a text of YAML comes from.
struct Origin {
    /// The text, or what gives it.
    span: Span,
    /// Whether the lines of the text are lines of the file, from `span` on.
    follows: bool,
}

impl Origin {
    /// A text that stands in a file as a block keeps its lines, if no expression added or removed one.
    fn of(node: &Node, text: &str, around: &Span) -> Self {
        let written = node.as_text().filter(|written| written.contains('\n') && written.lines().count() == text.lines().count());
        match written {
            Some(_) => Self { span: node.span.clone(), follows: true },
            None => Self { span: around.clone(), follows: false },
        }
    }

    fn line(&self, within: &Span) -> Span {
        let follow = |from: u32, count: u32| from + count.saturating_sub(1);
        if self.follows {
            Span::new(self.span.file.clone(), follow(self.span.line, within.line), follow(self.span.column, within.column))
        } else {
            self.span.clone()
        }
    }
}

/// Where a value was written, as far as that is known.
#[derive(Clone, Copy)]
struct Wrote<'a> {
    /// The value itself, unless an expression made it.
    node: Option<&'a Node>,
    /// The nearest place around it.
    fallback: Option<&'a Span>,
    /// Set for nodes of a text of their own: their lines count within it, and this is where it stands.
    numbered: Option<&'a Origin>,
}

impl<'a> Wrote<'a> {
    const fn variable(node: &'a Node, span: &'a Span) -> Self {
        Self { node: Some(node), fallback: Some(span), numbered: None }
    }

    fn below(self, node: Option<&'a Node>) -> Self {
        Self { node, fallback: self.node.map(|node| &node.span).or(self.fallback), ..self }
    }

    fn key(self, name: &str) -> (Option<&'a Node>, Self) {
        let entry = match self.node.map(|node| &node.value) {
            Some(Value::Map(entries)) => entries.iter().rev().find(|(key, _)| key.as_text() == Some(name)),
            _ => None,
        };
        (entry.map(|(key, _)| key), self.below(entry.map(|(_, value)| value)))
    }

    fn item(self, index: usize) -> Self {
        self.below(match self.node.map(|node| &node.value) {
            Some(Value::List(items)) => items.get(index),
            _ => None,
        })
    }

    fn span(self, key: Option<&'a Node>) -> Option<&'a Span> {
        key.or(self.node).map(|node| &node.span).or(self.fallback)
    }
}

fn fits(kind: &ShapeKind, value: &Json) -> bool {
    match kind {
        ShapeKind::Any => true,
        ShapeKind::Text => value.is_string(),
        ShapeKind::Flag => value.is_boolean(),
        ShapeKind::Whole => value.as_u64().is_some(),
        ShapeKind::Number => value.is_number(),
        ShapeKind::Url => {
            value.as_str().is_some_and(|text| text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty()))
        }
        ShapeKind::Ulid => value.as_str().is_some_and(is_ulid),
        ShapeKind::Words(words) => value.as_str().is_some_and(|text| words.iter().any(|word| word == text)),
        ShapeKind::List(_) | ShapeKind::Map { .. } => false,
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// <https://github.com/ulid/spec>: 26 letters of Crockford's alphabet, of which the first holds only three bits.
fn is_ulid(text: &str) -> bool {
    text.len() == 26
        && text.starts_with(|first: char| ('0'..='7').contains(&first))
        && text.chars().all(|c| c.is_ascii_alphanumeric() && !"ILOU".contains(c.to_ascii_uppercase()))
}

fn wanted(kind: &ShapeKind) -> String {
    match kind {
        ShapeKind::Any => "anything".to_owned(),
        ShapeKind::Text => "text".to_owned(),
        ShapeKind::Flag => "true or false".to_owned(),
        ShapeKind::Whole => "a whole number".to_owned(),
        ShapeKind::Number => "a number".to_owned(),
        ShapeKind::Url => "an address with its scheme, like `https://example.com/`".to_owned(),
        ShapeKind::Ulid => "a ULID: 26 letters and digits, without I, L, O and U, the first one from 0 to 7".to_owned(),
        ShapeKind::Words(words) => format!("one of `{}`", words.join("`, `")),
        ShapeKind::List(_) => "a list".to_owned(),
        ShapeKind::Map { .. } => "a mapping".to_owned(),
    }
}
