//! `vault view`: what is in a vault, on standard output.

use camino::Utf8PathBuf;
use clap::Args;

use super::super::vault_passwords::{self, Identities};
use super::Exit;
use super::files::{self, Document};
use crate::cli::global::{self, GlobalArgs};
use crate::diagnostic::{Diagnostic, Result};
use crate::inventory::VaultPasswords;
use crate::inventory::vault::inline;
use crate::report::Terminal;

/// Show what is in encrypted files
///
/// Of a file that is not encrypted itself but holds encrypted values (`name: !vault |`), it shows the whole text with
/// these values open. Nothing is written.
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// The files; standard input for `-` or none
    files: Vec<Utf8PathBuf>,
}

impl ViewArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, _: &Terminal) -> Result<Exit> {
        let identities = Identities::read(global, &global::environment())?;
        let documents = files::read_or_input(&self.files)?;
        let plain = documents.iter().filter(|document| !document.holds_vaults()).filter_map(|document| document.must_be_vault().err());
        files::refuse(plain.collect())?;
        let passwords = vault_passwords::to_open(&identities)?;
        let (mut shown, mut findings) = (Vec::new(), Vec::new());
        for document in &documents {
            if document.is_vault() {
                match document.open(&passwords) {
                    Ok(vault) => shown.extend(vault.content.into_inner()),
                    Err(finding) => findings.push(finding),
                }
            } else {
                shown.extend(with_open_values(document, &passwords, &mut findings)?.into_bytes());
            }
        }
        files::refuse(findings)?;
        files::write_output(None, &shown)?;
        Ok(0)
    }
}

fn with_open_values(document: &Document, passwords: &VaultPasswords, findings: &mut Vec<Diagnostic>) -> Result<String> {
    let span = document.span();
    inline::replace(document.text().unwrap_or_default(), &span.file, |value| {
        Ok(match passwords.open(&value.vault) {
            Ok(text) => inline::as_text(text.reveal()),
            Err(locked) => {
                findings.push(locked.diagnostic(&value.span));
                String::new()
            }
        })
    })
}
