//! `config`: look at the configuration without serving it.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;

use crate::config::RawConfig;
use crate::storage::sync::{self, Leftover};
use crate::storage::{connect, schema};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Parse the configuration; looks at no file that it points at and accepts unknown keys
    Check,
    /// Print the merged configuration (as JSON, which is YAML)
    Dump,
    /// Write clients and upstream providers to the database
    Sync {
        /// Remove what the configuration no longer names
        #[arg(long)]
        prune: bool,
        /// Save nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub async fn run(command: Command, raw: &RawConfig) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check => {
            raw.root()?;
            crate::info!("configuration file looks good");
        }
        Command::Dump => {
            raw.root()?;
            let text = serde_json::to_string_pretty(raw.value())?;
            writeln!(std::io::stdout().lock(), "{text}")?;
        }
        Command::Sync { prune, dry_run } => {
            let config = raw.root()?;
            let mut client = connect(&config.database).await?;
            schema::migrate(&mut client).await?;
            let leftover = if prune { Leftover::Remove } else { Leftover::Keep };
            sync::run(&mut client, &config.upstream, &config.clients, leftover, dry_run).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
