//! `install-service` and `setup-service`: one service, as MDAD's recipes of these names do it.

use clap::Args;

use super::converge::{self, ModeArgs};
use super::global::GlobalArgs;
use super::{Exit, run_tags, tag};
use crate::diagnostic::Result;
use crate::report::Terminal;

/// Install or update one service, such as `synapse`
///
/// Other services stay as they are, unless they require one that restarts.
#[derive(Debug, Args)]
pub struct InstallServiceArgs {
    /// The service
    service: String,
    #[command(flatten)]
    mode: ModeArgs,
}

/// The same under its other name; only setup-all removes things
#[derive(Debug, Args)]
pub struct SetupServiceArgs {
    /// The service
    service: String,
    #[command(flatten)]
    mode: ModeArgs,
}

impl InstallServiceArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        service("install", &self.service, self.mode.clone(), global, terminal).await
    }
}

impl SetupServiceArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        service("setup", &self.service, self.mode.clone(), global, terminal).await
    }
}

async fn service(verb: &str, name: &str, mode: ModeArgs, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
    let tag = tag::of_service(verb, name, &converge::library(global)?)?;
    run_tags::run(&[tag], mode, global, terminal).await
}
