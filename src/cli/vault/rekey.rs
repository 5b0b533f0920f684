//! `vault rekey`: the same content under another password.

use camino::Utf8PathBuf;
use clap::Args;

use super::super::vault_passwords::{self, Identities};
use super::encrypt::lock;
use super::files::{self, Document, Replacement};
use super::{Exit, say};
use crate::cli::global::{self, GlobalArgs};
use crate::diagnostic::{Diagnostic, Error, Kind, Result};
use crate::inventory::VaultPasswords;
use crate::inventory::vault::{VaultIdentity, VaultPassword, inline};
use crate::report::Terminal;
use crate::secret::Secret;

/// Change the password of encrypted files
///
/// All files are opened before the first is written, and all are written or none. Of a file that is not encrypted
/// itself, the encrypted values (`name: !vault |`) get the new password, and the rest stays as it is.
#[derive(Debug, Args)]
pub struct RekeyArgs {
    /// The files
    #[arg(required = true)]
    files: Vec<Utf8PathBuf>,
    /// The new vault id and where its password comes from: `LABEL@FILE`, `LABEL@prompt`
    #[arg(long, value_name = "LABEL@SOURCE", conflicts_with = "new_vault_password_file")]
    new_vault_id: Option<String>,
    /// The file with the new password, or a script that prints it
    #[arg(long, value_name = "FILE")]
    new_vault_password_file: Option<Utf8PathBuf>,
    /// Take the password of this vault id, which is given like those that open the files
    #[arg(long, value_name = "LABEL")]
    encrypt_vault_id: Option<String>,
}

impl RekeyArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        if self.files.iter().any(|file| file == "-") {
            return Err(Error::new(Kind::Usage, "standard input cannot be given another password in its place")
                .hint("`homestead vault decrypt | homestead vault encrypt` does it"));
        }
        let identities = Identities::read(global, &global::environment())?;
        let new = self.new_identity(&identities)?;
        let documents = files::read(&self.files)?;
        let plain = documents.iter().filter(|document| !document.holds_vaults()).filter_map(|document| document.must_be_vault().err());
        files::refuse(plain.collect())?;
        let passwords = vault_passwords::to_open(&identities)?;
        // Whoever mistyped the old password is told before being asked for a new one.
        rekeyed(&documents, &passwords, None)?;
        let password = vault_passwords::to_lock(&new, &identities)?;
        let contents = rekeyed(&documents, &passwords, Some(&password))?;
        let replacements: Vec<_> = documents
            .iter()
            .zip(&contents)
            .filter_map(|(before, content)| {
                Some(Replacement { path: before.path.as_deref()?, before: Some(before), content, mode: before.mode })
            })
            .collect();
        files::replace(&replacements)?;
        for document in &documents {
            say(terminal, &format!("{} has the new password", document.name));
        }
        Ok(0)
    }

    fn new_identity(&self, identities: &Identities) -> Result<VaultIdentity> {
        let named = vault_passwords::new_identity(self.new_vault_id.as_deref(), self.new_vault_password_file.as_ref())?;
        match (named, self.encrypt_vault_id.as_deref()) {
            (Some(new), Some(label)) if new.label() != label => Err(Error::new(
                Kind::Usage,
                format!("`--encrypt-vault-id {label}` and the new vault id `{}` are not the same", new.label()),
            )
            .hint("leave one of them out")),
            (Some(new), _) => Ok(new),
            (None, Some(label)) => identities.to_encrypt_with(Some(label)),
            (None, None) => Ok(VaultIdentity::asked()),
        }
    }
}

/// The new contents; without a new password, only whether everything opens.
fn rekeyed(documents: &[Document], passwords: &VaultPasswords, new: Option<&VaultPassword>) -> Result<Vec<Vec<u8>>> {
    let (mut contents, mut findings) = (Vec::new(), Vec::new());
    for document in documents {
        if document.is_vault() {
            match document.open(passwords) {
                Ok(vault) => contents.push(new.map_or_else(String::new, |new| lock(&vault.content, new)).into_bytes()),
                Err(finding) => findings.push(finding),
            }
        } else {
            contents.push(with_new_values(document, passwords, new, &mut findings)?.into_bytes());
        }
    }
    files::refuse(findings)?;
    Ok(contents)
}

fn with_new_values(
    document: &Document,
    passwords: &VaultPasswords,
    new: Option<&VaultPassword>,
    findings: &mut Vec<Diagnostic>,
) -> Result<String> {
    inline::replace(document.text().unwrap_or_default(), document.name.as_str(), |value| {
        Ok(match (passwords.open_bytes(value.vault.as_bytes()), new) {
            (Ok(vault), Some(new)) => inline::as_value(&lock(&Secret::new(vault.content.into_inner()), new), value.indent),
            (Ok(_), None) => String::new(),
            (Err(locked), _) => {
                findings.push(locked.diagnostic(&value.span));
                String::new()
            }
        })
    })
}
