//! What is wrong with a server that has MAS, asked from the inside: the chain of units, the database, the way of
//! requests through the reverse proxy, the certificates, the mail, the clock, and what MAS itself says.
//!
//! It is for when something is down, so it starts nothing, and what hangs on something broken is left out with a word.

mod address;
mod clock;
mod database;
mod issuer;
mod mail;
mod mas_cli;
mod proxy;
mod routing;
mod smtp;
mod units;

pub use mas_cli::doctor;

use std::time::SystemTime;

use super::Context;
use super::self_check::{Client, Finding, Findings, Verdict, certificate};
use crate::diagnostic::{Error, Kind, Result, with_causes};
use crate::host::docker::Docker;

const MAS: &str = "matrix-authentication-service";

/// What a doctor needs beside the host.
pub struct Request<'a> {
    /// Knows which certificates are to be trusted.
    pub client: &'a Client,
    /// The clock of this machine.
    pub clock: &'a (dyn Fn() -> SystemTime + Send + Sync),
}

/// Asks every question. Nothing is started, stopped or changed.
///
/// # Errors
/// The host has no MAS; the connection breaks; a variable cannot be evaluated. What is wrong with the server is a finding.
pub async fn examine(context: &Context<'_>, request: &Request<'_>) -> Result<Vec<Finding>> {
    let mas = context.required_service(MAS)?;
    let mut findings = Findings::default();
    clock::check(context, request.clock, &mut findings).await?;
    let running = units::check(context, &mut findings).await?;
    if !running.contains(units::DOCKER) {
        skip(&mut findings, &["database", "certificate", "routing", "issuer", "address", "mail", "mas-cli"], "Docker does not run");
        return Ok(findings.0);
    }
    let docker = Docker::connect(context.host.clone()).await?;
    database::check(context, &docker, &running, &mut findings).await?;
    match proxy::find(context, &docker, request.client).await? {
        proxy::Found::Here(proxy) => {
            let names = [context.text("matrix_server_fqn_matrix")?, context.text("matrix_authentication_service_hostname")?];
            if let Some(port) = proxy.secure {
                certificate::look(&proxy.public, &names[0], port, (request.clock)(), &mut findings).await;
                if names[0] != names[1] {
                    certificate::look(&proxy.public, &names[1], port, (request.clock)(), &mut findings).await;
                }
            }
            if running.contains(&mas.unit) {
                routing::check(context, &proxy, &mut findings).await?;
                issuer::check(context, &proxy, &mut findings).await?;
                address::check(context, &proxy, mas, &mut findings).await?;
            } else {
                skip(&mut findings, &["routing", "issuer", "address"], "MAS does not run");
            }
        }
        proxy::Found::Not(why) => skip(&mut findings, &["certificate", "routing", "issuer", "address"], &why),
    }
    mail::check(context, &docker, request.client, &mut findings).await?;
    if running.contains(&mas.unit) {
        mas_cli::check(context, &mas.container, &mut findings).await?;
    } else {
        skip(&mut findings, &["mas-cli"], "MAS does not run");
    }
    Ok(findings.0)
}

fn skip(findings: &mut Findings, checks: &[&'static str], why: &str) {
    for check in checks {
        findings.add(check, "", Verdict::Skipped, format!("{check} was not looked at: {why}"), None);
    }
}

/// The words of an error that is no end of the connection.
fn words(context: &Context<'_>, error: Error) -> Result<String> {
    match error.kind {
        Kind::Unreachable | Kind::Interrupted => Err(error),
        _ => Ok(context.prepared.redactor().redact(&with_causes(&error)).into_owned()),
    }
}
