//! What a host really has: files and units in one exec, and the content of files in another.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde::{Deserialize, Serialize};

use super::systemd::{UnitState, parse_units};
use super::{Exec, Host, Output, failed, run};
use crate::diagnostic::{Error, Kind, Result};

const OBSERVE: &str = concat!("list=$(cat)\n", include_str!("scripts/observe.sh"));
const FETCH: &str = concat!("paths=$(cat)\n", include_str!("scripts/fetch.sh"));

/// What to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObserveRequest {
    /// Absolute paths.
    pub paths: Vec<String>,
    /// Absolute paths with `*`, for what else may be there.
    pub patterns: Vec<String>,
    /// Unit names with their type: `matrix-synapse.service`.
    pub units: Vec<String>,
}

/// What was there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Every path that exists.
    pub files: BTreeMap<String, FileState>,
    /// Every unit that was asked for; one that systemd does not know has the load state `not-found`.
    pub units: BTreeMap<String, UnitState>,
}

/// One path that exists. Symbolic links are not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// What it is.
    pub kind: FileKind,
    /// Four octal digits: `0640`.
    pub mode: String,
    /// The owner's name; its number where it has no name.
    pub owner: String,
    /// The owner's number.
    pub uid: u32,
    /// The group's name; its number where it has no name.
    pub group: String,
    /// The group's number.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Of a regular file's content, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where a symbolic link points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// The type of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket, a device, a named pipe.
    Other,
}

/// Looks at paths and units, in one exec.
pub async fn observe(host: &dyn Host, request: &ObserveRequest) -> Result<Observed> {
    let mut stdin = path_list(&request.paths)?;
    for pattern in &request.patterns {
        stdin.push(b'*');
        stdin.extend(path_list([pattern])?);
    }
    check_units(&request.units)?;
    let units: Vec<&str> = request.units.iter().map(String::as_str).collect();
    let output = host.exec(Exec::new(OBSERVE).arguments(&units).stdin(&stdin)).await?;
    succeeded(host, &output)?;
    parse(&output.stdout, &request.units).ok_or_else(|| unreadable(host))
}

/// Refuses what is no name of a unit.
pub(super) fn check_units(units: &[String]) -> Result<()> {
    match units.iter().find(|unit| unit.is_empty() || unit.contains(char::is_whitespace)) {
        Some(unit) => Err(Error::new(Kind::Usage, format!("`{unit}` is no unit name"))),
        None => Ok(()),
    }
}

/// The error for an answer that makes no sense.
pub(super) fn unreadable(host: &dyn Host) -> Error {
    Error::new(Kind::HostFailed, format!("`{}`: what it says about its files and units cannot be read", host.name()))
}

/// The error of a look that went wrong.
pub(super) fn succeeded(host: &dyn Host, output: &Output) -> Result<()> {
    // A path that is not there is an answer; every other complaint is a failure.
    let complaints = String::from_utf8_lossy(&output.stderr);
    let expected = |line: &str| line.is_empty() || line.ends_with(": No such file or directory") || line.ends_with(": Not a directory");
    if output.status != 0 || !complaints.lines().all(expected) {
        let lines: Vec<&str> = complaints.lines().filter(|line| !expected(line)).collect();
        let relevant = Output { stderr: lines.join("\n").into_bytes(), stdout: Vec::new(), status: output.status };
        return Err(failed(host, "looking at its files and units", &relevant));
    }
    Ok(())
}

/// Reads files, in one exec. Paths that are no files, or links to files, are left out.
pub async fn fetch(host: &dyn Host, paths: &[String]) -> Result<BTreeMap<String, Vec<u8>>> {
    let stdin = path_list(paths)?;
    let bytes = run(host, "reading files", Exec::new(FETCH).stdin(&stdin)).await?;
    contents(host, &bytes)
}

/// The files of an archive that a host sent.
pub(super) fn contents(host: &dyn Host, bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    read_archive(bytes)
        .map_err(|error| Error::new(Kind::HostFailed, format!("`{}`: the files that it sent cannot be read", host.name())).caused_by(error))
}

fn read_archive(bytes: &[u8]) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(path, content);
    }
    Ok(files)
}

/// Paths, one a line.
pub(super) fn path_list<'a>(paths: impl IntoIterator<Item = &'a String>) -> Result<Vec<u8>> {
    let mut list = Vec::new();
    for path in paths {
        check_path(path)?;
        list.extend_from_slice(path.as_bytes());
        list.push(b'\n');
    }
    Ok(list)
}

/// Refuses what a list with one path a line cannot hold.
pub(super) fn check_path(path: &str) -> Result<()> {
    if path.starts_with('/') && !path.contains(['\n', '\0']) {
        return Ok(());
    }
    Err(Error::new(Kind::Invalid, format!("`{}` is no absolute path without line breaks", path.escape_debug())))
}

