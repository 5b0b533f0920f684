//! Writes files, all or none: see `scripts/push.sh`.

use std::collections::BTreeSet;

use super::observe::check_path;
use super::{Host, Output, Script, failed};
use crate::diagnostic::{Error, Kind, Result};

const PUSH: &str = include_str!("scripts/push.sh");

/// What a host should have after a push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// Made or corrected first, in this order.
    pub directories: Vec<PushDirectory>,
    /// Their directories must exist or be among `directories`.
    pub files: Vec<PushFile>,
    /// Files, links and empty directories that go, last.
    pub remove: Vec<String>,
}

/// A directory. Missing parents are made with mode 0755, owned by root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushDirectory {
    /// Absolute.
    pub path: String,
    /// Octal digits: `0750`.
    pub mode: String,
    /// Name or number.
    pub owner: String,
    /// Name or number.
    pub group: String,
}

/// A file.
#[derive(Clone, PartialEq, Eq)]
pub struct PushFile {
    /// Absolute.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
    /// Octal digits: `0640`.
    pub mode: String,
    /// Name or number.
    pub owner: String,
    /// Name or number.
    pub group: String,
    /// Whether a file that is there already stays as it is.
    pub keep_existing: bool,
}

/// Without the content, which may be secret.
impl std::fmt::Debug for PushFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PushFile({} {}:{} {}, {} bytes)", self.mode, self.owner, self.group, self.path, self.bytes.len())
    }
}

/// Writes files, in one exec. Readers see the old file or the new one, never half of one; when the
/// disk is full or anything else fails, every file is as it was.
pub async fn push(host: &dyn Host, push: &Push) -> Result<()> {
    if push.directories.is_empty() && push.files.is_empty() && push.remove.is_empty() {
        return Ok(());
    }
    let output = push.script()?.run(host).await?;
    push.outcome(host, &output)
}

impl Push {
    /// The script that does it.
    ///
    /// # Errors
    /// A path, a mode or an owner that cannot be.
    pub fn script(&self) -> Result<Script> {
        let folders = folders(&self.files)?;
        let manifest = manifest(self, &folders)?;
        let length = manifest.len().to_string();
        let unpackable = |error| Error::new(Kind::Usage, "files cannot be packed").caused_by(error);
        let stdin = archive(manifest, &self.files, &folders).map_err(unpackable)?;
        Ok(Script::new(PUSH, [length]).stdin(stdin))
    }

    /// What came of the script.
    ///
    /// # Errors
    /// Nothing was written, and why.
    pub fn outcome(&self, host: &dyn Host, output: &Output) -> Result<()> {
        if output.status == 0 { Ok(()) } else { Err(explain(host, &folders(&self.files)?, output)) }
    }
}

/// The directories that files go to, in order of first use.
fn folders(files: &[PushFile]) -> Result<Vec<&str>> {
    let mut folders: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        check_path(&file.path)?;
        let (folder, name) = split(&file.path);
        if matches!(name, "" | "." | "..") {
            return Err(Error::new(Kind::Invalid, format!("`{}` is no path of a file", file.path)));
        }
        if !seen.insert(&file.path) {
            return Err(Error::new(Kind::Usage, format!("`{}` is written twice", file.path)));
        }
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some(parts) => parts,
        None => ("/", path),
    }
}

fn manifest(push: &Push, folders: &[&str]) -> Result<Vec<u8>> {
    let mut lines: Vec<&str> = Vec::new();
    let mut owners = BTreeSet::new();
    let directories: Vec<_> = push.directories.iter().map(|directory| (&directory.mode, &directory.owner, &directory.group)).collect();
    for file in &push.files {
        check_owner(&file.owner, &file.group)?;
        owners.insert(format!("{}:{}", file.owner, file.group));
    }
    for owner in &owners {
        lines.extend(["owner", owner]);
    }
    let counts: Vec<String> = directories.chunk_by(|a, b| a == b).map(|chunk| chunk.len().to_string()).collect();
    let mut rest = push.directories.as_slice();
    for (chunk, count) in directories.chunk_by(|a, b| a == b).zip(&counts) {
        let (these, others) = rest.split_at(chunk.len());
        rest = others;
        let Some(first) = these.first() else { continue };
        check_owner(&first.owner, &first.group)?;
        mode(&first.mode)?;
        lines.extend(["directories", &first.mode, &first.owner, &first.group, count]);
        for directory in these {
            check_path(&directory.path)?;
            lines.push(&directory.path);
        }
    }
    let numbers: Vec<String> = (0..folders.len()).map(|number| number.to_string()).collect();
    for (number, folder) in numbers.iter().zip(folders) {
        lines.extend(["into", number, folder]);
    }
    for path in &push.remove {
        check_path(path)?;
        lines.extend(["remove", path]);
    }
    Ok((lines.join("\n") + "\n").into_bytes())
}

fn check_owner(owner: &str, group: &str) -> Result<()> {
    // The limit is the one of tar's header and of useradd(8).
    let fits = |name: &str| !name.is_empty() && name.len() < 32 && !name.contains(|c: char| c.is_whitespace() || c == ':' || c == '\0');
    if fits(owner) && fits(group) { Ok(()) } else { Err(Error::new(Kind::Invalid, format!("`{owner}:{group}` is no owner and group"))) }
}

fn mode(text: &str) -> Result<u32> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| Error::new(Kind::Invalid, format!("`{text}` is no file mode such as `0640`")))
}

/// The manifest, then a tar stream.
fn archive(manifest: Vec<u8>, files: &[PushFile], folders: &[&str]) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(manifest);
    for file in files {
        let (folder, name) = split(&file.path);
        let number = folders.iter().position(|known| *known == folder).unwrap_or_default();
        let part = if file.keep_existing { "keep" } else { "new" };
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(mode(&file.mode).map_err(std::io::Error::other)?);
        header.set_mtime(0);
        // A name that the host does not know would silently become the number: the manifest has it
        // checked before.
        header.set_uid(file.owner.parse().unwrap_or(0));
        header.set_gid(file.group.parse().unwrap_or(0));
        if file.owner.parse::<u64>().is_err() {
            header.set_username(&file.owner)?;
        }
        if file.group.parse::<u64>().is_err() {
            header.set_groupname(&file.group)?;
        }
        builder.append_data(&mut header, format!("{number}/{part}/{name}"), file.bytes.as_slice())?;
    }
    builder.into_inner()
}

fn explain(host: &dyn Host, folders: &[&str], output: &Output) -> Error {
    let text = String::from_utf8_lossy(&output.stderr);
    let full =
        text.lines().find(|line| ["No space left on device", "Disk quota exceeded", "Wrote only "].iter().any(|sign| line.contains(sign)));
    let Some(line) = full else {
        let error = failed(host, "writing files", output).hint("no file was changed");
        return if text.contains("invalid user") || text.contains("invalid group") {
            error.hint("is the user or group missing on the host?")
        } else {
            error
        };
    };
    // `tar: 3/new/homeserver.yaml: Cannot write: No space left on device`
    let number = line.strip_prefix("tar: ").and_then(|line| line.split('/').next()).and_then(|number| number.parse::<usize>().ok());
    let folder = number.and_then(|number| folders.get(number)).copied().unwrap_or("/var/lib/homestead");
    let problem = if line.contains("quota") { "disk quota exceeded" } else { "no space left on device" };
    Error::new(Kind::HostFailed, format!("`{}`: {problem} on `{folder}`", host.name()))
        .hint("no file was changed")
        .hint(format!("look for what fills it: `df -h {folder}`, `docker system df`"))
}
