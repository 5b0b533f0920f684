//! `daemon`: keeps servers as declared, and `--daemon`: has it run the ordinary commands.

mod client;
mod install;
mod lines;
mod login;
pub mod remote;
mod status;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::Exit;
use super::global::GlobalArgs;
use crate::daemon::Inventory;
use crate::daemon::life::{SOCKET, Start, live, read_settings};
use crate::daemon::process::Processes;
use crate::diagnostic::{Error, Kind, Result};
use crate::pipeline::{Loaded, examine};
use crate::report::{Finding, Terminal};

/// Keep servers as declared: watch inventory and hosts, report what moved, and put it back where told to
///
/// Without a word in its settings it reports and changes nothing.
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// What to do in place of running it
    #[arg(value_enum)]
    action: Option<Action>,
    /// The settings; docs/daemon.md lists them
    #[arg(long, value_name = "FILE", env = "HOMESTEAD_DAEMON_CONFIG")]
    config: Option<Utf8PathBuf>,
    /// `install`: the account that it runs as; `homestead` without it, made where it is missing
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// `install`, `uninstall`: only show what would be written or done
    #[arg(long)]
    print: bool,
}

/// What else there is to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Make it a service of this machine, with the options that stand here
    Install,
    /// Stop it, and remove its service; settings and records stay
    Uninstall,
    /// Show the hosts of the one that runs
    Status,
    /// Make a link that logs a browser in to its pages, once
    Login,
}

impl DaemonArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let installs = matches!(self.action, Some(Action::Install | Action::Uninstall));
        if (self.print && !installs) || (self.account.is_some() && self.action != Some(Action::Install)) {
            return Err(Error::new(Kind::Usage, "`--print` and `--account` belong to `homestead daemon install`"));
        }
        match self.action {
            None => self.live(global).await?,
            Some(Action::Status) => status::show(&self.client(global)?, terminal).await?,
            Some(Action::Login) => login::show(&self.client(global)?, terminal).await?,
            Some(Action::Uninstall) => install::uninstall(self.print, terminal)?,
            Some(Action::Install) => {
                nobody_to_ask(global)?;
                let options = options(&absolute(global)?);
                let config = self.config.as_deref();
                let install = install::Install { options: &options, config, account: self.account.as_deref(), print: self.print };
                install::install(&install, global, terminal)?;
            }
        }
        Ok(0)
    }

    /// The way to the daemon that runs.
    fn client(&self, global: &GlobalArgs) -> Result<client::Client> {
        let configured = read_settings(self.config.as_deref())?.api.socket;
        Ok(client::Client::new(global.daemon.clone().or(configured).unwrap_or_else(|| Utf8PathBuf::from(SOCKET))))
    }

    async fn live(&self, global: &GlobalArgs) -> Result<()> {
        nobody_to_ask(global)?;
        let sources = global.sources()?;
        let fresh = global.clone();
        let read_inventory = move || {
            let loaded = Loaded::read(&fresh.sources()?)?;
            let findings = examine(&loaded)?;
            if findings.iter().any(|finding| finding.severity == crate::diagnostic::Severity::Error) {
                return Err(Error::invalid(findings));
            }
            Inventory::of(loaded.hosts()?, &loaded.inventory.files())
                .map_err(|error| Error::new(Kind::Usage, "the inventory cannot be read").caused_by(error))
        };
        let program =
            std::env::current_exe().map_err(|error| Error::new(Kind::Usage, "the program does not find itself").caused_by(error))?;
        let commands = Processes {
            program,
            options: options(global).into_iter().map(OsString::from).collect(),
            read_inventory: Arc::new(read_inventory),
            findings: findings_json,
        };
        let inventory = sources.inventory.iter().map(PathBuf::from).collect();
        live(Start { config: self.config.clone(), commands: Arc::new(commands), inventory }).await
    }
}

fn nobody_to_ask(global: &GlobalArgs) -> Result<()> {
    if !(global.ask_pass || global.ask_become_pass || global.ask_vault_pass) {
        return Ok(());
    }
    Err(Error::new(Kind::Usage, "the daemon has nobody to ask for passwords")
        .hint("give keys and files: `--private-key`, `--vault-password-file`, `ansible_become_password` in a vault"))
}

/// The same options from whatever folder they are read.
fn absolute(global: &GlobalArgs) -> Result<GlobalArgs> {
    let absolute = |path: &Utf8PathBuf| {
        camino::absolute_utf8(path).map_err(|error| Error::new(Kind::Usage, format!("`{path}` cannot be found")).caused_by(error))
    };
    let all = |paths: &[Utf8PathBuf]| paths.iter().map(absolute).collect::<Result<Vec<_>>>();
    Ok(GlobalArgs {
        inventory: all(&global.inventory)?,
        roles_dir: global.roles_dir.as_ref().map(absolute).transpose()?,
        private_key: global.private_key.as_ref().map(absolute).transpose()?,
        vault_password_file: all(&global.vault_password_file)?,
        ..global.clone()
    })
}

/// The options that the daemon's children take too.
fn options(global: &GlobalArgs) -> Vec<String> {
    let mut options = Vec::new();
    let mut option = |name: &str, value: &str| options.extend([name.to_owned(), value.to_owned()]);
    global.inventory.iter().for_each(|path| option("--inventory", path.as_str()));
    global.extra_vars.iter().for_each(|text| option("--extra-vars", text));
    global.roles_dir.iter().for_each(|path| option("--roles-dir", path.as_str()));
    global.user.iter().for_each(|name| option("--user", name));
    global.private_key.iter().for_each(|path| option("--private-key", path.as_str()));
    global.vault_id.iter().for_each(|text| option("--vault-id", text));
    global.vault_password_file.iter().for_each(|path| option("--vault-password-file", path.as_str()));
    options
}

fn findings_json(error: &Error) -> Value {
    error.diagnostics.iter().map(|finding| serde_json::json!(Finding::of(finding))).collect()
}
