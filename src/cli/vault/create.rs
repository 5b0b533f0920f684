//! `vault create`: a new vault from an editor.

use camino::Utf8PathBuf;
use clap::Args;

use super::super::vault_passwords::{self, Identities};
use super::encrypt::lock;
use super::files::{self, Replacement};
use super::{Exit, editor, say};
use crate::cli::global::{self, GlobalArgs};
use crate::diagnostic::{Error, Kind, Result};
use crate::inventory::vault::is_vault;
use crate::report::Terminal;
use crate::secret::Secret;

/// Write a new encrypted file with `$VISUAL` or `$EDITOR`
///
/// A file that exists already is refused. Nothing is made where the editor leaves no text.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The file
    file: Utf8PathBuf,
    /// The vault id to encrypt with, where there are several
    #[arg(long, value_name = "LABEL")]
    encrypt_vault_id: Option<String>,
}

impl CreateArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let path = &self.file;
        if fs_err::symlink_metadata(path).is_ok() {
            return Err(
                Error::new(Kind::Usage, format!("`{path}` exists already")).hint(format!("change it with `homestead vault edit {path}`"))
            );
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_str().is_empty()) {
            fs_err::create_dir_all(folder)
                .map_err(|error| Error::new(Kind::Usage, format!("cannot make the folder `{folder}`")).caused_by(error))?;
        }
        files::can_replace(path)?;
        let environment = global::environment();
        let identities = Identities::read(global, &environment)?;
        let identity = identities.to_encrypt_with(self.encrypt_vault_id.as_deref())?;
        let password = vault_passwords::to_lock(&identity, &identities)?;
        let text = editor::edit(&Secret::default(), path, &environment).await?;
        if text.reveal().is_empty() {
            return Err(Error::new(Kind::Usage, format!("the editor left no text, so `{path}` was not made")));
        }
        if is_vault(text.reveal()) {
            return Err(Error::new(Kind::Usage, format!("the text for `{path}` is a vault itself; it was not encrypted again")));
        }
        files::replace(&[Replacement { path, before: None, content: lock(&text, &password).as_bytes(), mode: files::PRIVATE }])?;
        say(terminal, &format!("encrypted {path}"));
        Ok(0)
    }
}
