//! Talks to people: one file a command with its arguments, its help, and its `run`. Takes the command
//! line; gives an exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use clap::{CommandFactory, Parser, Subcommand};

use crate::diagnostic::{Error, Result};
use crate::report::{self, Terminal};

mod check;
mod converge;
mod ensure_users;
mod excerpts;
mod explain;
mod fix;
mod fleet;
mod global;
mod init;
mod install_service;
mod interrupt;
mod mas;
mod plan;
mod postgres;
mod procedure;
mod prompt;
mod register_user;
mod render;
mod run_tags;
mod schema;
mod self_check;
mod service_control;
mod session;
mod tag;
mod vars;
mod vault;
mod vault_passwords;

use global::GlobalArgs;

/// Bring a Matrix server to the state that its inventory declares
///
/// Reads the inventories of matrix-docker-ansible-deploy unchanged.
#[derive(Debug, Parser)]
#[command(name = "homestead", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    InstallAll(converge::InstallAllArgs),
    SetupAll(converge::SetupAllArgs),
    InstallService(install_service::InstallServiceArgs),
    SetupService(install_service::SetupServiceArgs),
    Plan(plan::PlanArgs),
    RunTags(run_tags::RunTagsArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Fix(fix::FixArgs),
    Render(render::RenderArgs),
    Vars(vars::VarsArgs),
    Schema(schema::SchemaArgs),
    StartAll(service_control::StartAllArgs),
    StopAll(service_control::StopAllArgs),
    StartGroup(service_control::StartGroupArgs),
    StopGroup(service_control::StopGroupArgs),
    RegisterUser(register_user::RegisterUserArgs),
    Postgres(postgres::PostgresArgs),
    Mas(mas::MasArgs),
    SelfCheck(self_check::SelfCheckArgs),
    #[command(visible_alias = "add-inventory-host")]
    Init(init::InitArgs),
    Vault(vault::VaultArgs),
}

/// What a command ends with when nothing failed.
type Exit = u8;

/// Parses the process's arguments, runs the command, and reports how it ended.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(options_last(arguments())) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Clap's own code for misuse is 2, which means something else here.
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    log_to_stderr(cli.global.verbose);
    let terminal = Terminal::new(now(), cli.global.no_color, cli.global.json, excerpts::reader(cli.global.roles_dir.clone()));
    match run(&cli, &terminal).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            explain(&error, &terminal);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// The process's arguments.
#[allow(clippy::disallowed_methods, reason = "the one place where the command line is read")]
fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// Moves the options in front of the command, and of a command within it, behind them: clap keeps only one
/// place's values of an option that may be given several times, and `-e` counts in all.
fn options_last(arguments: Vec<OsString>) -> Vec<OsString> {
    let definition = definition();
    let takes_value = |word: &str| {
        definition.get_arguments().any(|argument| {
            let long = argument.get_long().is_some_and(|long| word == format!("--{long}"));
            let short = argument.get_short().is_some_and(|short| word == format!("-{short}"));
            (long || short) && argument.get_action().takes_values() && argument.get_num_args().is_none_or(|count| count.min_values() > 0)
        })
    };
    let mut words = arguments.into_iter();
    let program = words.next();
    let mut options = Vec::new();
    let mut rest = Vec::new();
    let mut command = &definition;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if text == "--" || !text.starts_with('-') {
            rest.push(word);
            match command.find_subcommand(&text) {
                Some(inner) if inner.has_subcommands() => {
                    command = inner;
                    continue;
                }
                _ => break,
            }
        }
        let value = takes_value(&text).then(|| words.next()).flatten();
        options.push(word);
        options.extend(value);
    }
    program.into_iter().chain(rest).chain(options).chain(words).collect()
}

/// Shows what the library traces: nothing unless asked. Scripts and data are never traced, so no secret
/// is either.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "homestead=debug",
        _ => "homestead=trace,russh=debug,bollard=debug",
    };
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(level).without_time();
    if subscriber.try_init().is_err() {
        tracing::debug!("tracing was set up already");
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place where the process's clock is read")]
fn now() -> Instant {
    Instant::now()
}

async fn run(cli: &Cli, terminal: &Terminal) -> Result<Exit> {
    let global = &cli.global;
    match &cli.command {
        Command::InstallAll(args) => args.run(global, terminal).await,
        Command::SetupAll(args) => args.run(global, terminal).await,
        Command::InstallService(args) => args.run(global, terminal).await,
        Command::SetupService(args) => args.run(global, terminal).await,
        Command::Plan(args) => args.run(global, terminal).await,
        Command::RunTags(args) => args.run(global, terminal).await,
        Command::Check(args) => args.run(global, terminal),
        Command::Explain(args) => args.run(terminal),
        Command::Fix(args) => args.run(global, terminal),
        Command::Render(args) => args.run(global, terminal),
        Command::Vars(args) => args.run(global, terminal),
        Command::Schema(args) => args.run(global, terminal),
        Command::StartAll(args) => args.run(global, terminal).await,
        Command::StopAll(args) => args.run(global, terminal).await,
        Command::StartGroup(args) => args.run(global, terminal).await,
        Command::StopGroup(args) => args.run(global, terminal).await,
        Command::RegisterUser(args) => args.run(global, terminal).await,
        Command::Postgres(args) => args.run(global, terminal).await,
        Command::Mas(args) => args.run(global, terminal).await,
        Command::SelfCheck(args) => args.run(global, terminal).await,
        Command::Init(args) => args.run(global, terminal),
        Command::Vault(args) => args.run(global, terminal).await,
    }
}

/// Shows an error, its findings first.
fn explain(error: &Error, terminal: &Terminal) {
    if terminal.json() {
        let document = serde_json::json!({
            "version": 1,
            "event": "failed",
            "message": error.message,
            "exit_code": error.kind.exit_code(),
            "hints": error.hints,
            "diagnostics": error.diagnostics.iter().map(check::diagnostic_json).collect::<Vec<_>>(),
        });
        terminal.out(&format!("{document}\n"));
        return;
    }
    terminal.err(&terminal.findings(&error.diagnostics));
    terminal.err(&report::failure(error, terminal.color()));
}

/// The command line's definition, for generated documents and tests.
pub fn definition() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{Cli, options_last};

    #[test]
    fn an_option_counts_before_and_after_the_command() {
        let words = ["homestead", "-e", "a=1", "--json", "--limit=x", "plan", "-e", "b=2"].map(std::ffi::OsString::from);
        let cli = Cli::try_parse_from(options_last(words.to_vec())).unwrap();
        assert_eq!(cli.global.extra_vars, ["a=1", "b=2"]);
        assert!(cli.global.json);
        assert_eq!(cli.global.limit.as_deref(), Some("x"));
        let words = ["homestead", "--vault-id", "a@x", "vault", "--vault-id", "b@y", "view", "--vault-id", "c@z", "file"];
        let cli = Cli::try_parse_from(options_last(words.map(std::ffi::OsString::from).to_vec())).unwrap();
        assert_eq!(cli.global.vault_id, ["a@x", "b@y", "c@z"]);
        assert!(Cli::try_parse_from(options_last(["homestead", "--version"].map(std::ffi::OsString::from).to_vec())).is_err());
    }

    #[test]
    fn the_command_line_is_well_formed() {
        super::definition().debug_assert();
    }
}
