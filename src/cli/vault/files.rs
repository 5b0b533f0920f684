//! The files of a vault command: all are read and checked before one is written, and all are written or none.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use crate::diagnostic::{Diagnostic, Error, Kind, Result, Span};
use crate::inventory::VaultPasswords;
use crate::inventory::vault::{self, Opened};
use crate::secret::Secret;

/// Who but its owner may read a file that a command makes: nobody.
pub const PRIVATE: u32 = 0o600;

/// A file, or standard input, as it was read.
pub struct Document {
    /// As the user typed it, `-` for standard input.
    pub name: Utf8PathBuf,
    /// Where it really lies, behind symbolic links; none for standard input.
    pub path: Option<Utf8PathBuf>,
    /// What is in it: any bytes.
    pub content: Secret<Vec<u8>>,
    /// Its permissions.
    pub mode: u32,
}

/// What a file is to become.
pub struct Replacement<'a> {
    /// The file.
    pub path: &'a Utf8Path,
    /// What is in it now, so that it can be put back; none where it is new.
    pub before: Option<&'a Document>,
    /// What is to be in it.
    pub content: &'a [u8],
    /// Its permissions.
    pub mode: u32,
}

impl Document {
    /// Where its findings are.
    pub fn span(&self) -> Span {
        Span::whole(if self.path.is_some() { self.name.as_str() } else { "standard input" })
    }

    /// Whether it is a vault as a whole.
    pub fn is_vault(&self) -> bool {
        vault::is_vault(self.content.reveal())
    }

    /// Its text, where it is some.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.content.reveal()).ok()
    }

    /// Whether some of its values are vaults.
    pub fn holds_vaults(&self) -> bool {
        self.text().is_some_and(vault::inline::holds_vaults)
    }

    /// Opens it.
    ///
    /// # Errors
    /// It is no vault, or stays closed.
    pub fn open<'a>(&self, passwords: &'a VaultPasswords) -> Result<Opened<'a>, Diagnostic> {
        self.must_be_vault()?;
        passwords.open_bytes(self.content.reveal()).map_err(|locked| locked.diagnostic(&self.span()))
    }

    /// Says so where it is none.
    ///
    /// # Errors
    /// It is no vault as a whole.
    pub fn must_be_vault(&self) -> Result<(), Diagnostic> {
        if self.is_vault() {
            return Ok(());
        }
        let diagnostic = Diagnostic::error("H0137", "this is not encrypted").at(&self.span());
        Err(if self.holds_vaults() {
            Diagnostic { message: "this is not encrypted as a whole: single values of it are".to_owned(), ..diagnostic }
                .help(format!("`homestead vault view {0}` shows them, and `homestead vault rekey {0}` changes their password", self.name))
        } else {
            diagnostic
        })
    }
}

/// Reads files; `-` is standard input. A file that is named twice is read once.
///
/// # Errors
/// All that cannot be read, together.
pub fn read(names: &[Utf8PathBuf]) -> Result<Vec<Document>> {
    let mut documents: Vec<Document> = Vec::new();
    let mut findings = Vec::new();
    for name in names {
        match read_one(name) {
            Ok(document) if documents.iter().any(|other| other.path == document.path) => {}
            Ok(document) => documents.push(document),
            Err(finding) => findings.push(finding),
        }
    }
    refuse(findings)?;
    Ok(documents)
}

/// Files or, where none is named, standard input.
///
/// # Errors
/// All that cannot be read, together.
pub fn read_or_input(names: &[Utf8PathBuf]) -> Result<Vec<Document>> {
    if names.is_empty() { read(&["-".into()]) } else { read(names) }
}

fn read_one(name: &Utf8Path) -> Result<Document, Diagnostic> {
    let wrong = |problem: &str| Diagnostic::error("H0111", format!("the file cannot be read: {problem}")).at(&Span::whole(name.as_str()));
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => wrong("it does not exist"),
        kind => wrong(&kind.to_string()),
    };
    if name == "-" {
        let mut content = Vec::new();
        std::io::stdin().read_to_end(&mut content).map_err(failed)?;
        return Ok(Document { name: name.to_owned(), path: None, content: Secret::new(content), mode: PRIVATE });
    }
    let path = name.canonicalize_utf8().map_err(failed)?;
    let metadata = fs_err::metadata(&path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(wrong(if metadata.is_dir() { "it is a folder" } else { "it is no plain file" }));
    }
    let content = fs_err::read(&path).map_err(failed)?;
    Ok(Document { name: name.to_owned(), path: Some(path), content: Secret::new(content), mode: metadata.permissions().mode() & 0o7777 })
}

/// Ends a command that found something wrong with its files.
///
/// # Errors
/// There are findings.
pub fn refuse(findings: Vec<Diagnostic>) -> Result<()> {
    let message = match findings.len() {
        0 => return Ok(()),
        1 => "1 file cannot be used; nothing was changed".to_owned(),
        n => format!("{n} files cannot be used; nothing was changed"),
    };
    Err(Error { diagnostics: findings, ..Error::new(Kind::Invalid, message) })
}

