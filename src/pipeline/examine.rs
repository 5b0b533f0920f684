//! Everything that is wrong with the hosts of a run, before one is touched.

use super::connection::{ConnectionDefaults, settings};
use super::load::Loaded;
use super::prepare::{HostFacts, Prepared, variables};
use crate::diagnostic::{Diagnostic, Error, Kind, Result, in_order};

/// The findings about all hosts together, each once: about their variables, the roles that they enable, and how
/// they are reached. Facts are assumed.
///
/// # Errors
/// What is no fault of the inventory: a pattern that selects no host.
pub fn examine(loaded: &Loaded) -> Result<Vec<Diagnostic>> {
    let mut findings = Vec::new();
    for host in loaded.hosts()? {
        match Prepared::new(loaded, &host, &HostFacts::assumed(), &[]) {
            Ok(prepared) => findings.extend(prepared.warnings),
            Err(error) => findings.extend(diagnostics(error)?),
        }
        let variables = variables(loaded, &host, &HostFacts::assumed(), &[])?;
        if let Err(error) = settings(&host, &variables, &ConnectionDefaults::default()) {
            findings.extend(diagnostics(error)?);
        }
    }
    Ok(in_order(findings))
}

/// The findings of an error that has some.
///
/// # Errors
/// The error itself, where it has none.
pub fn diagnostics(error: Error) -> Result<Vec<Diagnostic>> {
    if error.kind == Kind::Invalid && !error.diagnostics.is_empty() { Ok(error.diagnostics) } else { Err(error) }
}
