//! Jinja2's grammar: text -> tokens -> tree.
//!
//! Our own rather than MiniJinja's, whose tree differs from Jinja2 where it matters here: the order
//! of `~` and `+`, chained comparisons, the reading of backslashes that Ansible changes, and
//! columns inside expressions.

pub mod ast;
mod expression;
pub mod lexer;
mod statement;
mod string;
pub mod tokens;

use ast::Template;
pub use lexer::Options;

/// A text that is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// A lowercase fragment.
    pub message: String,
    /// How many bytes into the text.
    pub offset: usize,
}

impl SyntaxError {
    fn new(message: impl Into<String>, offset: usize) -> Self {
        Self { message: message.into(), offset }
    }
}

/// Reads a template.
///
/// # Errors
/// The first place that Jinja2 would refuse.
pub fn parse(source: &str, options: &Options) -> Result<Template, SyntaxError> {
    let tokens = lexer::tokenize(source, options)?;
    statement::parse(tokens)
}

/// Whether a text may hold expressions at all. Most do not.
pub fn may_be_template(text: &str) -> bool {
    text.starts_with(lexer::OVERRIDE) || text.as_bytes().windows(2).any(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}
