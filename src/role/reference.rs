//! The reference of all variables as Markdown, one section a role: `docs/variables.md`.

use serde_json::{Map, Value as Json};

use super::library::{Library, Role};
use crate::inventory::{Node, Value};

/// What a variable is without a user: a value, or words for what is worked out.
pub enum Default {
    /// Plain data.
    Value(Json),
    /// An expression, as it stands in the file.
    Expression(String),
    /// A whole program of expressions, or a secret.
    Hidden,
}

impl Default {
    /// What a role, or the wiring over it, says about a variable.
    pub fn of(library: &Library, role: &Role, name: &str) -> Self {
        let of = |variables: &'_ [crate::inventory::Variable]| variables.iter().find(|variable| variable.name == name).cloned();
        let Some(variable) = of(&library.wiring).or_else(|| of(&role.defaults)) else { return Self::Hidden };
        if let Some(value) = literal(&variable.value) {
            return Self::Value(value);
        }
        match variable.value.as_text() {
            Some(text) if text.len() <= 160 && !text.trim().contains('\n') => Self::Expression(text.trim().to_owned()),
            _ => Self::Hidden,
        }
    }
}

/// Plain data as JSON; none where an expression or a secret is in it.
pub fn literal(node: &Node) -> Option<Json> {
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Int(number) => i64::try_from(*number).map_or_else(|_| Json::from(number.to_string()), Json::from),
        Value::Float(number) => Json::from(*number),
        Value::Text(text) if text.contains("{{") || text.contains("{%") => return None,
        Value::Text(text) | Value::Unsafe(text) => Json::from(text.as_str()),
        Value::List(items) => Json::Array(items.iter().map(literal).collect::<Option<_>>()?),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| {
                    Some((
                        key.as_text().map_or_else(|| literal(key).map(|key| key.to_string()), |key| Some(key.to_owned()))?,
                        literal(value)?,
                    ))
                })
                .collect::<Option<Map<_, _>>>()?,
        ),
        _ => return None,
    })
}

/// The whole reference.
pub fn markdown(library: &Library) -> String {
    let mut text = String::from(
        "# Variables\n\n\
         What an inventory can set, role by role. `homestead vars --docs` writes this file from the comments in\n\
         `roles/*/defaults.yml`; do not change it by hand. `homestead vars NAME` explains one variable on your host: its\n\
         value, where it is set, and what it was computed from.\n\n\
         A default in braces is an expression: its value depends on other variables. Where none is shown, it is computed\n\
         from many.\n\n",
    );
    for role in &library.roles {
        text.push_str(&format!("- [{}](#{}): {}\n", role.manifest.name, role.manifest.name, role.manifest.description));
    }
    for role in &library.roles {
        section(library, role, &mut text);
    }
    text
}

fn section(library: &Library, role: &Role, text: &mut String) {
    text.push_str(&format!("\n## {}\n\n{}\n", role.manifest.name, role.manifest.description));
    let mut heading = None;
    let mut first = true;
    for variable in &role.defaults {
        let Some(words) = role.documentation.get(&variable.name) else { continue };
        if words.section != heading {
            heading.clone_from(&words.section);
            if let Some(heading) = &heading {
                text.push_str(&format!("\n### {}: {heading}\n", role.manifest.name));
            }
            first = true;
        }
        if first {
            text.push('\n');
            first = false;
        }
        let kind = words.type_words().unwrap_or_else(|| "anything".to_owned());
        let secret = if words.secret { ", secret" } else { "" };
        let default = match Default::of(library, role, &variable.name) {
            Default::Value(Json::String(value)) if value.is_empty() => ", empty".to_owned(),
            Default::Value(Json::Null) => ", not set".to_owned(),
            Default::Value(value) if value.to_string().len() <= 200 => format!(", default {}", code(&value.to_string())),
            Default::Expression(expression) => format!(", default {}", code(&expression)),
            Default::Value(_) | Default::Hidden => String::new(),
        };
        text.push_str(&format!("- **`{}`** ({kind}{secret}{default})", variable.name));
        // Two spaces at the end break the line.
        for line in words.text.lines().filter(|line| !line.is_empty()) {
            text.push_str(&format!("  \n  {}", line.replace('<', "&lt;")));
        }
        if !words.one_of.is_empty() {
            let values: Vec<String> = words.one_of.iter().map(|value| code(&Json::from(value.as_str()).to_string())).collect();
            text.push_str(&format!("  \n  One of {}.", values.join(", ")));
        }
        for example in &words.examples {
            text.push_str(&format!("  \n  Example: {}", code(example)));
        }
        text.push('\n');
    }
}

/// Text as code; a backtick in it needs a longer fence.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}
