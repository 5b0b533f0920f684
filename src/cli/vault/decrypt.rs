//! `vault decrypt`: files as they were before they were locked.

use camino::Utf8PathBuf;
use clap::Args;

use super::super::vault_passwords::{self, Identities};
use super::encrypt::{only_one_with_output, summary, write};
use super::{Exit, files, say};
use crate::cli::global::{self, GlobalArgs};
use crate::diagnostic::Result;
use crate::report::Terminal;

/// Decrypt files in place
///
/// All files are opened before the first is written. They belong to their owner alone afterwards (mode 0600).
#[derive(Debug, Args)]
pub struct DecryptArgs {
    /// The files; standard input for `-` or none, with the result on standard output
    files: Vec<Utf8PathBuf>,
    /// Write the result there instead, `-` for standard output; for one file
    #[arg(long, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
}

impl DecryptArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        only_one_with_output(&self.files, self.output.as_ref())?;
        let identities = Identities::read(global, &global::environment())?;
        let documents = files::read_or_input(&self.files)?;
        files::refuse(documents.iter().filter_map(|document| document.must_be_vault().err()).collect())?;
        let passwords = vault_passwords::to_open(&identities)?;
        let (mut opened, mut findings) = (Vec::new(), Vec::new());
        for document in &documents {
            match document.open(&passwords) {
                Ok(vault) => opened.push(vault.content.into_inner()),
                Err(finding) => findings.push(finding),
            }
        }
        files::refuse(findings)?;
        write(&documents, &opened, self.output.as_ref())?;
        say(terminal, &summary("decrypted", &documents, self.output.as_ref()));
        Ok(0)
    }
}
