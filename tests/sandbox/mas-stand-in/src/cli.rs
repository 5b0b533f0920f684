//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::commands;
use crate::config::{self, RawConfig};
use crate::log;

/// Stands in for Matrix Authentication Service's `mas-cli` in homestead's tests
///
/// This is `mas-stand-in`, a program of homestead's tests. It is NOT Matrix Authentication Service
/// and must never serve real users.
#[derive(Debug, Parser)]
#[command(
    name = "mas-stand-in",
    version = concat!(env!("CARGO_PKG_VERSION"), " (homestead's stand-in, not Matrix Authentication Service)"),
)]
struct Cli {
    /// Read this configuration file; may be repeated, later files win
    #[arg(short, long = "config", global = true, value_name = "FILE", action = clap::ArgAction::Append)]
    config: Vec<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Work with the configuration
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Work with the database
    #[command(subcommand)]
    Database(commands::database::Command),
    /// Serve HTTP and run the jobs
    Server(commands::server::Arguments),
    /// Manage users
    #[command(subcommand)]
    Manage(commands::manage::Command),
    /// Check a running deployment
    Doctor,
    /// Carry users over from Synapse
    Syn2mas(commands::syn2mas::Arguments),
}

/// Runs what the command line asks for. Exit codes: the command's own, 1 for a failure, 2 for a
/// wrong command line.
pub fn run() -> ExitCode {
    log::configure(std::env::var("RUST_LOG").ok().as_deref());
    let cli = Cli::parse();
    crate::info!("this is mas-stand-in {}, homestead's test stand-in; it is not Matrix Authentication Service", env!("CARGO_PKG_VERSION"));
    match start(cli) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("could not start the runtime")?;
    let files = config::files(cli.config, std::env::var_os("MAS_CONFIG"));
    runtime.block_on(dispatch(cli.command, files))
}

async fn dispatch(command: Option<Command>, files: Vec<PathBuf>) -> anyhow::Result<ExitCode> {
    let raw = RawConfig::load(&files)?;
    match command.unwrap_or(Command::Server(commands::server::Arguments::default())) {
        Command::Config(command) => commands::config::run(command, &raw).await,
        Command::Database(command) => commands::database::run(command, &raw).await,
        Command::Server(arguments) => commands::server::run(arguments, &raw).await,
        Command::Manage(command) => commands::manage::run(command, &raw).await,
        Command::Doctor => commands::doctor::run(&raw).await,
        Command::Syn2mas(arguments) => commands::syn2mas::run(arguments, &raw).await,
    }
}

#[expect(clippy::print_stderr, reason = "an error ends the program on stderr")]
fn report(error: &anyhow::Error) {
    // Not `{error:?}`: that adds a backtrace where `RUST_BACKTRACE` is set.
    eprintln!("Error: {error}");
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    if !causes.is_empty() {
        eprintln!("\nCaused by:");
    }
    for (number, cause) in causes.iter().enumerate() {
        eprintln!("    {number}: {cause}");
    }
}
