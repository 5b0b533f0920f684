//! `mas`: what only Matrix Authentication Service can do.

use clap::{Args, Subcommand};

use super::global::GlobalArgs;
use super::procedure::{Connected, on_each};
use super::{Exit, prompt};
use crate::diagnostic::{Error, Kind, Result};
use crate::operation;
use crate::report::Terminal;

/// Ask Matrix Authentication Service for something
#[derive(Debug, Args)]
pub struct MasArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    AdminToken(AdminTokenArgs),
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
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        match &self.command {
            Command::AdminToken(args) => args.run(global, terminal).await,
        }
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
            if terminal.json() {
                let line = serde_json::json!({"version": 1, "event": "admin_token", "host": host, "token": token.reveal()});
                terminal.out(&format!("{line}\n"));
            } else if tokens.len() > 1 {
                terminal.out(&format!("{host}: {}\n", token.reveal()));
            } else {
                terminal.out(&format!("{}\n", token.reveal()));
            }
        }
        terminal.err("it is shown this once; MAS's account page of the user lists and ends its sessions\n");
        Ok(0)
    }
}
