//! What stands in the way of moving accounts to MAS, looked at while everything runs and nothing is touched.
//!
//! A file a question. Each has a part that asks and a pure part that judges the answer.

mod accounts;
mod appservices;
mod conversion;
mod passwords;
mod providers;
mod room;
mod settings;
mod versions;
mod web;

use std::net::IpAddr;

use super::Databases;
use super::finding::{Finding, Verdict};
use crate::diagnostic::{Error, Kind, Result, Span};
use crate::operation::Context;
use crate::operation::self_check::Client;
use crate::pipeline::{HostFacts, Loaded};

/// What an examination needs beside the host. The host's variables are those of the time while accounts move: MAS
/// enabled, `matrix_authentication_service_migration_in_progress` true.
pub struct Request<'a> {
    /// Roles and inventory, for the state after the move.
    pub loaded: &'a Loaded,
    /// What the host said about itself.
    pub facts: &'a HostFacts,
    /// Asks what users' programs ask.
    pub client: &'a Client,
    /// The host's addresses.
    pub addresses: &'a [IpAddr],
    /// The folder on the host that will hold the dump.
    pub backups: &'a str,
    /// MAS stands beside Synapse already.
    pub mas_runs: bool,
}

/// Asks every question that can be asked without MAS.
///
/// # Errors
/// The connection breaks, or a variable cannot be evaluated. Whatever is wrong with the server is a finding.
pub async fn examine(context: &Context<'_>, request: &Request<'_>) -> Result<Vec<Finding>> {
    context.stage("looking at the settings, the accounts and the room for a move");
    let mut findings = settings::examine(context, request);
    findings.extend(versions::examine(context).await?);
    if let Err(error) = Databases::of(context) {
        findings.push(bad("databases", error.message).with_hint(error.hints.join("; ")));
    }
    match accounts::ask(context).await {
        Ok(Some(accounts)) => {
            findings.extend(accounts::judge(&accounts));
            findings.extend(passwords::examine(context, &accounts.schemes)?);
            findings.extend(providers::examine(context, request.loaded.now, &accounts.providers)?);
            findings.extend(appservices::examine(context, &accounts).await?);
        }
        Ok(None) => {}
        Err(error) => findings.push(not_asked("accounts", "Synapse's database gives no answer", error)?),
    }
    match room::ask(context, request.backups).await {
        Ok(Some(room)) => findings.push(room::judge(&room, request.backups)),
        Ok(None) => {}
        Err(error) => findings.push(not_asked("room", "the size of the databases cannot be told", error)?),
    }
    findings.extend(web::examine(context, request).await?);
    Ok(findings)
}

/// Asks syn2mas, which needs MAS and its database. The caller holds the host's lock.
///
/// # Errors
/// The connection breaks. What syn2mas finds, and that it could not be asked, are findings.
pub async fn ask_syn2mas(context: &Context<'_>) -> Result<Vec<Finding>> {
    conversion::examine(context).await
}

fn good(name: &'static str, text: impl Into<String>) -> Finding {
    Finding { name, verdict: Verdict::Good, text: text.into(), hint: None, place: None }
}

fn warning(name: &'static str, text: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Warning, ..good(name, text) }
}

fn bad(name: &'static str, text: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Bad, ..good(name, text) }
}

impl Finding {
    fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn at(self, place: Option<Span>) -> Self {
        Self { place, ..self }
    }
}

/// A question without an answer is a finding, unless the connection is gone.
fn not_asked(name: &'static str, text: &str, error: Error) -> Result<Finding> {
    if matches!(error.kind, Kind::Unreachable | Kind::Interrupted) {
        return Err(error);
    }
    let finding = bad(name, format!("{text}: {}", crate::diagnostic::with_causes(&error)));
    Ok(match error.hints.first() {
        Some(hint) => finding.with_hint(hint.clone()),
        None => finding,
    })
}

/// `1 user`, `3 users`.
fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Where the user sets the first of these variables that the user sets at all.
fn place(context: &Context<'_>, names: &[&str]) -> Option<Span> {
    let definitions = names.iter().filter_map(|name| context.prepared.variables.definition(name));
    definitions.filter(|definition| definition.kind.is_users()).map(|definition| definition.span.clone()).next()
}
