//! `migrate`: moves a living server's accounts from Synapse to MAS, step by step. What is done is remembered on the host,
//! so that the same command goes on where it was stopped.

mod cut_over;
mod finalize;
mod guided;
mod preflight;
mod revert;
mod status;
mod steps;

use clap::Args;

use super::global::GlobalArgs;
use super::self_check::SelfCheckArgs;
use super::{Exit, prompt};
use crate::diagnostic::{Error, Kind, Result};
use crate::migration::{State, Step};
use crate::report::Terminal;
use guided::Guided;

/// Move the accounts of a server from Synapse to Matrix Authentication Service
///
/// One command, which goes on where it was stopped: preflight, install-beside, rehearse, backup, cut-over, verify, finalize.
/// Up to the cut-over nobody notices anything; it asks before that, and puts everything back if anything fails. Until
/// finalize, `--revert` goes back.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line, and clap keeps them apart")]
pub struct MigrateArgs {
    /// Go up to this step: preflight, install-beside, rehearse, backup, cut-over, verify, finalize
    #[arg(long, value_name = "NAME", conflicts_with_all = ["status", "abort", "revert"])]
    step: Option<Step>,
    /// Only say how far it is
    #[arg(long, conflicts_with_all = ["abort", "revert", "yes"])]
    status: bool,
    /// Give it up before the cut-over: MAS stops, and its database is put aside
    #[arg(long, conflicts_with = "revert")]
    abort: bool,
    /// Go back after the cut-over: Synapse takes the logins again, and what came to MAS since is lost
    #[arg(long)]
    revert: bool,
    /// Answer every question with yes
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    seen_from_outside: SelfCheckArgs,
}

impl MigrateArgs {
    /// Whether it answers with one document, and changes nothing.
    pub const fn only_looks(&self) -> bool {
        self.status
    }

    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        if self.status {
            return status::run(global, terminal).await;
        }
        let mut guided = Guided::connect(global, terminal, self).await?;
        let outcome = match (self.abort, self.revert) {
            (true, _) => revert::abort(&mut guided).await,
            (_, true) => revert::revert(&mut guided).await,
            _ => self.go_on(&mut guided).await,
        };
        guided.release().await;
        outcome.map(|()| 0)
    }

    async fn go_on(&self, guided: &mut Guided<'_>) -> Result<()> {
        if matches!(guided.migration().state, State::Moved | State::Finalized) && !guided.migration().probes.is_empty() {
            let moved = guided.prepared_as(State::Moved)?;
            cut_over::end_probes(guided, &moved).await?;
        }
        if guided.migration().state == State::Finalized {
            if let Some(step) = self.step.filter(|step| *step <= Step::CutOver) {
                return Err(Error::new(Kind::Invalid, format!("the accounts have moved already, so there is no `{step}` to do"))
                    .hint("a second move would double every account"));
            }
            guided.refuse_contradictions()?;
            guided.say("the accounts have moved, and the inventory says so; nothing is left to do");
            return Ok(());
        }
        let last = self.step.unwrap_or(Step::Finalize);
        // What can be done as often as one likes is done again when it is asked for.
        if let Some(step) = self.step.filter(|step| *step < Step::CutOver && guided.migration().state != State::Moved) {
            guided.forget(step);
        }
        loop {
            match guided.migration().next() {
                Some(step) if step <= last => steps::run(guided, step).await?,
                _ => return Ok(()),
            }
        }
    }
}

/// Asks, unless everything is answered already.
fn agreed(yes: bool, question: &str, no: &str) -> Result<()> {
    if yes || prompt::confirm(question)? { Ok(()) } else { Err(Error::new(Kind::Interrupted, format!("not confirmed; {no}"))) }
}
