//! Talks to people: one file a command with its arguments, its help, and its `run`. Takes the command
//! line; gives an exit code.

use std::process::ExitCode;
use std::time::Instant;

use clap::{CommandFactory, Parser, Subcommand};

use crate::diagnostic::{Error, Result};
use crate::report::{self, Terminal};

mod add_inventory_host;
mod check;
mod converge;
mod fleet;
mod global;
mod interrupt;
mod plan;
mod prompt;
mod register_user;
mod render;
mod run_tags;
mod service_control;
mod session;
mod tag;
mod vars;

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
    Plan(plan::PlanArgs),
    RunTags(run_tags::RunTagsArgs),
    Check(check::CheckArgs),
    Render(render::RenderArgs),
    Vars(vars::VarsArgs),
    StartAll(service_control::StartAllArgs),
    StopAll(service_control::StopAllArgs),
    StartGroup(service_control::StartGroupArgs),
    StopGroup(service_control::StopGroupArgs),
    RegisterUser(register_user::RegisterUserArgs),
    AddInventoryHost(add_inventory_host::AddInventoryHostArgs),
}

/// What a command ends with when nothing failed.
type Exit = u8;

/// Parses the process's arguments, runs the command, and reports how it ended.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Clap's own code for misuse is 2, which means something else here.
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let terminal = Terminal::new(now(), cli.global.no_color, cli.global.json);
    match run(&cli, &terminal).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            explain(&error, &terminal);
            ExitCode::from(error.kind.exit_code())
        }
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
        Command::Plan(args) => args.run(global, terminal).await,
        Command::RunTags(args) => args.run(global, terminal).await,
        Command::Check(args) => args.run(global, terminal),
        Command::Render(args) => args.run(global, terminal),
        Command::Vars(args) => args.run(global, terminal),
        Command::StartAll(args) => args.run(global, terminal).await,
        Command::StopAll(args) => args.run(global, terminal).await,
        Command::StartGroup(args) => args.run(global, terminal).await,
        Command::StopGroup(args) => args.run(global, terminal).await,
        Command::RegisterUser(args) => args.run(global, terminal).await,
        Command::AddInventoryHost(args) => args.run(global, terminal),
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
    terminal.err(&report::findings(&error.diagnostics, terminal.color(), &global::readable_source));
    terminal.err(&report::failure(error, terminal.color()));
}

/// The command line's definition, for generated documents and tests.
pub fn definition() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::definition().debug_assert();
    }
}
