//! What is wrong with a YAML file, in words, and what to do.

use std::sync::Arc;

use granit_parser::{ErrorKind, ScanError, Tag};

use crate::diagnostic::{Diagnostic, Span};
use crate::inventory::node::{Node, Value};

/// The commonest mistake of all.
pub const QUOTE_HELP: &str = "a value that begins with `{{` must be quoted: `name: \"{{ ... }}\"`";

/// What the parser stumbled over.
pub fn scan(error: &ScanError, text: &str, file: &Arc<str>) -> Diagnostic {
    let mark = error.marker();
    let line = text.lines().nth(mark.line().saturating_sub(1)).unwrap_or_default();
    let tab = line.chars().take_while(|c| c.is_whitespace()).position(|c| c == '\t');
    let is_tab = matches!(
        error.kind(),
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    );
    if is_tab || tab.is_some() {
        return Diagnostic::error("H0102", "a tab stands where YAML allows only spaces")
            .at(&at(file, mark.line(), tab.unwrap_or_else(|| mark.col())))
            .help("replace the tabs by spaces");
    }
    let reason = match error.kind() {
        ErrorKind::UnexpectedCharacter { character } => format!("`{}` cannot begin a value", character.escape_default()),
        ErrorKind::SimpleKeyExpected => "this line has no `:` after its key".to_owned(),
        ErrorKind::MappingValueNotAllowed => "a `:` is not allowed here".to_owned(),
        ErrorKind::InvalidColonPlacement => "a `:` is not allowed inside brackets here".to_owned(),
        _ => error.info(),
    };
    let diagnostic = Diagnostic::error("H0101", format!("this is not YAML: {reason}")).at(&at(file, mark.line(), mark.col()));
    match help(error.kind(), line) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

pub fn not_mergeable(node: &Node) -> Diagnostic {
    Diagnostic::error("H0109", format!("`<<` merges a mapping or a list of mappings, not {}", node.kind())).at(&node.span)
}

pub fn not_vault_text(span: &Span) -> Diagnostic {
    Diagnostic::error("H0107", "`!vault` needs the text that `ansible-vault encrypt_string` prints").at(span)
}

/// Never taken for text: Python would make a number of it, and compute with it.
pub fn number_too_long(span: &Span) -> Diagnostic {
    Diagnostic::error("H0107", "a whole number of more than 128 bits cannot be held")
        .at(span)
        .help("quote it if it is meant as text, such as a password")
}

pub fn too_deep(span: &Span) -> Diagnostic {
    Diagnostic::error("H0104", "the values are nested too deep").at(span)
}

pub fn unknown_tag(tag: &Tag, span: &Span) -> Diagnostic {
    Diagnostic::error("H0110", format!("the tag `{}` is unknown", tag.original()))
        .at(span)
        .help("known are `!vault` and `!unsafe`; text that begins with `!` must be quoted")
}

pub fn shown(key: &Node) -> String {
    match &key.value {
        Value::Text(text) | Value::Unsafe(text) => format!("`{text}`"),
        Value::Int(number) => format!("`{number}`"),
        Value::Float(number) => format!("`{number}`"),
        Value::Bool(boolean) => format!("`{boolean}`"),
        _ => "the empty key".to_owned(),
    }
}

fn help(kind: &ErrorKind, line: &str) -> Option<&'static str> {
    let after_colon = line.split_once(": ").map(|(_, value)| value.trim_start());
    let item = line.trim_start().strip_prefix("- ").map(str::trim_start);
    if [after_colon, item].into_iter().flatten().any(|value| value.starts_with("{{") || value.starts_with("{%")) {
        return Some(QUOTE_HELP);
    }
    match kind {
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            Some("a quote that opens must close; `\"` in double quotes is written `\\\"`, `'` in single quotes `''`")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            Some("quote the whole value; `\"` in double quotes is written `\\\"`, `'` in single quotes `''`")
        }
        ErrorKind::UnclosedFlowCollection { .. } | ErrorKind::InvalidColonPlacement => {
            Some("a bracket that opens must close; text that begins with a bracket must be quoted")
        }
        ErrorKind::UnknownAnchor => Some("define the anchor with `&name` above; text that begins with `*` must be quoted"),
        ErrorKind::UnknownQuotedScalarEscape => Some("in double quotes a backslash is written `\\\\`; single quotes take it as it is"),
        ErrorKind::UnexpectedCharacter { .. } => Some("text that begins with `@`, `%` or a backquote must be quoted"),
        ErrorKind::MappingValueNotAllowed if after_colon.is_some_and(|value| value.contains(": ")) => {
            Some("text that holds `: ` must be quoted")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => {
            Some("compare the indentation of this line with that of the lines above")
        }
        _ => None,
    }
}

/// Lines of the parser begin with 1, columns with 0.
pub fn at(file: &Arc<str>, line: usize, column: usize) -> Span {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span::new(Arc::clone(file), number(line), number(column).saturating_add(1))
}

/// Whether a quote that opens or closes at the wrong place may be behind an error.
pub const fn is_about_a_quote(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::InvalidTrailingSingleQuotedScalar
            | ErrorKind::InvalidTrailingDoubleQuotedScalar
            | ErrorKind::DocumentIndicatorInQuotedScalar
            | ErrorKind::UnknownQuotedScalarEscape
    )
}

/// The text with a line indented enough for any quoted text to go on in it. The white space at the
/// start of such a line has no meaning, so the values stay the same.
pub fn indent(text: &str, line: usize) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let indentation = " ".repeat(256);
    if let Some(place) = line.checked_sub(1).filter(|place| *place < lines.len()) {
        lines.insert(place, &indentation);
    }
    lines.concat()
}
