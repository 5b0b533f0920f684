//! `vault encrypt`: files that a password locks.

use camino::Utf8PathBuf;
use clap::Args;

use super::super::vault_passwords::{self, Identities};
use super::files::{self, Document, Replacement};
use super::{Exit, say};
use crate::cli::global::{self, GlobalArgs};
use crate::diagnostic::{Diagnostic, Result};
use crate::inventory::vault::{self, VaultPassword};
use crate::report::Terminal;
use crate::secret::Secret;

/// Encrypt files in place
///
/// All files are checked before the first is written. They belong to their owner alone afterwards (mode 0600).
#[derive(Debug, Args)]
pub struct EncryptArgs {
    /// The files; standard input for `-` or none, with the result on standard output
    files: Vec<Utf8PathBuf>,
    /// Write the result there instead, `-` for standard output; for one file
    #[arg(long, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
    /// The vault id to encrypt with, where there are several
    #[arg(long, value_name = "LABEL")]
    encrypt_vault_id: Option<String>,
}

impl EncryptArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        only_one_with_output(&self.files, self.output.as_ref())?;
        let identities = Identities::read(global, &global::environment())?;
        let identity = identities.to_encrypt_with(self.encrypt_vault_id.as_deref())?;
        let documents = files::read_or_input(&self.files)?;
        let closed = documents.iter().filter(|document| document.is_vault()).map(|document| {
            Diagnostic::error("H0136", "this is encrypted already")
                .at(&document.span())
                .help("`homestead vault rekey` changes the password, `homestead vault edit` the content")
        });
        files::refuse(closed.collect())?;
        let password = vault_passwords::to_lock(&identity, &identities)?;
        let locked: Vec<Vec<u8>> = documents.iter().map(|document| lock(&document.content, &password).into_bytes()).collect();
        write(&documents, &locked, self.output.as_ref())?;
        say(terminal, &summary("encrypted", &documents, self.output.as_ref()));
        Ok(0)
    }
}

/// Locks bytes with a salt of their own.
pub fn lock(content: &Secret<Vec<u8>>, password: &VaultPassword) -> String {
    vault::encrypt(content, &password.password, vault_passwords::header_label(password), &rand::random())
}

/// `--output` is one place, so it takes one file.
pub fn only_one_with_output(files: &[Utf8PathBuf], output: Option<&Utf8PathBuf>) -> Result<()> {
    use crate::diagnostic::{Error, Kind};
    match output {
        Some(_) if files.len() > 1 => Err(Error::new(Kind::Usage, "`--output` takes the result of one file, and there are several")),
        _ => Ok(()),
    }
}

/// Writes each document's new content: to `--output`, else to where it came from.
pub fn write(documents: &[Document], contents: &[Vec<u8>], output: Option<&Utf8PathBuf>) -> Result<()> {
    let pairs = || documents.iter().zip(contents);
    if output.is_some() {
        return pairs().try_for_each(|(_, content)| files::write_output(output, content));
    }
    let replacements: Vec<_> = pairs()
        .filter_map(|(before, content)| {
            Some(Replacement { path: before.path.as_deref()?, before: Some(before), content, mode: files::PRIVATE })
        })
        .collect();
    files::replace(&replacements)?;
    pairs().filter(|(document, _)| document.path.is_none()).try_for_each(|(_, content)| files::write_output(None, content))
}

/// What was done, a file a line.
pub fn summary(done: &str, documents: &[Document], output: Option<&Utf8PathBuf>) -> String {
    let line = |document: &Document| match output {
        Some(path) if path != "-" => format!("{done} {} into {path}", document.span()),
        _ => format!("{done} {}", document.span()),
    };
    documents.iter().map(line).collect::<Vec<_>>().join("\n")
}
