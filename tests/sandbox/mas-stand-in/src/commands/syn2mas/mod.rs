//! `syn2mas`: carry users over from Synapse's database.
//!
//! Exit codes: 0 clean or done, 10 errors, 11 warnings alone (`check`), 1 anything else that fails.

mod checks;
mod migrate;
mod synapse;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::config::RawConfig;
use crate::storage::sync::{self, Leftover};
use crate::storage::{connect, connect_to, schema};
use checks::Findings;
use synapse::SynapseConfig;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Read this file of Synapse's configuration; may be repeated
    #[arg(long = "synapse-config", global = true, value_name = "FILE")]
    synapse_config: Vec<PathBuf>,
    /// Reach Synapse's database by this URI instead of its configuration
    #[arg(long, global = true, value_name = "URI", value_parser = parse_uri)]
    synapse_database_uri: Option<tokio_postgres::Config>,
    /// Leave out accounts at providers that Synapse's configuration no longer lists
    #[arg(long, global = true)]
    ignore_missing_auth_providers: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for what prevents a migration; Synapse may run
    Check,
    /// Migrate; Synapse must be stopped
    Migrate {
        /// Roll everything back at the end; Synapse may run
        #[arg(long)]
        dry_run: bool,
    },
}

const CODE_ERRORS: u8 = 10;
const CODE_WARNINGS: u8 = 11;

fn parse_uri(text: &str) -> Result<tokio_postgres::Config, String> {
    crate::config::parse_database_uri(text).map_err(|error| format!("{error:#}"))
}

pub async fn run(arguments: Arguments, raw: &RawConfig) -> anyhow::Result<ExitCode> {
    if arguments.synapse_config.is_empty() {
        crate::error!("give Synapse's configuration with `--synapse-config`");
        return Ok(ExitCode::FAILURE);
    }
    let synapse = SynapseConfig::load(&arguments.synapse_config).await.context("could not load Synapse's configuration")?;
    let address = match arguments.synapse_database_uri {
        Some(address) => address,
        None => synapse.postgres().context("cannot migrate from the database that Synapse's configuration names")?,
    };
    let mut synapse_client = connect_to(address).await.context("could not connect to Synapse's Postgres database")?;
    let mut client = connect(&raw.database()?).await?;
    // Even a check and a dry run write this much.
    schema::migrate(&mut client).await?;
    if matches!(arguments.command, Command::Migrate { .. }) {
        raw.secrets()?;
        sync::run(&mut client, &raw.upstream()?, &raw.clients()?, Leftover::Keep, false)
            .await
            .context("could not write providers and clients to the database")?;
    }
    let locked: bool = client.query_one("SELECT pg_try_advisory_lock(hashtext('mas-stand-in syn2mas'))", &[]).await?.get(0);
    if !locked {
        crate::error!("another syn2mas holds the lock on the database");
        return Ok(ExitCode::FAILURE);
    }

    let mut findings = checks::synapse_config(&synapse);
    findings.extend(checks::against_mas(&synapse, raw).await?);
    refuse_used_database(&client).await?;
    let ignore_missing = arguments.ignore_missing_auth_providers;
    findings.extend(checks::synapse_database(&synapse_client, &synapse, raw, ignore_missing).await?);
    report(&findings)?;
    if !findings.errors.is_empty() {
        return Ok(ExitCode::from(CODE_ERRORS));
    }
    match arguments.command {
        Command::Check if !findings.warnings.is_empty() => Ok(ExitCode::from(CODE_WARNINGS)),
        Command::Check => {
            writeln!(std::io::stdout().lock(), "Check completed successfully.")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate { dry_run } => {
            let migration = migrate::Migration {
                server_name: raw.matrix()?.homeserver,
                providers: providers(raw)?,
                ignore_missing_providers: ignore_missing,
                dry_run,
            };
            migration.run(&mut synapse_client, &mut client).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Synapse's provider ids and the providers here that say they are the same.
fn providers(raw: &RawConfig) -> anyhow::Result<HashMap<String, Uuid>> {
    raw.upstream()?
        .providers
        .iter()
        .filter_map(|provider| Some((provider.synapse_idp_id.clone()?, provider.id())))
        .map(|(synapse, id)| Ok((synapse, id?)))
        .collect()
}

async fn refuse_used_database(client: &Client) -> anyhow::Result<()> {
    for table in schema::FILLED_BY_SYN2MAS {
        let row = client.query_opt(&format!("SELECT 1 FROM {table} LIMIT 1"), &[]).await?;
        if row.is_some() {
            bail!("the MAS database is not empty: there are rows in at least `{table}`");
        }
    }
    Ok(())
}

fn report(findings: &Findings) -> std::io::Result<()> {
    let mut out = std::io::stderr().lock();
    for (title, lead, messages) in [
        ("Errors", "Nothing can be migrated before these are solved:", &findings.errors),
        ("Warnings", "Consider these before migrating:", &findings.warnings),
    ] {
        if messages.is_empty() {
            continue;
        }
        writeln!(out, "\n\n===== {title} =====\n{lead}\n")?;
        for message in messages {
            writeln!(out, "• {message}\n")?;
        }
    }
    Ok(())
}
