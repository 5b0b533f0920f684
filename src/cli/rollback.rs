//! `rollback`: back to an earlier generation.

use std::sync::Arc;

use clap::Args;

use super::global::GlobalArgs;
use super::{Exit, converge, fleet, interrupt, prompt, session};
use crate::apply::Operator;
use crate::diagnostic::{Error, Kind, Result};
use crate::operation::GoBack;
use crate::report::{Event, Terminal};

/// Bring a host back to an earlier generation: files, units and images
///
/// `homestead generations` lists them. Databases, media and keys are left alone; where the programs of then could
/// not run on the databases of today, it says so and touches nothing. What it brings back is a new generation.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Its number; without one the last good state: the one before the current, or the current one if a run did not come
    /// to its end
    generation: Option<u64>,
    /// Only show what would change
    #[arg(short = 'C', long)]
    check: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

impl RollbackArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let loaded = Arc::new(converge::load(global, terminal)?);
        let defaults = Arc::new(session::defaults(global)?);
        let hosts = loaded.hosts()?;
        let (wanted, yes, check) = (self.generation, self.yes, self.check);
        if wanted.is_some() && hosts.len() > 1 {
            return Err(Error::new(Kind::Usage, "generations are numbered for each host by itself; nothing was touched")
                .hint("name one host with `--limit`"));
        }
        let cancel = interrupt::token(terminal);
        fleet::each(hosts, global.forks, terminal, |name| {
            let (loaded, defaults, terminal, cancel) = (loaded.clone(), defaults.clone(), terminal.clone(), cancel.clone());
            async move {
                let sink = terminal.sink();
                let host = session::connect(&loaded, &name, &defaults).await?;
                let command = wanted.map_or_else(|| "rollback".to_owned(), |number| format!("rollback {number}"));
                let holder = session::holder(&loaded, &command);
                let lock = if check { None } else { Some(session::lock(&*host, &loaded, &holder, &sink).await?) };
                let found = GoBack::look(host, &name, wanted).await?;
                terminal.plan(&found.plan, false);
                let Some(lock) = lock else { return Ok(()) };
                let question = format!("{name}: go back to generation {}? Databases stay as they are.", found.target);
                if !yes && !prompt::confirm(&question)? {
                    return Err(Error::new(Kind::Interrupted, "not confirmed; nothing was touched"));
                }
                let outcome = found.run(Operator { sink: &sink, cancel: &cancel, lock: &lock, holder: &holder }).await;
                lock.release().await;
                outcome?;
                let text = format!(
                    "the host is as it was at generation {}; the inventory may declare another state: `homestead plan` shows it, and the next \
                     `install-all` goes there again",
                    found.target
                );
                sink(&name, Event::Done { text });
                Ok(())
            }
        })
        .await?;
        Ok(0)
    }
}
