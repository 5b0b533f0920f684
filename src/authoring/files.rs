//! Files that are written whole or not at all.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::Utf8Path;

use crate::diagnostic::{Error, Kind, Result};

/// Writes a file in place of the one that may be there. Whoever reads it meanwhile sees the old or the new one.
///
/// # Errors
/// The folder or file cannot be written.
pub fn replace(path: &Utf8Path, text: &str, mode: u32) -> Result<()> {
    let failed = |error: std::io::Error| failed(path, error);
    prepare(path, text, mode)?.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Changes the text of a file that is there. Its mode stays; a link stays one.
///
/// # Errors
/// The file cannot be written, or belongs to somebody else and would not any more.
pub fn edit(path: &Utf8Path, text: &str) -> Result<()> {
    let path = path.canonicalize_utf8().map_err(|error| failed(path, error))?;
    let before = fs_err::metadata(&path).map_err(|error| failed(&path, error))?;
    let file = prepare(&path, text, before.permissions().mode() & 0o7777)?;
    let owner = file.as_file().metadata().map_err(|error| failed(&path, error))?;
    if (owner.uid(), owner.gid()) != (before.uid(), before.gid()) {
        // Only root may give files away; for others, this says so.
        std::os::unix::fs::fchown(file.as_file(), Some(before.uid()), Some(before.gid())).map_err(|error| failed(&path, error))?;
    }
    file.persist(&path).map_err(|error| failed(&path, error.error))?;
    Ok(())
}

/// Writes a file that must not exist yet.
///
/// # Errors
/// It exists, or cannot be written.
pub fn create(path: &Utf8Path, text: &str, mode: u32) -> Result<()> {
    prepare(path, text, mode)?.persist_noclobber(path).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::new(Kind::Usage, format!("`{path}` exists already")).hint("it is left as it is"),
        _ => failed(path, error.error),
    })?;
    Ok(())
}

fn prepare(path: &Utf8Path, text: &str, mode: u32) -> Result<tempfile::NamedTempFile> {
    let failed = |error: std::io::Error| failed(path, error);
    let folder = path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    fs_err::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(file)
}

fn failed(path: &Utf8Path, error: std::io::Error) -> Error {
    Error::new(Kind::Usage, format!("cannot write `{path}`")).caused_by(error)
}
