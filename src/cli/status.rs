//! `status`: what is not as declared, and which of host and inventory moved.

use std::sync::Arc;

use clap::Args;

use super::global::GlobalArgs;
use super::{Exit, converge, fleet, session};
use crate::authoring::credentials;
use crate::diagnostic::{Error, Kind, Result};
use crate::pipeline::{self, Status};
use crate::report::{StatusOptions, Terminal, status_json, status_text};

/// Compare the host with the inventory and with the last run, and say which of them moved
///
/// Touches nothing and takes no lock.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Exit with 2 when something is not as declared
    #[arg(long)]
    exit_code: bool,
    /// Show every unit, also where all is fine
    #[arg(short, long)]
    all: bool,
    /// Show the differences of files
    #[arg(short = 'D', long)]
    diff: bool,
}

impl StatusArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let mut loaded = converge::load(global, terminal)?;
        credentials::fill(&mut loaded, &credentials::system_random)?;
        let loaded = Arc::new(loaded);
        converge::check_offline(&loaded, terminal)?;
        let defaults = Arc::new(session::defaults(global)?);
        let mut found: Vec<Status> = fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
            let (loaded, defaults) = (loaded.clone(), defaults.clone());
            async move {
                let met = session::meet(&loaded, &defaults, &name, &[], None, &|_| ()).await?;
                pipeline::status(&met.host, &met.prepared, met.sight).await
            }
        })
        .await?;
        found.sort_by(|left, right| left.drift.host.cmp(&right.drift.host));
        if terminal.json() {
            let hosts: Vec<_> = found
                .iter()
                .map(status_json)
                .collect::<serde_json::Result<_>>()
                .map_err(|error| Error::new(Kind::Usage, "the status cannot be written").caused_by(error))?;
            terminal.out(&format!("{:#}\n", serde_json::json!({"version": 1, "hosts": hosts})));
        } else {
            let options = StatusOptions { all: self.all, diff: self.diff, color: terminal.color() };
            for status in &found {
                terminal.out(&status_text(status, options));
            }
        }
        let drifted = found.iter().any(|status| !status.is_fine());
        Ok(if self.exit_code && drifted { 2 } else { 0 })
    }
}
