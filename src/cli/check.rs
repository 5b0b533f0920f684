//! `check`: find every mistake in the inventory without a host.

use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};

use super::Exit;
use super::global::GlobalArgs;
use crate::authoring::credentials;
use crate::diagnostic::{Diagnostic, Kind, Result, Severity};
use crate::pipeline::{HostFacts, Loaded, Prepared};
use crate::report::{self, Terminal};

/// Find every mistake in the inventory, without touching a host
///
/// Exits with 3 when there is one.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// How to write the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For editors
    Json,
}

impl CheckArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let findings = findings(global)?;
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        if self.format == Format::Json {
            let document = json!({"version": 1, "diagnostics": findings.iter().map(diagnostic_json).collect::<Vec<_>>()});
            terminal.out(&format!("{document:#}\n"));
        } else {
            terminal.out(&report::findings(&findings, terminal.color(), &super::global::readable_source));
            let warnings = findings.len() - errors;
            let count = |number: usize, what: &str| if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") };
            terminal.out(&format!("{}, {}\n", count(errors, "error"), count(warnings, "warning")));
        }
        Ok(if errors > 0 { Kind::Invalid.exit_code() } else { 0 })
    }
}

fn findings(global: &GlobalArgs) -> Result<Vec<Diagnostic>> {
    let of = |error: crate::diagnostic::Error| if error.diagnostics.is_empty() { Err(error) } else { Ok(error.diagnostics) };
    let mut loaded = match Loaded::read(&global.sources()?) {
        Ok(loaded) => loaded,
        Err(error) => return of(error),
    };
    credentials::fill(&mut loaded, &credentials::system_random)?;
    let mut findings = loaded.warnings.clone();
    findings.extend(credentials::remarks(&loaded));
    for host in loaded.hosts()? {
        match Prepared::new(&loaded, &host, &HostFacts::assumed(), &[]) {
            Ok(prepared) => findings.extend(prepared.warnings),
            Err(error) => findings.extend(of(error)?),
        }
    }
    let mut unique: Vec<Diagnostic> = Vec::new();
    for finding in findings {
        if !unique.contains(&finding) {
            unique.push(finding);
        }
    }
    Ok(unique)
}

/// A finding as `docs/interfaces.md` describes it.
pub fn diagnostic_json(finding: &Diagnostic) -> Json {
    json!({
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "file": finding.span.as_ref().map(|span| span.file.as_ref()),
        "line": finding.span.as_ref().map(|span| span.line),
        "column": finding.span.as_ref().map(|span| span.column),
        "help": finding.help,
    })
}
