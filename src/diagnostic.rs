//! Errors that help at two in the morning: what is wrong, where it stands, what to do.
//!
//! A [`Diagnostic`] speaks of a place in a user's file. An [`Error`] ends a stage; its [`Kind`]
//! decides the exit code. Nothing here prints.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

mod similar;

pub use similar::{did_you_mean, nearest, nearest_variable};

/// A place in a file that a user wrote. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// The path as the user would type it, or a name such as `-e` for the command line.
    pub file: Arc<str>,
    /// 1 is the first line; 0 where there is none.
    pub line: u32,
    /// 1 is the first column, counted in characters; 0 where there is none.
    pub column: u32,
}

impl Span {
    /// A place in `file`.
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Self { file: file.into(), line, column }
    }

    /// A whole file or a source without lines.
    pub fn whole(file: impl Into<Arc<str>>) -> Self {
        Self::new(file, 0, 0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The run goes on.
    Warning,
    /// Nothing is touched.
    Error,
}

/// One finding about a user's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable code such as `H0101`; `docs/errors.md` lists them.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// A lowercase fragment with backticked literals.
    pub message: String,
    /// Where; absent for what no file says.
    pub span: Option<Span>,
    /// Further places that belong to it.
    pub notes: Vec<Note>,
    /// What to do.
    pub help: Option<String>,
}

/// A further place of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What stands there; may be empty.
    pub message: String,
    /// Where.
    pub span: Span,
}

impl Diagnostic {
    /// A finding that stops the run.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), span: None, notes: Vec::new(), help: None }
    }

    /// A finding that does not.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// With its place.
    #[must_use]
    pub fn at(mut self, span: &Span) -> Self {
        self.span = Some(span.clone());
        self
    }

    /// With a further place.
    #[must_use]
    pub fn note(mut self, message: impl Into<String>, span: &Span) -> Self {
        self.notes.push(Note { message: message.into(), span: span.clone() });
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{span}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// What kind of end an error is. It decides the exit code and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wrong use of the command line, or a fault of homestead's own.
    Usage,
    /// Something went wrong on a host.
    HostFailed,
    /// The inventory is wrong; nothing was touched.
    Invalid,
    /// No connection: name, port, key, password.
    Unreachable,
    /// A service did not come up and the previous state was put back.
    RolledBack,
    /// Another run holds the host's lock.
    Locked,
    /// A saved plan does not fit the host any more.
    Stale,
    /// The user stopped the run.
    Interrupted,
}

impl Kind {
    /// The process's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 1,
            Self::HostFailed => 2,
            Self::Invalid => 3,
            Self::Unreachable => 4,
            Self::RolledBack => 20,
            Self::Locked => 21,
            Self::Stale => 22,
            Self::Interrupted => 130,
        }
    }
}

/// The end of a stage.
#[derive(Debug)]
pub struct Error {
    /// Decides the exit code.
    pub kind: Kind,
    /// A lowercase fragment with backticked literals.
    pub message: String,
    /// Lines that begin with `hint: ` when shown.
    pub hints: Vec<String>,
    /// Findings in the user's files, all of a run together.
    pub diagnostics: Vec<Diagnostic>,
    /// What came before it.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of a stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), diagnostics: Vec::new(), source: None }
    }

    /// With a line that says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// With what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Invalid roles or templates, with everything that is wrong with them.
    pub fn roles(diagnostics: Vec<Diagnostic>) -> Self {
        Self { message: format!("the roles have {}; nothing was touched", errors(&diagnostics)), ..Self::invalid(diagnostics) }
    }

    /// An invalid inventory, with everything that is wrong with it.
    pub fn invalid(diagnostics: Vec<Diagnostic>) -> Self {
        let message = format!("the inventory has {}; nothing was touched", errors(&diagnostics));
        Self { diagnostics, ..Self::new(Kind::Invalid, message) }
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::invalid(vec![diagnostic])
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for diagnostic in &self.diagnostics {
            write!(f, "; {diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

fn errors(diagnostics: &[Diagnostic]) -> String {
    match diagnostics.iter().filter(|finding| finding.severity == Severity::Error).count() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    }
}

/// Each finding once, by its place; what has no place comes last.
pub fn in_order(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut unique: Vec<Diagnostic> = Vec::with_capacity(findings.len());
    for finding in findings {
        if !unique.contains(&finding) {
            unique.push(finding);
        }
    }
    unique.sort_by(|left, right| (left.span.is_none(), &left.span).cmp(&(right.span.is_none(), &right.span)));
    unique
}

/// An error of a library with its causes, after colons: its own text often says only that something failed.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_prints_as_editors_read_it() {
        assert_eq!(Span::new("vars.yml", 14, 3).to_string(), "vars.yml:14:3");
        assert_eq!(Span::new("vars.yml", 14, 0).to_string(), "vars.yml:14");
        assert_eq!(Span::whole("-e").to_string(), "-e");
    }

    #[test]
    fn findings_come_once_and_by_their_place() {
        let finding = |line| Diagnostic::error("H0101", "this is not YAML").at(&Span::new("vars.yml", line, 1));
        let anywhere = Diagnostic::error("H0332", "`matrix_domain` is not set");
        let findings = vec![anywhere.clone(), finding(2), finding(1), finding(2)];
        assert_eq!(in_order(findings), [finding(1), finding(2), anywhere]);
    }
}
