//! What the comment above a default says: words for people, and annotations for editors and checks.

use super::types::Type;
use crate::diagnostic::{Diagnostic, Span};
use crate::inventory::{Node, Value};

/// What the comment above a variable says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documentation {
    /// The comment without `#` and annotations, lines joined by newlines.
    pub text: String,
    /// Marked with `# type: secret`: never shown.
    pub secret: bool,
    /// The kinds between which a value may choose, from `# type:` or from the default. Empty where neither
    /// tells: then anything goes.
    pub types: Vec<Type>,
    /// The only values, from `# one of:`. Empty where there are more than one could list.
    pub one_of: Vec<String>,
    /// Values to learn from, from `# example:`, as they stand in YAML.
    pub examples: Vec<String>,
    /// How to make the value where a user gives none, from `# generate:`.
    pub generate: Option<Generate>,
    /// The heading above it in the file: `# --- Database ---`.
    pub section: Option<String>,
}

/// How to make a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generate {
    /// So many hex digits.
    Hex(usize),
    /// So many letters and digits.
    Password(usize),
}

impl Documentation {
    /// Whether a value is of a kind, and among the values, that the documentation allows.
    pub fn accepts(&self, value: &serde_json::Value) -> bool {
        let kind = self.types.is_empty() || !self.one_of.is_empty() || self.types.iter().any(|kind| kind.accepts(value));
        let off = *value == serde_json::Value::Bool(false);
        let written = written(value);
        // YAML 1.1 reads a bare `off` as false.
        kind && (self.one_of.is_empty() || self.one_of.iter().any(|known| *known == written || off && known == "off"))
    }

    /// The kinds in words: `text or nothing`. None where anything goes.
    pub fn type_words(&self) -> Option<String> {
        let words: Vec<String> = self.types.iter().map(ToString::to_string).collect();
        (!words.is_empty()).then(|| words.join(" or "))
    }

    /// Reads the comment that ends directly above `line` (which counts from 1).
    ///
    /// # Errors
    /// An annotation that makes no sense.
    pub fn above(lines: &[&str], line: usize, file: &str) -> Result<Self, Diagnostic> {
        let above = lines.get(..line.saturating_sub(1)).unwrap_or_default();
        let start = above.iter().rposition(|line| !line.starts_with('#')).map_or(0, |index| index + 1);
        let mut documentation = Self::default();
        let mut text = Vec::new();
        for (index, line) in above.iter().enumerate().skip(start) {
            let words = line.trim_start_matches('#').trim();
            let read = documentation.annotation(words).map_err(|message| {
                let line = u32::try_from(index + 1).unwrap_or(0);
                Diagnostic::error("H0307", message).at(&Span::new(file, line, 1)).help("`docs/roles.md` lists the annotations")
            })?;
            if !read && heading(line).is_none() {
                text.push(words);
            }
        }
        text.join("\n").trim().clone_into(&mut documentation.text);
        documentation.section = above.iter().rev().find_map(|line| heading(line)).map(str::to_owned);
        Ok(documentation)
    }

    /// Reads a line; false where it is no annotation.
    fn annotation(&mut self, line: &str) -> Result<bool, String> {
        let Some((name, value)) = line.split_once(':').map(|(name, value)| (name, value.trim())) else { return Ok(false) };
        match name {
            "type" => {
                let kinds = match value.strip_prefix("secret") {
                    Some(rest) => {
                        self.secret = true;
                        rest.trim()
                    }
                    None => value,
                };
                if !kinds.is_empty() {
                    self.types = Type::read_all(kinds).map_err(|word| format!("`{word}` is no type"))?;
                }
            }
            "one of" => {
                self.one_of = value.split(',').map(|word| word.trim().trim_matches(['"', '\'']).to_owned()).collect();
            }
            "example" => self.examples.push(value.to_owned()),
            "generate" => self.generate = Some(generate(value).ok_or_else(|| format!("`{value}` is no way to make a credential"))?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes from the default what the comment does not tell.
    pub fn complete(&mut self, default: &Node) {
        if self.types.is_empty() {
            self.types = of_default(default);
        }
    }
}

/// The words of `# --- Database ---`.
fn heading(line: &str) -> Option<&str> {
    let words = line.strip_prefix("# ---")?.trim_matches(['-', ' ']);
    (!words.is_empty()).then_some(words)
}

fn generate(words: &str) -> Option<Generate> {
    let (kind, length) = words.split_once(' ')?;
    let length = length.trim().parse().ok().filter(|length| (16..=256).contains(length))?;
    match kind {
        "hex" => Some(Generate::Hex(length)),
        "password" => Some(Generate::Password(length)),
        _ => None,
    }
}

/// A scalar as `# one of:` names it.
fn written(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The kinds that a default without expressions shows. `null` stands for a value that is not set, so it shows
/// nothing.
fn of_default(node: &Node) -> Vec<Type> {
    match &node.value {
        Value::Bool(_) => vec![Type::Boolean],
        Value::Int(_) => vec![Type::Integer],
        Value::Float(_) => vec![Type::Number],
        Value::Text(text) if text.contains("{{") || text.contains("{%") => Vec::new(),
        Value::Text(_) | Value::Unsafe(_) => vec![Type::Text],
        Value::List(items) => vec![Type::List(common(items.iter()))],
        Value::Map(_) => vec![Type::Mapping(None)],
        Value::Null | Value::Vault(_) | Value::Secret(_) | Value::Sealed(_) | Value::Hidden(_) | Value::Reference(_) => Vec::new(),
    }
}

/// The kind that all items share, where there are any.
fn common<'a>(mut items: impl Iterator<Item = &'a Node>) -> Option<Box<Type>> {
    let [first] = of_default(items.next()?).try_into().ok()?;
    items.all(|item| of_default(item) == [first.clone()]).then(|| Box::new(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Documentation, String> {
        Documentation::above(lines, lines.len(), "defaults.yml").map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_comment_documents_the_variable_below_it() {
        let lines = ["# Other.", "", "# --- Keys ----", "", "# The key.", "# type: secret", "name: x"];
        let documentation = read(&lines).unwrap();
        let section = Some("Keys".to_owned());
        assert_eq!(documentation, Documentation { text: "The key.".into(), secret: true, section, ..Documentation::default() });
        assert_eq!(read(&lines[..2]).unwrap().text, "Other.");
        assert_eq!(read(&lines[..1]).unwrap().text, "");
    }

    #[test]
    fn annotations_are_taken_out_of_the_words() {
        let lines = [
            "# The list.",
            "# type: secret list of mappings or nothing",
            "# one of: a, \"b\"",
            "# example: [a: b]",
            "# generate: hex 64",
            "x:",
        ];
        let documentation = read(&lines).unwrap();
        assert_eq!(documentation.text, "The list.");
        assert_eq!(documentation.type_words().as_deref(), Some("list of mappings or nothing"));
        assert_eq!((documentation.secret, documentation.one_of), (true, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!((documentation.examples, documentation.generate), (vec!["[a: b]".to_owned()], Some(Generate::Hex(64))));
        assert_eq!(read(&["", "# type: string", "x:"]).unwrap_err(), "defaults.yml:2:1: `string` is no type");
        assert_eq!(read(&["# generate: hex", "x:"]).unwrap_err(), "defaults.yml:1:1: `hex` is no way to make a credential");
        assert_eq!(read(&["# generate: hex 8", "x:"]).unwrap_err(), "defaults.yml:1:1: `hex 8` is no way to make a credential");
    }
}
