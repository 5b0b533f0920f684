//! `check`: find every mistake in the inventory without a host.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::Exit;
use super::global::GlobalArgs;
use crate::authoring::credentials;
use crate::diagnostic::{Diagnostic, Kind, Result, Severity, in_order};
use crate::pipeline::{Loaded, diagnostics, examine};
use crate::report::{Finding, Terminal};

/// Find every mistake in the inventory, without touching a host
///
/// Exits with 3 when there is one; with `--strict`, when there is a warning, too.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// How to write the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Fail on warnings too
    #[arg(long, alias = "deny-warnings")]
    strict: bool,
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
            let document = json!({"version": 1, "diagnostics": findings.iter().map(Finding::of).collect::<Vec<_>>()});
            terminal.out(&format!("{document:#}\n"));
        } else {
            terminal.out(&terminal.findings(&findings));
            let warnings = findings.len() - errors;
            let count = |number: usize, what: &str| if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") };
            terminal.out(&format!("{}, {}\n", count(errors, "error"), count(warnings, "warning")));
        }
        let failed = errors > 0 || (self.strict && !findings.is_empty());
        Ok(if failed { Kind::Invalid.exit_code() } else { 0 })
    }
}

fn findings(global: &GlobalArgs) -> Result<Vec<Diagnostic>> {
    let mut loaded = match Loaded::read(&global.sources()?) {
        Ok(loaded) => loaded,
        Err(error) => return diagnostics(error),
    };
    credentials::fill(&mut loaded, &credentials::system_random)?;
    let mut findings = loaded.warnings.clone();
    findings.extend(credentials::remarks(&loaded));
    findings.extend(examine(&loaded)?);
    Ok(in_order(findings))
}
