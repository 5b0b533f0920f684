//! Whose fault it is: the variables of a user that an expression of a role depends on.

use std::collections::HashSet;
use std::sync::PoisonError;

use super::engine::Engine;
use crate::diagnostic::Span;

/// An expression that depends on more of them tells nothing.
const FEW: usize = 3;

/// The variables that a user sets and that a text of a role names, or the ones nearest to those that it
/// names. None where they are too many to help.
pub fn suspects<'a>(engine: &'a Engine, text: &str) -> Vec<(&'a str, &'a Span)> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let mut level: Vec<String> = words.map(str::to_owned).collect();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    // The nearest ones are the likeliest.
    while !level.is_empty() && found.is_empty() {
        let mut deeper = Vec::new();
        for name in level {
            let Some((_, key, slot)) = engine.slots.get_full(name.as_str()) else { continue };
            if !seen.insert(name) {
                continue;
            }
            if slot.definition.kind.is_users() {
                found.push((&**key, &slot.definition.span));
            } else if slot.was_read() {
                let depends = slot.depends.lock().unwrap_or_else(PoisonError::into_inner);
                deeper.extend(depends.iter().map(ToString::to_string));
            }
        }
        level = deeper;
    }
    if found.len() > FEW { Vec::new() } else { found }
}
