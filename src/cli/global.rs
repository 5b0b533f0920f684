//! Options that every command takes, named as Ansible's users know them.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use clap::Args;

use super::vault_passwords;
use crate::diagnostic::Result;
use crate::pipeline::Sources;

/// The inventory that is looked for without a name.
const DEFAULT_INVENTORY: &str = "inventory/hosts";

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub struct GlobalArgs {
    /// The inventory: a hosts file or a folder that holds one
    #[arg(short, long, global = true, env = "HOMESTEAD_INVENTORY", default_value = DEFAULT_INVENTORY, value_name = "PATH")]
    pub inventory: Vec<Utf8PathBuf>,
    /// Only these hosts: names, groups, patterns such as `web*:!web3`
    #[arg(short, long, global = true, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Further variables: `name=value`, `{"json": ...}`, or `@file`
    #[arg(short, long, global = true, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// A folder with `roles` and `templates` of your own, over the built-in ones
    #[arg(long, global = true, value_name = "FOLDER")]
    pub roles_dir: Option<Utf8PathBuf>,
    /// The login user, where the inventory names none
    #[arg(short, long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// The private key to log in with, where the inventory names none
    #[arg(long, global = true, value_name = "FILE")]
    pub private_key: Option<Utf8PathBuf>,
    /// Ask for the login password
    #[arg(short = 'k', long, global = true)]
    pub ask_pass: bool,
    /// Ask for the sudo password
    #[arg(short = 'K', long, global = true)]
    pub ask_become_pass: bool,
    /// Trust a host that is seen for the first time and write its key down
    #[arg(long, global = true)]
    pub accept_new_host_key: bool,
    /// A vault id and where its password comes from: `LABEL@FILE`, `LABEL@SCRIPT`, `LABEL@prompt`
    #[arg(long, global = true, value_name = "LABEL@SOURCE")]
    pub vault_id: Vec<String>,
    /// The file with the vault password, or a script that prints it
    #[arg(long, visible_alias = "vault-pass-file", global = true, value_name = "FILE")]
    pub vault_password_file: Vec<Utf8PathBuf>,
    /// Ask for the vault password
    #[arg(short = 'J', long, visible_alias = "ask-vault-password", global = true)]
    pub ask_vault_pass: bool,
    /// How many hosts at once
    #[arg(short, long, global = true, default_value_t = 10, value_name = "N")]
    pub forks: usize,
    /// How many seconds to wait for another run on the same host
    #[arg(long, global = true, default_value_t = 0, value_name = "SECONDS")]
    pub lock_wait: u64,
    /// Speak JSON: a line an event
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell what goes on underneath; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Have the daemon do it that listens at this socket
    #[arg(long, global = true, value_name = "SOCKET", num_args = 0..=1, require_equals = true, default_missing_value = crate::daemon::life::SOCKET)]
    pub daemon: Option<Utf8PathBuf>,
    /// Stop at the next safe place when standard input ends
    #[arg(long, global = true, hide = true)]
    pub until_stdin_ends: bool,
    /// No colours
    #[arg(long, global = true, env = "NO_COLOR", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, default_missing_value = "true", default_value = "false")]
    pub no_color: bool,
    /// The run's id.
    #[arg(skip)]
    pub run: String,
    /// When the program was called.
    #[arg(skip)]
    pub started: Option<std::time::SystemTime>,
}

impl GlobalArgs {
    /// Whether an inventory was named, or is only the one that is looked for without a name.
    pub fn names_inventory(&self) -> bool {
        self.inventory != [DEFAULT_INVENTORY]
    }

    /// Where the inventory and the roles come from.
    ///
    /// # Errors
    /// A vault password that its source does not give; no terminal to ask for one.
    pub fn sources(&self) -> Result<Sources> {
        let environment = environment();
        let vault = vault_passwords::of_run(self, &environment)?;
        Ok(Sources {
            inventory: self.inventory.clone(),
            limit: self.limit.clone(),
            extra_vars: self.extra_vars.clone(),
            roles_dir: self.roles_dir.clone(),
            vault,
            environment,
            now: self.started.unwrap_or_else(now),
            run: self.run.clone(),
            lock_wait: std::time::Duration::from_secs(self.lock_wait),
        })
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
pub fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// The process's environment, read once and handed in.
#[allow(clippy::disallowed_methods, reason = "the one place where the process's environment is read")]
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}
