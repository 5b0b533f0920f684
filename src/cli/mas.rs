//! `mas`: what only Matrix Authentication Service can do.

use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use super::global::{GlobalArgs, now};
use super::procedure::{Connected, on_each};
use super::{Exit, prompt, self_check};
use crate::diagnostic::{Error, Kind, Result};
use crate::operation;
use crate::operation::doctor;
use crate::operation::self_check::Client;
use crate::report::{Event, Terminal};

/// Ask Matrix Authentication Service for something
#[derive(Debug, Args)]
pub struct MasArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    AdminToken(AdminTokenArgs),
    Doctor(DoctorArgs),
}

/// Find out from the inside why logins do not work: units, database, routes, certificates, mail, MAS itself
///
/// Starts and changes nothing, and works while services are down. Exits with 2 when something is bad.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Trust the certificate authorities in this file too
    #[arg(long, value_name = "FILE")]
    ca: Vec<Utf8PathBuf>,
}

/// Issue an access token for Synapse's admin API, and show it once
///
/// Who has it may do anything on the server, as the user that it is for, until it is revoked. It is written to
/// standard output and nowhere else.
#[derive(Debug, Args)]
pub struct AdminTokenArgs {
    /// The name before the colon of `@name:example.com`
    username: String,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

impl MasArgs {
    /// Whether it answers with one document, and changes nothing.
    pub const fn only_looks(&self) -> bool {
        matches!(self.command, Command::Doctor(_))
    }

    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        match &self.command {
            Command::AdminToken(args) => args.run(global, terminal).await,
            Command::Doctor(args) => args.run(global, terminal).await,
        }
    }
}

impl DoctorArgs {
    async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let client = Arc::new(Client::new(Vec::new(), &self.ca)?);
        let mut all = on_each(global, terminal, None, move |connected: Connected| {
            let client = client.clone();
            async move {
                let request = doctor::Request { client: &client, clock: &now };
                let findings = doctor::examine(&connected.context(), &request).await?;
                Ok((connected.name, findings))
            }
        })
        .await?;
        all.sort_by(|left, right| left.0.cmp(&right.0));
        if !terminal.json() {
            for (name, findings) in &all {
                terminal.out(&self_check::text(name, findings, terminal, all.len() > 1));
            }
        }
        Ok(self_check::end(&all, terminal))
    }
}

impl AdminTokenArgs {
    async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let question = format!(
            "The token lets whoever has it use Synapse's admin API as {}: read, change and remove all accounts and rooms.\nIssue it?",
            self.username
        );
        if !self.yes && !prompt::confirm(&question)? {
            return Err(Error::new(Kind::Interrupted, "not confirmed; no token was issued"));
        }
        let username = self.username.clone();
        let tokens = on_each(global, terminal, None, move |connected: Connected| {
            let username = username.clone();
            async move {
                let token = operation::admin_token(&connected.context(), &username).await?;
                Ok((connected.name, token))
            }
        })
        .await?;
        for (host, token) in &tokens {
            terminal.say(Some(host), Event::AdminToken { token: token.clone() });
            if terminal.json() {
                continue;
            }
            if tokens.len() > 1 {
                terminal.out(&format!("{host}: {}\n", token.reveal()));
            } else {
                terminal.out(&format!("{}\n", token.reveal()));
            }
        }
        terminal.err("it is shown this once; MAS's account page of the user lists and ends its sessions\n");
        Ok(0)
    }
}
