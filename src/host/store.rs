//! What homestead keeps on a host for going back: contents of files, the undo of a run, generations. All of it
//! lies in `/var/lib/homestead` and is root's alone.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::chain::NO_LOCK;
use super::observe::check_path;
use super::others::OTHERS;
use super::{Exec, Host, Lock, Output, Script, failed, fetch, lost_lock, run};
use crate::diagnostic::{Error, Kind, Result};

const SAVE: &str = include_str!("scripts/save.sh");
const COMMIT: &str = include_str!("scripts/commit.sh");
const FORGET: &str = include_str!("scripts/forget.sh");
const GENERATIONS: &str = include_str!("scripts/generations.sh");
/// The status of `save.sh` when a file is not what it was taken for.
const CHANGED: u32 = 65;

/// Contents of files, by SHA-256.
pub const OBJECTS: &str = "/var/lib/homestead/objects";
/// How many generations stay.
pub const KEPT: usize = 10;

/// A path and the SHA-256 of its content; nothing where there is no such file.
pub type Expected<'a> = (&'a str, Option<&'a str>);

/// The script that keeps the contents of files, and then what is to be undone; `older` says whether that holds what an earlier run
/// left to be undone, so that the passwords which that run kept still count.
///
/// # Errors
/// A path that cannot be.
pub fn save(files: &[Expected<'_>], undo: &[u8], older: bool) -> Result<Script> {
    let list = list(files)?;
    Ok(Script::new(SAVE, [list.len().to_string(), if older { "older" } else { "" }.to_owned()]).stdin([list.as_slice(), undo].concat()))
}

/// What came of [`save`].
///
/// # Errors
/// A file is not as it is expected; nothing was kept then.
pub fn saved(host: &dyn Host, output: &Output) -> Result<()> {
    match output.status {
        0 => Ok(()),
        CHANGED => {
            let paths: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(|path| format!("`{path}`")).collect();
            Err(Error::new(Kind::HostFailed, format!("`{}`: {} changed after it was looked at", host.name(), paths.join(", ")))
                .hint("somebody else is at work on the host; run this again"))
        }
        _ => Err(full(host, output).unwrap_or_else(|| failed(host, "keeping what will change", output))),
    }
}

/// What a run leaves behind when it succeeds.
#[derive(Clone, Debug, Default)]
pub struct Commit<'a> {
    /// The new generation's number.
    pub number: u64,
    /// Owned files.
    pub files: Vec<Expected<'a>>,
    /// The memory.
    pub manifest: Vec<u8>,
    /// The new generation.
    pub generation: Vec<u8>,
    /// The one before, written where the host has none.
    pub base: Vec<u8>,
}

/// Keeps a new generation and the memory, forgets the undo, and drops what is too old, in one exec.
///
/// # Errors
/// No room is left, and the like.
pub async fn commit(host: &dyn Host, lock: &Lock, commit: &Commit<'_>) -> Result<()> {
    let list = list(&commit.files)?;
    let (length, number, kept) = (list.len().to_string(), commit.number.to_string(), KEPT.to_string());
    let unpackable = |error| Error::new(Kind::Usage, "a generation cannot be packed").caused_by(error);
    let stdin = archive(list, commit).map_err(unpackable)?;
    let output = lock.ahead(Script::new(format!("{OTHERS}{COMMIT}"), [length, number, kept]).stdin(stdin)).await?.run(host).await?;
    match output.status {
        0 => Ok(()),
        NO_LOCK => Err(lost_lock(host.name())),
        _ => Err(full(host, &output).unwrap_or_else(|| failed(host, "writing down what was done", &output))),
    }
}

fn archive(list: Vec<u8>, commit: &Commit<'_>) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(list);
    for (name, bytes) in [("manifest.json", &commit.manifest), ("generation.json", &commit.generation), ("base.json", &commit.base)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(0);
        builder.append_data(&mut header, name, bytes.as_slice())?;
    }
    builder.into_inner()
}

/// Writes the memory, where one is given, and forgets the undo.
///
/// # Errors
/// No room is left, and the like.
pub async fn forget(host: &dyn Host, manifest: &[u8]) -> Result<()> {
    run(host, "forgetting what was put back", Exec::new(&format!("{OTHERS}{FORGET}")).stdin(manifest)).await.map(drop)
}

/// The memory, where there is one, and every generation, as they are written.
///
/// # Errors
/// The connection breaks.
pub async fn generations(host: &dyn Host) -> Result<(Option<Vec<u8>>, Vec<Vec<u8>>)> {
    let bytes = run(host, "reading its generations", Exec::new(GENERATIONS)).await?;
    let mut documents = bytes.split(|&byte| byte == 0).map(<[u8]>::to_vec);
    let memory = documents.next().filter(|bytes| !bytes.is_empty());
    Ok((memory, documents.filter(|bytes| !bytes.is_empty()).collect()))
}

/// Contents of files by SHA-256. One that is missing or damaged is left out.
///
/// # Errors
/// The connection breaks.
pub async fn objects(host: &dyn Host, sums: &BTreeSet<String>) -> Result<BTreeMap<String, Vec<u8>>> {
    let paths: Vec<String> = sums.iter().map(|sum| format!("{OBJECTS}/{sum}")).collect();
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = fetch(host, &paths).await?.into_values();
    Ok(found.map(|bytes| (hex::encode(Sha256::digest(&bytes)), bytes)).filter(|(sum, _)| sums.contains(sum)).collect())
}

fn list(files: &[Expected<'_>]) -> Result<Vec<u8>> {
    let mut list = Vec::new();
    for (path, sum) in files {
        check_path(path)?;
        list.extend_from_slice(sum.unwrap_or("absent").as_bytes());
        list.push(b' ');
        list.extend_from_slice(path.as_bytes());
        list.push(b'\n');
    }
    Ok(list)
}

fn full(host: &dyn Host, output: &Output) -> Option<Error> {
    let text = String::from_utf8_lossy(&output.stderr);
    let problem = [("No space left on device", "no space left on device"), ("Disk quota exceeded", "disk quota exceeded")];
    let (_, problem) = problem.into_iter().find(|(sign, _)| text.contains(sign))?;
    Some(
        Error::new(Kind::HostFailed, format!("`{}`: {problem} on `/var/lib/homestead`", host.name()))
            .hint("look for what fills it: `df -h /var/lib/homestead`, `docker system df`"),
    )
}
