//! `vault`: what `ansible-vault` does, under the same names and with the same files.

use clap::{Args, Subcommand};

use super::Exit;
use super::global::GlobalArgs;
use crate::diagnostic::Result;
use crate::report::Terminal;

mod create;
mod decrypt;
mod edit;
mod editor;
mod encrypt;
mod encrypt_string;
mod files;
mod rekey;
mod view;

/// Encrypt, decrypt, view and edit vaults, as `ansible-vault` does
///
/// The password comes from `--vault-id`, `--vault-password-file`, the environment or `ansible.cfg`, and is asked
/// for where none of them names one.
#[derive(Debug, Args)]
pub struct VaultArgs {
    #[command(subcommand)]
    command: VaultCommand,
}

#[derive(Debug, Subcommand)]
enum VaultCommand {
    Encrypt(encrypt::EncryptArgs),
    Decrypt(decrypt::DecryptArgs),
    View(view::ViewArgs),
    Edit(edit::EditArgs),
    Create(create::CreateArgs),
    Rekey(rekey::RekeyArgs),
    #[command(alias = "encrypt_string")]
    EncryptString(encrypt_string::EncryptStringArgs),
}

impl VaultArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        match &self.command {
            VaultCommand::Encrypt(args) => args.run(global, terminal),
            VaultCommand::Decrypt(args) => args.run(global, terminal),
            VaultCommand::View(args) => args.run(global, terminal),
            VaultCommand::Edit(args) => args.run(global, terminal).await,
            VaultCommand::Create(args) => args.run(global, terminal).await,
            VaultCommand::Rekey(args) => args.run(global, terminal),
            VaultCommand::EncryptString(args) => args.run(global, terminal),
        }
    }
}

/// A remark on what was done, where a person reads it.
fn say(terminal: &Terminal, text: &str) {
    if !terminal.json() {
        terminal.err(&format!("{text}\n"));
    }
}
