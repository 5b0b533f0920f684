//! Everything that is wrong with the hosts of a run, before one is touched.

use std::num::NonZero;
use std::thread;

use super::connection::{ConnectionDefaults, settings};
use super::load::Loaded;
use super::prepare::{HostFacts, Prepared, variables};
use crate::diagnostic::{Diagnostic, Error, Kind, Result, in_order};

/// The findings about all hosts together, each once: about their variables, the roles that they enable, and how
/// they are reached. Facts are assumed. As many hosts are looked at at once as there are processors.
///
/// # Errors
/// What is no fault of the inventory: a pattern that selects no host.
pub fn examine(loaded: &Loaded) -> Result<Vec<Diagnostic>> {
    let hosts = loaded.hosts()?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let each = |hosts: &[String]| hosts.iter().map(|host| one(loaded, host)).collect::<Result<Vec<_>>>();
    let found: Vec<Result<Vec<Vec<Diagnostic>>>> = thread::scope(|scope| {
        let mut parts = hosts.chunks(hosts.len().div_ceil(threads).max(1));
        // This thread has a part too.
        let own = parts.next_back();
        let others: Vec<_> = parts.map(|hosts| scope.spawn(move || each(hosts))).collect();
        let own = own.map(each);
        let others = others.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        others.collect::<Vec<_>>().into_iter().chain(own).collect()
    });
    let found: Vec<Vec<Vec<Diagnostic>>> = found.into_iter().collect::<Result<_>>()?;
    Ok(in_order(found.into_iter().flatten().flatten().collect()))
}

/// The findings about a host.
fn one(loaded: &Loaded, host: &str) -> Result<Vec<Diagnostic>> {
    let facts = HostFacts::assumed();
    let variables = variables(loaded, host, &facts, &[])?;
    let mut findings = match Prepared::of(loaded, host, &facts, variables.clone()) {
        Ok(prepared) => prepared.warnings,
        Err(error) => diagnostics(error)?,
    };
    if let Err(error) = settings(host, &variables, &ConnectionDefaults::default()) {
        findings.extend(diagnostics(error)?);
    }
    Ok(findings)
}

/// The findings of an error that has some.
///
/// # Errors
/// The error itself, where it has none.
pub fn diagnostics(error: Error) -> Result<Vec<Diagnostic>> {
    if error.kind == Kind::Invalid && !error.diagnostics.is_empty() { Ok(error.diagnostics) } else { Err(error) }
}
