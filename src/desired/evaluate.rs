//! Expressions of a manifest -> typed values, with complaints that point at the expression.

use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::inventory::{Node, Value};
use crate::role::Repeat;
use crate::vars::Variables;

/// A manifest's expressions, evaluated with `item` set or not.
#[derive(Clone)]
pub struct Evaluator<'a> {
    variables: &'a Variables,
    item: Option<Json>,
}

type Evaluated<T> = Result<T, Diagnostic>;

impl<'a> Evaluator<'a> {
    /// Without `item`.
    pub const fn new(variables: &'a Variables) -> Self {
        Self { variables, item: None }
    }

    /// The variables behind it.
    pub const fn variables(&self) -> &'a Variables {
        self.variables
    }

    /// One evaluator for each time that an entry is wanted: none, one, or one an item.
    pub fn repeated(&self, repeat: &Repeat) -> Evaluated<Vec<Self>> {
        let candidates = match &repeat.each {
            None => vec![self.clone()],
            Some(each) => {
                let items = self.list(each)?;
                items.into_iter().map(|item| Self { variables: self.variables, item: Some(item) }).collect()
            }
        };
        let mut wanted = Vec::new();
        for candidate in candidates {
            if candidate.truth_or(repeat.when.as_ref(), true)? {
                wanted.push(candidate);
            }
        }
        Ok(wanted)
    }

    /// Any value.
    pub fn json(&self, node: &Node) -> Evaluated<Json> {
        Ok(match &self.item {
            None => self.variables.evaluate(node, &[])?,
            Some(item) => self.variables.evaluate(node, &[("item", item.clone())])?,
        }
        .value)
    }

    /// Text; numbers become text, nothing becomes empty.
    pub fn text(&self, node: &Node) -> Evaluated<String> {
        match self.json(node)? {
            Json::String(text) => Ok(text),
            Json::Number(number) => Ok(number.to_string()),
            Json::Bool(flag) => Ok(flag.to_string()),
            Json::Null => Ok(String::new()),
            other => Err(self.wrong("text", &other, node)),
        }
    }

    /// Text, or none where it is absent or empty.
    pub fn optional_text(&self, node: Option<&Node>) -> Evaluated<Option<String>> {
        node.map_or(Ok(None), |node| Ok(Some(self.text(node)?).filter(|text| !text.is_empty())))
    }

    /// A list; nothing becomes an empty one.
    pub fn list(&self, node: &Node) -> Evaluated<Vec<Json>> {
        match self.json(node)? {
            Json::Array(items) => Ok(items),
            Json::Null => Ok(Vec::new()),
            Json::String(text) if text.is_empty() => Ok(Vec::new()),
            other => Err(self.wrong("a list", &other, node)),
        }
    }

    /// A list of texts without its empty ones.
    pub fn texts(&self, node: Option<&Node>) -> Evaluated<Vec<String>> {
        let Some(node) = node else { return Ok(Vec::new()) };
        let items = self.list(node)?.into_iter().map(|item| match item {
            Json::String(text) => Ok(text),
            Json::Number(number) => Ok(number.to_string()),
            Json::Bool(flag) => Ok(flag.to_string()),
            Json::Null => Ok(String::new()),
            other => Err(self.wrong("text", &other, node)),
        });
        items.filter(|item| !item.as_ref().is_ok_and(String::is_empty)).collect()
    }

    /// A mapping of texts, in its order.
    pub fn mapping(&self, node: Option<&Node>) -> Evaluated<Vec<(String, String)>> {
        let Some(node) = node else { return Ok(Vec::new()) };
        match self.json(node)? {
            Json::Object(entries) => entries
                .into_iter()
                .map(|(key, value)| match value {
                    Json::String(text) => Ok((key, text)),
                    Json::Number(number) => Ok((key, number.to_string())),
                    Json::Bool(flag) => Ok((key, flag.to_string())),
                    other => Err(self.wrong("text", &other, node)),
                })
                .collect(),
            Json::Null => Ok(Vec::new()),
            other => Err(self.wrong("a mapping", &other, node)),
        }
    }

    /// A yes or no as Ansible's conditions read it.
    pub fn truth(&self, node: &Node) -> Evaluated<bool> {
        match self.json(node)? {
            Json::Bool(flag) => Ok(flag),
            Json::Null => Ok(false),
            Json::Number(number) => Ok(number.as_f64() != Some(0.0)),
            Json::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" | "y" | "t" => Ok(true),
                "" | "false" | "no" | "off" | "0" | "n" | "f" | "none" => Ok(false),
                _ => Err(self.wrong("true or false", &Json::String(text), node)),
            },
            Json::Array(items) => Ok(!items.is_empty()),
            Json::Object(entries) => Ok(!entries.is_empty()),
        }
    }

    /// The same with a default.
    pub fn truth_or(&self, node: Option<&Node>, default: bool) -> Evaluated<bool> {
        node.map_or(Ok(default), |node| self.truth(node))
    }

    /// A whole number; text that holds one counts.
    pub fn number(&self, node: &Node) -> Evaluated<i64> {
        let value = self.json(node)?;
        let number = match &value {
            Json::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.wrong("a whole number", &value, node))
    }

    /// A whole number that fits another type.
    pub fn number_as<T: TryFrom<i64>>(&self, node: &Node) -> Evaluated<T> {
        let number = self.number(node)?;
        T::try_from(number).map_err(|_| self.blame(Diagnostic::error("H0310", format!("{number} is out of range here")), node))
    }

    /// An octal mode as four digits. YAML makes a number of an unquoted one, so that is an error.
    pub fn mode(&self, node: &Node) -> Evaluated<String> {
        let text = match self.json(node)? {
            Json::String(text) => text,
            other => return Err(self.wrong("an octal mode in quotes, such as \"0640\"", &other, node)),
        };
        let digits = text.trim_start_matches("0o");
        let valid = (3..=4).contains(&digits.len()) && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        if valid {
            Ok(format!("{digits:0>4}"))
        } else {
            let finding = Diagnostic::error("H0311", format!("`{text}` is no file mode"));
            Err(self.blame(finding, node).help("three or four octal digits, such as \"0640\""))
        }
    }

    /// An absolute path.
    pub fn path(&self, node: &Node) -> Evaluated<String> {
        let text = self.text(node)?;
        let clean = text.split('/').skip(1).all(|part| part != ".." && part != ".") && !text.contains(['\n', '\0']);
        if text.starts_with('/') && clean {
            let mut path = text;
            while path.len() > 1 && path.ends_with('/') {
                path.pop();
            }
            Ok(path)
        } else {
            let finding = Diagnostic::error("H0312", format!("`{text}` is no absolute path"));
            Err(self.blame(finding, node).help("write it whole, from `/`, without `.` and `..`"))
        }
    }

    fn wrong(&self, wanted: &str, found: &Json, node: &Node) -> Diagnostic {
        let kind = match found {
            Json::Null => "nothing",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "other text",
            Json::Array(_) => "a list",
            Json::Object(_) => "a mapping",
        };
        self.blame(Diagnostic::error("H0309", format!("expected {wanted}, found {kind}")), node)
    }

    /// A finding at the variable of the user that an expression depends on, or else at the expression.
    pub fn blame(&self, finding: Diagnostic, node: &Node) -> Diagnostic {
        match self.variables.suspects(node).as_slice() {
            [(name, own)] => {
                Diagnostic { message: format!("`{name}`: {}", finding.message), ..finding }.at(own).note("it is used here", &node.span)
            }
            several => {
                several.iter().fold(finding.at(&node.span), |finding, (name, own)| finding.note(format!("`{name}` is set here"), own))
            }
        }
    }
}

fn whole(number: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "a number without a fraction in this range fits")]
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// The text of an expression, for pointing at the variable that it names.
pub fn only_variable(node: &Node) -> Option<&str> {
    let Value::Text(text) = &node.value else { return None };
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let name = name.strip_suffix("| bool").unwrap_or(name).trim_end();
    name.chars().all(|character| character.is_alphanumeric() || character == '_').then_some(name)
}