/// Replaces files, each at once, and all or none: every new file is complete on the disk before the first takes its place.
///
/// # Errors
/// [`Kind::Usage`]: one cannot be written. Those that were replaced already are put back.
pub fn replace(replacements: &[Replacement<'_>]) -> Result<()> {
    let mut staged = Vec::new();
    for replacement in replacements {
        staged.push(stage(replacement).map_err(|error| cannot_write(replacement.path, error).hint("nothing was changed"))?);
    }
    for (place, (file, replacement)) in staged.into_iter().zip(replacements).enumerate() {
        if let Err(error) = put(file, replacement) {
            return Err(put_back(&replacements[..place], cannot_write(replacement.path, error)));
        }
    }
    Ok(())
}

fn cannot_write(path: &Utf8Path, error: std::io::Error) -> Error {
    Error::new(Kind::Usage, format!("cannot write `{path}`")).caused_by(error)
}

/// A finished file beside the one that it is to replace. It is removed if it does not get there.
fn stage(replacement: &Replacement<'_>) -> std::io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder(replacement.path))?;
    // It is 0600 from the beginning, and gets other rights only when it holds what it should.
    file.write_all(replacement.content)?;
    if let Some(path) = replacement.before.and_then(|before| before.path.as_ref()) {
        let (old, new) = (fs_err::metadata(path)?, file.as_file().metadata()?);
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            std::os::unix::fs::fchown(file.as_file(), Some(old.uid()), Some(old.gid()))?;
        }
    }
    file.as_file().set_permissions(std::fs::Permissions::from_mode(replacement.mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn put(file: NamedTempFile, replacement: &Replacement<'_>) -> std::io::Result<()> {
    if replacement.before.is_some() {
        file.persist(replacement.path).map_err(|error| error.error)?;
    } else {
        // Somebody may have made it meanwhile.
        file.persist_noclobber(replacement.path).map_err(|error| error.error)?;
    }
    fs_err::File::open(folder(replacement.path))?.sync_all()
}

fn folder(path: &Utf8Path) -> &Utf8Path {
    match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        _ => Utf8Path::new("."),
    }
}

fn put_back(done: &[Replacement<'_>], mut error: Error) -> Error {
    for replacement in done {
        let path = replacement.path;
        let result = match replacement.before {
            Some(before) => {
                let old = Replacement { path, before: Some(before), content: before.content.reveal(), mode: before.mode };
                stage(&old).and_then(|file| put(file, &old))
            }
            None => fs_err::remove_file(path),
        };
        error = error.hint(match result {
            Ok(()) => format!("`{path}` is as it was"),
            Err(problem) => format!("`{path}` could not be put back: {problem}; it has its new content"),
        });
    }
    error
}

/// Says so before work is done in vain: whether a file's folder lets it be replaced.
///
/// # Errors
/// [`Kind::Usage`]: it does not.
pub fn can_replace(path: &Utf8Path) -> Result<()> {
    NamedTempFile::new_in(folder(path)).map(drop).map_err(|error| cannot_write(path, error).hint("nothing was changed"))
}

/// Writes a result to standard output or to a new or existing file.
///
/// # Errors
/// [`Kind::Usage`]: it cannot be written.
pub fn write_output(output: Option<&Utf8PathBuf>, content: &[u8]) -> Result<()> {
    match output {
        None => to_stdout(content),
        Some(path) if path == "-" => to_stdout(content),
        Some(path) => {
            let before =
                if path.exists() { Some(read_one(path).map_err(|finding| Error::new(Kind::Usage, finding.to_string()))?) } else { None };
            let target = before.as_ref().and_then(|before| before.path.as_deref()).unwrap_or(path);
            replace(&[Replacement { path: target, before: before.as_ref(), content, mode: PRIVATE }])
        }
    }
}

/// Writes bytes to standard output. Here a reader that went away matters: it may have wanted to keep them.
fn to_stdout(content: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(content)
        .and_then(|()| stdout.flush())
        .map_err(|error| Error::new(Kind::Usage, "cannot write to standard output").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_replaced_is_put_back_when_another_file_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
        let (first, new, second) = (root.join("first"), root.join("new"), root.join("second"));
        fs_err::write(&first, "old").unwrap();
        fs_err::set_permissions(&first, std::fs::Permissions::from_mode(0o640)).unwrap();
        // A file cannot take the place of a folder, and that comes to light only when it is about to.
        fs_err::create_dir(&second).unwrap();
        let before = read(std::slice::from_ref(&first)).unwrap();
        let replacements = [
            Replacement { path: &first, before: before.first(), content: b"changed", mode: PRIVATE },
            Replacement { path: &new, before: None, content: b"made", mode: PRIVATE },
            Replacement { path: &second, before: None, content: b"changed", mode: PRIVATE },
        ];
        let error = replace(&replacements).unwrap_err();
        let shown = format!("{error}\n{}", error.hints.join("\n")).replace(root.as_str(), "ROOT");
        insta::assert_snapshot!(shown, @r"
        cannot write `ROOT/second`
        `ROOT/first` is as it was
        `ROOT/new` is as it was
        ");
        assert_eq!(fs_err::read_to_string(&first).unwrap(), "old");
        assert_eq!(fs_err::metadata(&first).unwrap().permissions().mode() & 0o777, 0o640);
        let mut left: Vec<_> = root.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
        left.sort();
        assert_eq!(left, ["first", "second"]);
    }
}
