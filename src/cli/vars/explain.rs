//! One variable, in words.

use super::View;
use crate::inventory::Node;
use crate::secret::{REDACTED, sounds_secret};

/// Deeper, the tree of what a value was computed from says little.
const DEEPEST: usize = 4;
/// Longer values are cut in the tree.
const WIDEST: usize = 60;

impl View<'_> {
    /// What it is for, its value, and how it came to it.
    pub fn explain(&self, name: &str) -> String {
        let mut text = String::new();
        let known = self.loaded.library.roles.iter().find_map(|role| Some((role, role.documentation.get(name)?)));
        if let Some((role, words)) = known {
            text.push_str(&format!("{}\n(role {}", words.text, role.manifest.name));
            if let Some(kind) = words.type_words() {
                text.push_str(&format!("; {kind}"));
            }
            if !words.one_of.is_empty() {
                let values: Vec<String> = words.one_of.iter().map(|value| format!("{value:?}")).collect();
                text.push_str(&format!(": one of {}", values.join(", ")));
            }
            text.push_str(")\n\n");
        }
        let evaluated = self.variables.get(name);
        match &evaluated {
            Err(problem) => text.push_str(&format!("{name}: error: {problem}\n")),
            Ok(_) => text.push_str(&format!("{name}: {}\n", self.shown(name, true))),
        }
        let Some(definition) = self.variables.definition(name) else { return text };
        if let Some(shown) = self.expression(name) {
            text.push_str(&format!("  from the expression\n    {}\n", shown.replace('\n', "\n    ")));
        }
        text.push_str(&format!("  set in {} ({})\n", definition.span, definition.layer));
        for lower in &definition.overrides {
            text.push_str(&format!("  over {} ({})\n", lower.span, lower.layer));
        }
        if evaluated.is_ok_and(|evaluated| !evaluated.depends_on.is_empty()) {
            text.push_str("  computed from\n");
            self.tree(name, 1, &mut vec![name.to_owned()], &mut text);
        }
        text
    }

    /// The expression behind a variable, if it is one; without secrets.
    pub fn expression(&self, name: &str) -> Option<&str> {
        let definition = self.variables.definition(name)?;
        let expression = expression(&definition.node)?;
        let documented = self.loaded.library.roles.iter().find_map(|role| role.documentation.get(name));
        let hidden = self.variables.get(name).is_ok_and(|evaluated| evaluated.secret);
        let secret = hidden || sounds_secret(name) || documented.is_some_and(|words| words.secret);
        // An expression may hold a secret as a literal.
        Some(if secret && !self.reveal && !definition.is_from_a_role() { REDACTED } else { expression })
    }

    /// What a variable was computed from, each with its value; what was shown already is not shown again.
    fn tree(&self, name: &str, depth: usize, seen: &mut Vec<String>, text: &mut String) {
        let Ok(evaluated) = self.variables.get(name) else { return };
        for part in &evaluated.depends_on {
            let mut value = self.shown(part, false);
            if value.chars().count() > WIDEST {
                value = value.chars().take(WIDEST).collect::<String>() + "...";
            }
            text.push_str(&format!("{}{part}: {value}\n", "  ".repeat(depth + 1)));
            if depth < DEEPEST && !seen.contains(part) {
                seen.push(part.clone());
                self.tree(part, depth + 1, seen, text);
            }
        }
    }
}

/// The text of a value that is an expression.
fn expression(node: &Node) -> Option<&str> {
    node.as_text().map(str::trim_end).filter(|text| text.contains("{{") || text.contains("{%"))
}
