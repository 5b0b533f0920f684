//! A finding as programs read it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Severity};

/// A finding as `docs/interfaces.md` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Stable; `docs/errors.md` lists them.
    pub code: String,
    /// Whether it stops a run.
    pub severity: Severity,
    /// A lowercase fragment.
    pub message: String,
    /// As the user would type it; `-e` for the command line; null where no file says it.
    pub file: Option<String>,
    /// From 1; 0 where there is none; null together with `file`.
    pub line: Option<u32>,
    /// From 1, in characters; as `line`.
    pub column: Option<u32>,
    /// Further places that belong to it.
    pub notes: Vec<FindingNote>,
    /// What to do.
    pub help: Option<String>,
}

/// A further place of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FindingNote {
    /// May be empty.
    pub message: String,
    /// As the user would type it.
    pub file: String,
    /// From 1; 0 where there is none.
    pub line: u32,
    /// From 1, in characters; 0 where there is none.
    pub column: u32,
}

impl Finding {
    /// The same with its places as plain fields.
    pub fn of(finding: &Diagnostic) -> Self {
        let notes = finding.notes.iter().map(|note| FindingNote {
            message: note.message.clone(),
            file: note.span.file.to_string(),
            line: note.span.line,
            column: note.span.column,
        });
        Self {
            code: finding.code.to_owned(),
            severity: finding.severity,
            message: finding.message.clone(),
            file: finding.span.as_ref().map(|span| span.file.to_string()),
            line: finding.span.as_ref().map(|span| span.line),
            column: finding.span.as_ref().map(|span| span.column),
            notes: notes.collect(),
            help: finding.help.clone(),
        }
    }
}
