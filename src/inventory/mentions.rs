//! Which names the texts of an inventory mention: a variable that another one uses is no mistake, whoever it
//! is for.

use std::collections::HashSet;

use super::layers::Variable;
use super::node::{Node, Value};

/// The names in all expressions of an inventory.
#[derive(Clone, Debug, Default)]
pub struct Mentions {
    expressions: HashSet<String>,
    texts: HashSet<String>,
    /// Whether an expression asks for variables by names that it computes.
    computed: bool,
}

impl Mentions {
    /// Of these variables.
    pub fn of<'a>(variables: impl Iterator<Item = &'a Variable>) -> Self {
        let mut mentions = Self::default();
        for variable in variables {
            mentions.add(&variable.value);
        }
        mentions.computed = ["vars", "varnames", "hostvars"].iter().any(|name| mentions.expressions.contains(*name));
        mentions
    }

    fn add(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) => self.add_text(text),
            Value::Secret(text) => self.add_text(text.reveal()),
            Value::List(items) => items.iter().for_each(|item| self.add(item)),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| self.add(value)),
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        let template = text.contains("{{") || text.contains("{%");
        if !template && (text.contains(char::is_whitespace) || text.is_empty()) {
            return;
        }
        let names = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let names = names.filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'));
        let set = if template { &mut self.expressions } else { &mut self.texts };
        for name in names {
            if !set.contains(name) {
                set.insert(name.to_owned());
            }
        }
    }

    /// Whether something may ask for the variable. Where names are computed, a part of the name is enough.
    pub fn contains(&self, name: &str) -> bool {
        let part = |word: &String| (word.ends_with('_') && name.starts_with(word)) || (word.starts_with('_') && name.ends_with(word));
        self.expressions.contains(name) || (self.computed && (self.texts.contains(name) || self.expressions.iter().any(part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn mentions(texts: &[&str]) -> Mentions {
        let span = Span::whole("vars.yml");
        let variable = |text: &&str| Variable {
            name: "x".to_owned(),
            name_span: span.clone(),
            value: Node::new(Value::Text((*text).to_owned()), span.clone()),
        };
        let variables: Vec<Variable> = texts.iter().map(variable).collect();
        Mentions::of(variables.iter())
    }

    #[test]
    fn a_name_counts_in_expressions_and_nowhere_else() {
        let plain = mentions(&["{{ my_a | default(my_b) }}", "{% if my_c %}x{% endif %}", "my_d"]);
        for name in ["my_a", "my_b", "my_c"] {
            assert!(plain.contains(name), "{name}");
        }
        assert!(!plain.contains("my_d") && !plain.contains("my_"));
    }

    #[test]
    fn computed_names_count_by_their_parts() {
        let computed = mentions(&["{{ lookup('vars', 'my_' + item) }}", "plain_name"]);
        assert!(computed.contains("my_anything") && computed.contains("plain_name"));
        assert!(!computed.contains("your_thing"));
    }
}
