//! Talks to people: one file a command with its arguments, its help, and its `run`. Takes the command
//! line; gives an exit code.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Instant;

use clap::{CommandFactory, Parser, Subcommand};

use crate::diagnostic::{Error, Kind, Result};
use crate::report::{Invocation, Style, Terminal, run_log};

mod apply;
mod batches;
mod check;
mod command_line;
mod converge;
mod daemon;
mod ensure_users;
mod excerpts;
mod explain;
mod fix;
mod fleet;
mod generations;
mod global;
mod init;
mod install_service;
mod interrupt;
mod lock;
mod logs;
mod mas;
mod migrate;
mod plan;
mod postgres;
mod procedure;
mod prompt;
mod purge;
mod register_user;
mod render;
mod rollback;
mod run_id;
mod run_tags;
mod runs;
mod schema;
mod selection;
mod self_check;
mod service_control;
mod session;
mod status;
mod tag;
mod uninstall;
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
    Apply(apply::ApplyArgs),
    Runs(runs::RunsArgs),
    RunTags(run_tags::RunTagsArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Fix(fix::FixArgs),
    Render(render::RenderArgs),
    Vars(vars::VarsArgs),
    Schema(schema::SchemaArgs),
    StartAll(service_control::StartAllArgs),
    StopAll(service_control::StopAllArgs),
    RestartAll(service_control::RestartAllArgs),
    Restart(service_control::RestartArgs),
    StartGroup(service_control::StartGroupArgs),
    StopGroup(service_control::StopGroupArgs),
    RegisterUser(register_user::RegisterUserArgs),
    Postgres(postgres::PostgresArgs),
    Mas(mas::MasArgs),
    Logs(logs::LogsArgs),
    Lock(lock::LockArgs),
    Status(status::StatusArgs),
    Generations(generations::GenerationsArgs),
    Rollback(rollback::RollbackArgs),
    Uninstall(uninstall::UninstallArgs),
    Migrate(migrate::MigrateArgs),
    SelfCheck(self_check::SelfCheckArgs),
    #[command(visible_alias = "add-inventory-host")]
    Init(init::InitArgs),
    Vault(vault::VaultArgs),
    Daemon(daemon::DaemonArgs),
}

impl Command {
    /// Whether it works on hosts, so that its beginning, its end, and a log of it are wanted. Others only look.
    const fn is_run(&self) -> bool {
        match self {
            Self::Plan(_)
            | Self::Status(_)
            | Self::Lock(_)
            | Self::Logs(_)
            | Self::Generations(_)
            | Self::SelfCheck(_)
            | Self::Daemon(_) => false,
            Self::Mas(args) => !args.only_looks(),
            Self::Migrate(args) => !args.only_looks(),
            _ => true,
        }
    }
}

/// What a command ends with when nothing failed.
type Exit = u8;

/// Parses the process's arguments, runs the command, and reports how it ended.
pub async fn main() -> ExitCode {
    let arguments = command_line::arguments();
    let mut cli = match Cli::try_parse_from(options_last(arguments.clone())) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Clap's own code for misuse is 2, which means something else here.
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    log_to_stderr(&cli, !cli.global.no_color && std::io::stderr().is_terminal());
    if cli.global.until_stdin_ends {
        interrupt::follow_stdin();
    }
    let invocation = invocation(&mut cli, &arguments);
    let environment = global::environment();
    let style = Style {
        no_color: cli.global.no_color,
        json: cli.global.json,
        // What is traced would stand between lines that move.
        dumb: cli.global.verbose > 0 || environment.get("TERM").is_none_or(|terminal| terminal == "dumb"),
    };
    let terminal = Terminal::new(invocation, style, excerpts::reader(cli.global.roles_dir.clone()));
    let outcome = match &cli.global.daemon {
        Some(socket) if !matches!(cli.command, Command::Daemon(_)) => remotely(&cli, arguments, socket, &terminal).await,
        _ => run(&cli, &terminal).await,
    };
    let (code, error) = match outcome {
        Ok(code) => (code, None),
        Err(error) => (error.kind.exit_code(), Some(error)),
    };
    let log = terminal.end(code);
    if let Some(error) = error {
        terminal.failed(&error, log.as_ref());
    }
    ExitCode::from(code)
}

