//! The document on the host.

use crate::apply;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Host, Push, PushFile};
use crate::migration::{Accounts, CutOver, Migration, PATH, State};
use crate::versioned::Versioned as _;

/// Understands the document of a host.
///
/// # Errors
/// It is damaged, or a newer homestead wrote it.
pub fn understand(bytes: &[u8]) -> Result<Migration> {
    Migration::read(bytes).map_err(|error| {
        Error::new(Kind::HostFailed, format!("`{PATH}` on the host cannot be read"))
            .caused_by(error)
            .hint("a newer homestead may have written it; update this one")
    })
}

/// Writes the document. The caller holds the host's lock.
///
/// # Errors
/// It cannot be written.
pub async fn put(host: &dyn Host, migration: &Migration) -> Result<()> {
    let push = Push { directories: vec![apply::memory_folder()], files: vec![file(migration)?], ..Push::default() };
    host::push(host, &push).await
}

fn file(migration: &Migration) -> Result<PushFile> {
    Ok(PushFile {
        path: PATH.into(),
        bytes: text(migration)?,
        mode: "0600".into(),
        owner: "root".into(),
        group: "root".into(),
        keep_existing: false,
    })
}

/// The text of the document.
pub(super) fn text(migration: &Migration) -> Result<Vec<u8>> {
    migration.write().map_err(|error| Error::new(Kind::Usage, "the state of the migration cannot be written down").caused_by(error))
}

/// The document for accounts that were moved by the tag alone: the inventory says the rest.
///
/// # Errors
/// It cannot be written.
pub fn by_hand(before: &Migration, at: &str) -> Result<Vec<u8>> {
    let mut migration = before.clone();
    migration.begin_anew();
    migration.state = State::Finalized;
    migration.cut_over = Some(CutOver { at: at.to_owned(), downtime_milliseconds: 0, generation: 0, accounts: Accounts::default() });
    text(&migration)
}
