//! Where the expressions of a text name variables.

use std::ops::Range;

use super::syntax::Options;
use super::syntax::lexer::tokenize;
use super::syntax::tokens::Token;

/// What a text says about a variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// The bytes of its name wherever an expression asks for it: as a name, as `vars['name']`, as
    /// `hostvars[host].name`, as `lookup('vars', 'name')`.
    pub asked: Vec<Range<usize>>,
    /// Whether the name stands there in another meaning too, so that nobody can tell which is which: a local name, or
    /// a string that may be a name.
    pub unclear: bool,
}

/// Finds a variable in a text. What is no template mentions nothing.
pub fn mentions(text: &str, name: &str) -> Mentions {
    let mut found = Mentions::default();
    if !text.contains(name) || !super::syntax::may_be_template(text) || text.contains('\r') {
        return found;
    }
    let Ok(tokens) = tokenize(text, &Options::variables()) else {
        found.unclear = true;
        return found;
    };
    let mut depth = 0_usize;
    for (at, (token, offset)) in tokens.iter().enumerate() {
        let look = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at)).map(|(token, _)| token);
        let next = tokens.get(at + 1).map(|(token, _)| token);
        match token {
            Token::Symbol("(" | "[" | "{") => depth += 1,
            Token::Symbol(")" | "]" | "}") => depth = depth.saturating_sub(1),
            Token::Name(word) if **word == *name => {
                let before = look(1);
                if is_symbol(before, ".") {
                    if of_all_variables(&tokens, at.saturating_sub(2)) {
                        found.asked.push(*offset..offset + name.len());
                    }
                } else if is_symbol(before, "|") || is_word(before, "is") || is_word(before, "not") && is_word(look(2), "is") {
                    // A filter or test of that name.
                } else if is_symbol(next, "=") {
                    // The name of an argument, or of something local.
                    found.unclear |= depth == 0;
                } else if is_local(&tokens, at) {
                    found.unclear = true;
                } else {
                    found.asked.push(*offset..offset + name.len());
                }
            }
            Token::Text(word) if **word == *name => {
                let item = is_symbol(look(1), "[") && at >= 2 && of_all_variables(&tokens, at - 2);
                let lookup =
                    is_symbol(look(1), ",") && matches!(look(2), Some(Token::Text(kind)) if kind.rsplit('.').next() == Some("vars"));
                // The quote is one byte.
                let inside = offset + 1..offset + 1 + name.len();
                if (item || lookup) && text.get(inside.clone()) == Some(name) {
                    found.asked.push(inside);
                } else {
                    found.unclear = true;
                }
            }
            _ => {}
        }
    }
    found
}

fn is_symbol(token: Option<&Token>, symbol: &str) -> bool {
    matches!(token, Some(Token::Symbol(found)) if *found == symbol)
}

fn is_word(token: Option<&Token>, word: &str) -> bool {
    matches!(token, Some(Token::Name(found)) if **found == *word)
}

/// Whether what ends at a token is `vars`, `hostvars[...]`, or `hostvars.name`.
fn of_all_variables(tokens: &[(Token, usize)], end: usize) -> bool {
    let token = |at: usize| tokens.get(at).map(|(token, _)| token);
    if is_word(token(end), "vars") {
        return true;
    }
    if is_symbol(token(end), "]") {
        let mut depth = 0_usize;
        for at in (0..=end).rev() {
            if is_symbol(token(at), "]") {
                depth += 1;
            } else if is_symbol(token(at), "[") {
                depth -= 1;
                if depth == 0 {
                    return at > 0 && is_word(token(at - 1), "hostvars");
                }
            }
        }
        return false;
    }
    matches!(token(end), Some(Token::Name(_))) && end >= 2 && is_symbol(token(end - 1), ".") && is_word(token(end - 2), "hostvars")
}

/// Whether a block gives the name to something of its own: `for NAME in`, `macro f(NAME)`, `set NAME`.
fn is_local(tokens: &[(Token, usize)], at: usize) -> bool {
    let Some(begin) = (0..at).rev().find(|&at| matches!(tokens[at].0, Token::BlockBegin | Token::PrintBegin)) else { return false };
    if tokens[begin].0 == Token::PrintBegin {
        return false;
    }
    let between = &tokens[begin + 1..at];
    match between.first() {
        Some((Token::Name(word), _)) => match &**word {
            "for" => !between.iter().any(|(token, _)| matches!(token, Token::Name(word) if **word == *"in")),
            "set" | "with" => !between.iter().any(|(token, _)| matches!(token, Token::Symbol("="))),
            "macro" => true,
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let found = mentions(text, "old");
        let mut shown = text.to_owned();
        for range in found.asked.iter().rev() {
            shown.replace_range(range.clone(), "NEW");
        }
        format!("{shown}{}", if found.unclear { " (unclear)" } else { "" })
    }

    #[test]
    fn a_variable_is_told_from_what_has_its_name() {
        let cases = [
            ("old {{ old }} {{ older ~ old }}", "old {{ NEW }} {{ older ~ NEW }}"),
            ("{{ a.old + old.a + a['old'] }}", "{{ a.old + NEW.a + a['old'] }} (unclear)"),
            ("{{ a | old(old=1) }}{{ b is old }}{{ b is not old }}", "{{ a | old(old=1) }}{{ b is old }}{{ b is not old }}"),
            ("{{ vars['old'] ~ vars.old }}", "{{ vars['NEW'] ~ vars.NEW }}"),
            ("{{ hostvars[groups['x'][0]]['old'] ~ hostvars.h.old }}", "{{ hostvars[groups['x'][0]]['NEW'] ~ hostvars.h.NEW }}"),
            ("{{ lookup('vars', 'old') }}", "{{ lookup('vars', 'NEW') }}"),
            ("{% for old in x %}{% endfor %}", "{% for old in x %}{% endfor %} (unclear)"),
            ("{% for x in old %}{{ x }}{% endfor %}", "{% for x in NEW %}{{ x }}{% endfor %}"),
            ("{% set old = 1 %}", "{% set old = 1 %} (unclear)"),
            ("{% set x = old %}{# old #}", "{% set x = NEW %}{# old #}"),
            ("{{ 'old text' }}", "{{ 'old text' }}"),
            ("{{ old", "{{ old (unclear)"),
            ("old", "old"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
