//! `-e` on the command line: `name=value`, YAML or JSON in braces, or `@file`.

use camino::Utf8Path;

use super::layers::{self, Layer, LayerKind, Variable};
use super::node::{Node, Value};
use super::vault::VaultPasswords;
use super::{files, python_literal};
use crate::diagnostic::{Diagnostic, Span};

/// What stands for a file's name in the places of what the command line says.
const SOURCE: &str = "-e";

/// Reads the arguments in their order; the last layer wins.
pub fn read(arguments: &[String], vault: &VaultPasswords, findings: &mut Vec<Diagnostic>) -> Vec<Layer> {
    arguments.iter().filter(|argument| !argument.is_empty()).filter_map(|argument| one(argument, vault, findings)).collect()
}

fn one(argument: &str, vault: &VaultPasswords, findings: &mut Vec<Diagnostic>) -> Option<Layer> {
    if let Some(path) = argument.strip_prefix('@') {
        return layers::read(Utf8Path::new(path), LayerKind::Extra, vault, findings);
    }
    let span = Span::new(SOURCE, 1, 1);
    let variables = if argument.starts_with(['/', '.']) {
        findings.push(
            Diagnostic::error("H0135", format!("`{argument}` looks like a file"))
                .at(&span)
                .help(format!("put an `@` before it: `-e @{argument}`")),
        );
        return None;
    } else if argument.starts_with(['{', '[']) {
        let mut node = files::parse_yaml(argument, SOURCE, findings)?;
        vault.open_all(&mut node, findings);
        layers::from_mapping(node, findings)?
    } else {
        pairs(argument, &span, findings)?
    };
    Some(Layer { kind: LayerKind::Extra, name: SOURCE.to_owned(), variables })
}

/// `a=1 b='x y'`: every value is text, as in Ansible.
fn pairs(argument: &str, span: &Span, findings: &mut Vec<Diagnostic>) -> Option<Vec<Variable>> {
    let Some(words) = split(argument) else {
        findings.push(
            Diagnostic::error("H0135", "a quote or a `{{` opens here and nothing closes it")
                .at(span)
                .help("give text with quotes in it as YAML: `-e '{name: \"...\"}'`"),
        );
        return None;
    };
    let mut variables = Vec::new();
    for (column, word) in words {
        let place = Span::new(SOURCE, 1, column);
        let word = decode(&word);
        match assignment(&word) {
            Some((name, value)) => {
                layers::check_name(name.trim(), &place, findings);
                let value = Node::new(Value::Text(unquote(value.trim()).to_owned()), place.clone());
                Variable::set(&mut variables, name.trim(), &place, value);
            }
            None => findings.push(
                Diagnostic::error("H0135", format!("`{}` is no `name=value`", word.trim()))
                    .at(&place)
                    .help("quote a value with spaces for the shell and for `-e`: `-e \"name='two words'\"`"),
            ),
        }
    }
    Some(variables)
}

/// Splits at the first `=` that has no backslash before it.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let at = word.match_indices('=').map(|(at, _)| at).find(|&at| at > 0 && word.as_bytes()[at - 1] != b'\\')?;
    Some((&word[..at], &word[at + 1..]))
}

fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote))
            && !inside.ends_with('\\')
        {
            return inside;
        }
    }
    text
}

/// Splits at spaces and line breaks that stand neither in quotes nor in Jinja2 brackets, and gives
/// each word's column; `None` where one of these stays open. Quotes stay where they are.
fn split(text: &str) -> Option<Vec<(u32, String)>> {
    let mut words: Vec<(u32, String)> = Vec::new();
    let (mut quote, mut depth, mut inside, mut previous) = (None, 0_u32, false, ' ');
    for (column, character) in (1..).zip(text.chars()) {
        match (previous, character) {
            (_, '"' | '\'') if previous != '\\' => match quote {
                None => quote = Some(character),
                Some(open) if open == character => quote = None,
                Some(_) => {}
            },
            ('{', '{' | '%' | '#') => depth += 1,
            ('}' | '%' | '#', '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let between = quote.is_none() && depth == 0 && matches!(character, ' ' | '\n');
        // Each pair of brackets counts once: `{{{` opens one block and begins a mapping.
        previous = if matches!((previous, character), ('{', '{' | '%' | '#') | ('}' | '%' | '#', '}')) { ' ' } else { character };
        if between {
            inside = false;
        } else if inside {
            words.last_mut()?.1.push(character);
        } else {
            inside = true;
            words.push((column, character.to_string()));
        }
    }
    (quote.is_none() && depth == 0).then_some(words)
}

/// Replaces the escapes that Ansible knows here, such as `\n`.
fn decode(text: &str) -> String {
    let (mut decoded, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('\\') {
        decoded.push_str(before);
        if let Some((Some(character), length)) = python_literal::escape(after) {
            decoded.push(character);
            rest = &after[length..];
        } else {
            decoded.push('\\');
            rest = after;
        }
    }
    decoded + rest
}

#[cfg(test)]
mod tests;
