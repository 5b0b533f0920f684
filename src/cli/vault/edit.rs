//! `vault edit`: a vault in an editor.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::super::vault_passwords::{self, Identities};
use super::encrypt::lock;
use super::files::{self, Document, Replacement};
use super::{Exit, editor, say};
use crate::cli::global::{self, GlobalArgs};
use crate::diagnostic::{Error, Kind, Result};
use crate::inventory::vault::{VaultPassword, is_vault};
use crate::report::Terminal;
use crate::secret::Secret;

/// Edit encrypted files with `$VISUAL` or `$EDITOR`
///
/// The text lies in memory, in a folder that only you may open, and is gone when the editor ends. A text that did not
/// change leaves the file as it is. The password and the vault id stay the same.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The files
    #[arg(required = true)]
    files: Vec<Utf8PathBuf>,
    /// Encrypt with this vault id instead of the file's own
    #[arg(long, value_name = "LABEL")]
    encrypt_vault_id: Option<String>,
}

impl EditArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let environment = global::environment();
        let identities = Identities::read(global, &environment)?;
        if self.files.iter().any(|file| file == "-") {
            return Err(Error::new(Kind::Usage, "standard input cannot be edited"));
        }
        let documents = files::read(&self.files)?;
        files::refuse(documents.iter().filter_map(|document| document.must_be_vault().err()).collect())?;
        let passwords = vault_passwords::to_open(&identities)?;
        let (mut opened, mut findings) = (Vec::new(), Vec::new());
        for document in &documents {
            match document.open(&passwords) {
                Ok(vault) => opened.push((document, vault)),
                Err(finding) => findings.push(finding),
            }
        }
        files::refuse(findings)?;
        let chosen = match self.encrypt_vault_id.as_deref() {
            Some(label) => {
                let known = passwords.iter().find(|password| password.label() == label);
                let unknown =
                    || Error::new(Kind::Usage, format!("there is no password for the vault id `{label}` of `--encrypt-vault-id`"));
                Some(known.ok_or_else(unknown)?)
            }
            None => None,
        };
        for (document, vault) in opened {
            let Some(path) = &document.path else { continue };
            files::can_replace(path)?;
            let edited = editor::edit(&vault.content, path, &environment).await?;
            let password = match chosen {
                Some(chosen) => chosen.clone(),
                // The label of the header stays, even if a password of another one opened it.
                None => VaultPassword { id: vault.id.clone(), password: vault.by.password.clone() },
            };
            if edited == vault.content && chosen.is_none() {
                say(terminal, &format!("{} is unchanged", document.name));
            } else {
                save(document, path, &edited, &password)?;
                say(terminal, &format!("encrypted {}", document.name));
            }
        }
        Ok(0)
    }
}

fn save(document: &Document, path: &Utf8Path, edited: &Secret<Vec<u8>>, password: &VaultPassword) -> Result<()> {
    if is_vault(edited.reveal()) {
        return Err(Error::new(Kind::Usage, format!("the new text of `{}` is a vault itself; it was not encrypted again", document.name)));
    }
    let locked = lock(edited, password);
    let now = fs_err::read(path).map_err(|error| Error::new(Kind::Usage, format!("cannot read `{path}`")).caused_by(error))?;
    if now != *document.content.reveal() {
        let other = Utf8PathBuf::from(format!("{path}.edited"));
        files::replace(&[Replacement { path: &other, before: None, content: locked.as_bytes(), mode: files::PRIVATE }])?;
        return Err(Error::new(Kind::Usage, format!("`{}` was changed by someone else meanwhile; it was left alone", document.name))
            .hint(format!("your text lies in `{other}`, encrypted with the same password")));
    }
    files::replace(&[Replacement { path, before: Some(document), content: locked.as_bytes(), mode: document.mode }])
}
