//! `database`: work with the database.

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::RawConfig;
use crate::storage::{connect, schema};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the tables up to date
    Migrate,
}

pub async fn run(command: Command, raw: &RawConfig) -> anyhow::Result<ExitCode> {
    match command {
        Command::Migrate => schema::migrate(&mut connect(&raw.database()?).await?).await?,
    }
    Ok(ExitCode::SUCCESS)
}