/// What this call of the program is: it has one id, whatever it does on however many hosts.
fn invocation(cli: &mut Cli, arguments: &[OsString]) -> Invocation {
    let started = global::now();
    let time = humantime::format_rfc3339_seconds(started).to_string().replace([':', '-'], "");
    let fresh = || format!("{time}-{:08x}", rand::random::<u32>());
    cli.global.run = run_id::handed_in(&global::environment()).unwrap_or_else(fresh);
    cli.global.started = Some(started);
    let words = options_last(arguments.to_vec());
    Invocation {
        run: cli.global.run.clone(),
        command: words.get(1).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default(),
        line: command_line::shown(arguments, None),
        started,
        clock: now(),
        // What a daemon does has its record there.
        is_run: cli.command.is_run() && cli.global.daemon.is_none(),
        logs: run_log::folder(&global::environment()),
    }
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

/// Has a daemon run the command.
async fn remotely(cli: &Cli, arguments: Vec<OsString>, socket: &camino::Utf8Path, terminal: &Terminal) -> Result<Exit> {
    let definition = definition();
    let matches = definition.clone().try_get_matches_from(options_last(arguments));
    let matches = matches.map_err(|error| Error::new(Kind::Usage, "the command line cannot be read twice").caused_by(error))?;
    let wanted = daemon::remote::wanted(&definition, &matches, cli.global.limit.as_deref())?;
    daemon::remote::run(socket, &wanted, now(), terminal).await
}

/// Shows what the library traces: nothing unless asked, but what a daemon does. With `-v`: steps, scripts by their first
/// lines, connections; with `-vv` whole scripts and their arguments too, which hold no secret. What goes into a script is
/// never traced.
fn log_to_stderr(cli: &Cli, color: bool) {
    let level = match cli.global.verbose {
        0 if matches!(cli.command, Command::Daemon(_)) => "homestead=info",
        0 => return,
        1 => "homestead=debug",
        // Nothing of bollard: it tells whole answers of Docker, with the environment of every container.
        _ => "homestead=trace,russh=debug",
    };
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(level).without_time().with_ansi(color);
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
        Command::Apply(args) => args.run(global, terminal).await,
        Command::Runs(args) => args.run(global, terminal),
        Command::RunTags(args) => args.run(global, terminal).await,
        Command::Check(args) => args.run(global, terminal),
        Command::Explain(args) => args.run(terminal),
        Command::Fix(args) => args.run(global, terminal),
        Command::Render(args) => args.run(global, terminal),
        Command::Vars(args) => args.run(global, terminal),
        Command::Schema(args) => args.run(global, terminal),
        Command::StartAll(args) => args.run(global, terminal).await,
        Command::StopAll(args) => args.run(global, terminal).await,
        Command::RestartAll(args) => args.run(global, terminal).await,
        Command::Restart(args) => args.run(global, terminal).await,
        Command::StartGroup(args) => args.run(global, terminal).await,
        Command::StopGroup(args) => args.run(global, terminal).await,
        Command::RegisterUser(args) => args.run(global, terminal).await,
        Command::Postgres(args) => args.run(global, terminal).await,
        Command::Mas(args) => args.run(global, terminal).await,
        Command::Uninstall(args) => args.run(global, terminal).await,
        Command::Status(args) => args.run(global, terminal).await,
        Command::Generations(args) => args.run(global, terminal).await,
        Command::Rollback(args) => args.run(global, terminal).await,
        Command::Logs(args) => args.run(global, terminal).await,
        Command::Lock(args) => args.run(global, terminal).await,
        Command::Migrate(args) => args.run(global, terminal).await,
        Command::SelfCheck(args) => args.run(global, terminal).await,
        Command::Init(args) => args.run(global, terminal),
        Command::Vault(args) => args.run(global, terminal).await,
        Command::Daemon(args) => args.run(global, terminal).await,
    }
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