pub(super) fn parse(bytes: &[u8], units: &[String]) -> Option<Observed> {
    let mut fields = bytes.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let mut files = BTreeMap::new();
    (fields.next()? == "files").then_some(())?;
    loop {
        let mode = fields.next()?;
        if mode == "sums" {
            break;
        }
        let mode = u32::from_str_radix(&mode, 16).ok()?;
        let (owner, uid, group, gid, size, path, shown) =
            (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        let kind = kind(mode);
        let target = match kind {
            FileKind::Symlink => Some(shown.strip_prefix(path.as_ref())?.strip_prefix(" -> ")?.to_owned()),
            _ => None,
        };
        let state = FileState {
            kind,
            mode: format!("{:04o}", mode & 0o7777),
            owner: name_or_number(&owner, uid),
            uid,
            group: name_or_number(&group, gid),
            gid,
            size: size.parse().ok()?,
            sha256: None,
            target,
        };
        files.insert(path.into_owned(), state);
    }
    loop {
        let sum = fields.next()?;
        if sum == "units" {
            break;
        }
        let (sum, path) = sum.split_once("  ")?;
        // A file that came between `stat` and `sha256sum` counts as absent still.
        if let Some(state) = files.get_mut(path) {
            state.sha256 = Some(sum.to_owned());
        }
    }
    // A file that went in between.
    files.retain(|_, state| state.kind != FileKind::File || state.sha256.is_some());
    let states = parse_units(&fields.next()?);
    (fields.next()? == "end" && states.len() == units.len()).then_some(())?;
    // `Id` is not always the name that was asked for: an alias shows its unit's.
    let units = units.iter().cloned().zip(states).collect();
    Some(Observed { files, units })
}

/// `S_IFMT` of `inode(7)`.
fn kind(mode: u32) -> FileKind {
    match mode & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Directory,
        0o120_000 => FileKind::Symlink,
        _ => FileKind::Other,
    }
}

fn name_or_number(name: &str, number: u32) -> String {
    if name == "UNKNOWN" { number.to_string() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Environment, FakeHost, LocalHost, settings::ConnectionSettings};

    async fn local() -> LocalHost {
        LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap()
    }

    #[tokio::test]
    async fn files_of_every_kind_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs_err::write(path("with space"), "hello").unwrap();
        fs_err::write(path("line's \"end\\"), "").unwrap();
        fs_err::create_dir(path("-d")).unwrap();
        fs_err::os::unix::fs::symlink("no where -> x", path("link")).unwrap();
        std::process::Command::new("chmod").args(["2751", &path("-d")]).status().unwrap();
        std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        let names = ["with space", "line's \"end\\", "-d", "link", "pipe", "absent", "with space/below"];
        let request = ObserveRequest { paths: names.iter().map(|name| path(name)).collect(), ..ObserveRequest::default() };
        let observed = observe(&local().await, &request).await.unwrap();
        let seen: Vec<_> =
            names.iter().map(|name| observed.files.get(&path(name)).map(|file| (file.kind, file.size, file.target.as_deref()))).collect();
        assert_eq!(
            seen,
            [
                Some((FileKind::File, 5, None)),
                Some((FileKind::File, 0, None)),
                Some((FileKind::Directory, 4096, None)),
                Some((FileKind::Symlink, 13, Some("no where -> x"))),
                Some((FileKind::Other, 0, None)),
                None,
                None
            ]
        );
        let file = observed.files.get(&path("with space")).unwrap();
        assert_eq!(file.sha256.as_deref(), Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
        assert_eq!((file.owner.as_str(), file.uid, file.mode.as_str()), ("root", 0, "0644"));
        assert_eq!(observed.files.get(&path("-d")).unwrap().mode, "2751");
    }

    #[tokio::test]
    async fn a_pattern_stands_for_what_it_matches() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for name in ["worker 1.yaml", "worker-2.yaml", "worker.labels", "other.yaml"] {
            fs_err::write(path(name), "x").unwrap();
        }
        let patterns = vec![path("worker*.yaml"), path("none*")];
        let request = ObserveRequest { paths: vec![path("other.yaml")], patterns, ..ObserveRequest::default() };
        let observed = observe(&local().await, &request).await.unwrap();
        let seen: Vec<&String> = observed.files.keys().collect();
        assert_eq!(seen, [&path("other.yaml"), &path("worker 1.yaml"), &path("worker-2.yaml")]);
    }

    #[tokio::test]
    async fn content_comes_back_for_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let long = "x".repeat(180);
        fs_err::write(path("a b"), b"one\0two").unwrap();
        fs_err::write(path(&long), "long").unwrap();
        let fetched = fetch(&local().await, &[path("a b"), path(&long), path("absent"), path("")]).await.unwrap();
        assert_eq!(fetched, BTreeMap::from([(path("a b"), b"one\0two".to_vec()), (path(&long), b"long".to_vec())]));
        assert_eq!(fetch(&local().await, &[]).await.unwrap(), BTreeMap::new());
    }

    #[tokio::test]
    async fn half_an_answer_is_an_error() {
        for answer in ["", "files\0sums\0", "files\0sums\0units\0", "files\081a4\0root\0sums\0units\0\0end\0"] {
            let host = FakeHost::new().answer(answer);
            assert!(observe(&host, &ObserveRequest::default()).await.is_err(), "{answer:?}");
        }
        assert_eq!(
            observe(&FakeHost::new().answer("files\0sums\0units\0\0end\0"), &ObserveRequest::default()).await.unwrap(),
            Observed::default()
        );
    }

    #[tokio::test]
    async fn other_complaints_are_failures() {
        let output = super::super::Output {
            status: 0,
            stdout: b"files\0sums\0units\0\0end\0".to_vec(),
            stderr: b"stat: cannot statx '/x': No such file or directory\nsha256sum: /y: Input/output error\n".to_vec(),
        };
        let host = FakeHost::new().expect_output(None, Ok(output));
        let error = observe(&host, &ObserveRequest::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "`fake`: looking at its files and units failed: sha256sum: /y: Input/output error");
    }
}
