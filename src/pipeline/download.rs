//! Downloads become files of the desired state before anybody compares it.
//!
//! They are fetched by this machine, so that the host needs no tool for it, and kept: an address is taken to
//! give the same content for ever, as those of tags and commits do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::desired::{Desired, Directory, Download, File};
use crate::diagnostic::{Error, Kind, Result, with_causes};
use crate::role::Format;
use crate::secret::Secret;
use crate::web;

/// How long one download may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// More than any module of Synapse has, and little enough for the memory of any machine.
const LARGEST: u64 = 64 * 1024 * 1024;
/// A server that is busy gets so many chances.
const ATTEMPTS: u32 = 3;

/// Fetches, and keeps what it fetched.
#[derive(Clone, Debug)]
pub struct Downloads {
    folder: Option<Utf8PathBuf>,
    pause: Duration,
}

/// The folder for what need not be fetched twice: `$XDG_CACHE_HOME/homestead`, or `~/.cache/homestead`.
pub fn cache_folder(environment: &BTreeMap<String, String>) -> Option<Utf8PathBuf> {
    let set = |name: &str| environment.get(name).filter(|path| path.starts_with('/')).map(Utf8PathBuf::from);
    set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).map(|folder| folder.join("homestead"))
}

/// The one for downloads.
pub fn downloads_folder(environment: &BTreeMap<String, String>) -> Option<Utf8PathBuf> {
    cache_folder(environment).map(|folder| folder.join("downloads"))
}

impl Downloads {
    /// Keeps what it fetches in a folder, or nowhere.
    pub const fn new(folder: Option<Utf8PathBuf>) -> Self {
        Self { folder, pause: Duration::from_secs(2) }
    }

    /// Turns every download of a desired state into files.
    ///
    /// # Errors
    /// One cannot be fetched, has another checksum, lacks the wanted part, or is no text.
    pub async fn fetch(&self, desired: &mut Desired) -> Result<()> {
        let mut files: BTreeMap<String, File> = BTreeMap::new();
        let mut folders: BTreeMap<String, Directory> = BTreeMap::new();
        for download in std::mem::take(&mut desired.downloads) {
            let bytes = self.bytes(&download).await?;
            for (path, bytes) in contents(&download, bytes)? {
                add_folders(&mut folders, &download, &path);
                files.insert(path.clone(), file(&download, path, bytes)?);
            }
        }
        let written: BTreeSet<&str> = desired.files.iter().map(|file| file.path.as_str()).collect();
        if let Some(path) = files.keys().find(|path| written.contains(path.as_str())) {
            return Err(Error::new(Kind::Invalid, format!("`{path}` is downloaded, and another file is written there too")));
        }
        let known: BTreeSet<String> = desired.directories.iter().map(|directory| directory.path.clone()).collect();
        desired.directories.extend(folders.into_values().filter(|folder| !known.contains(&folder.path)));
        desired.directories.sort_by(|left, right| left.path.cmp(&right.path));
        desired.files.extend(files.into_values());
        desired.files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(())
    }

    /// What a download gives: as it was kept, else from the network.
    async fn bytes(&self, download: &Download) -> Result<Vec<u8>> {
        let kept = self.folder.as_ref().map(|folder| folder.join(digest(download.url.as_bytes())));
        if let Some(bytes) = kept.as_ref().and_then(|path| fs_err::read(path).ok())
            && right(download, &bytes)
        {
            return Ok(bytes);
        }
        let bytes = self.ask(&download.url).await?;
        if !right(download, &bytes) {
            let wanted = download.sha256.as_deref().unwrap_or_default();
            return Err(Error::new(Kind::HostFailed, format!("`{}` has the checksum {}, not {wanted}", download.url, digest(&bytes)))
                .hint("was it published anew? Compare the two, and correct the checksum; nothing was touched"));
        }
        if let Some(path) = &kept {
            keep(path, &bytes).map_err(|error| {
                Error::new(Kind::Usage, format!("cannot keep a download as `{path}`"))
                    .caused_by(error)
                    .hint("XDG_CACHE_HOME names another folder")
            })?;
        }
        Ok(bytes)
    }

    async fn ask(&self, url: &str) -> Result<Vec<u8>> {
        let failed = |why: String| {
            Error::new(Kind::HostFailed, format!("cannot download `{url}`: {why}"))
                .hint("it is fetched by this machine, not by the host; HTTPS_PROXY names a proxy; nothing was touched")
        };
        let client = web::client(PATIENCE).map_err(|error| failed(with_causes(&error)))?;
        let mut attempt = 1;
        loop {
            let (why, again) = match once(&client, url).await {
                Ok(bytes) => return Ok(bytes),
                Err(failure) => failure,
            };
            if !again || attempt == ATTEMPTS {
                return Err(failed(why));
            }
            attempt += 1;
            tokio::time::sleep(self.pause).await;
        }
    }
}

/// One request. A failure says whether another one may help.
async fn once(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, (String, bool)> {
    let mut response = client.get(url).send().await.map_err(|error| (with_causes(&error), !error.is_builder()))?;
    let status = response.status();
    if !status.is_success() {
        return Err((format!("status {status}"), status.is_server_error() || status.as_u16() == 429));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| (with_causes(&error), true))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > LARGEST {
            return Err((format!("it is larger than {} MiB", LARGEST / 1024 / 1024), false));
        }
    }
    Ok(bytes)
}

fn right(download: &Download, bytes: &[u8]) -> bool {
    download.sha256.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&digest(bytes)))
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Writes a file whole or not at all: another run may read it at the same time.
fn keep(path: &Utf8Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Utf8Path::new("/"));
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// The files that a download stands for: one, or those of a part of an archive.
fn contents(download: &Download, bytes: Vec<u8>) -> Result<BTreeMap<String, Vec<u8>>> {
    let Some(part) = &download.part else { return Ok(BTreeMap::from([(download.path.clone(), bytes)])) };
    let unreadable = |error: std::io::Error| {
        Error::new(Kind::HostFailed, format!("`{}` is no readable archive (.tar.gz)", download.url)).caused_by(error)
    };
    let part = part.trim_matches('/');
    let mut found = BTreeMap::new();
    let mut size = 0;
    let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Some(name) = inner_name(&entry.path_bytes(), part) else { continue };
        size += entry.size();
        if size > LARGEST {
            return Err(Error::new(
                Kind::HostFailed,
                format!("`{part}` in `{}` is larger than {} MiB", download.url, LARGEST / 1024 / 1024),
            ));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(unreadable)?;
        found.insert(format!("{}{name}", download.path), bytes);
    }
    if found.is_empty() {
        return Err(Error::new(Kind::HostFailed, format!("`{}` holds no `{part}`", download.url)).hint("does this version have it?"));
    }
    Ok(found)
}

/// Where a file of an archive goes below the download's path: empty for the part itself, `/x` for a file in
/// it, none for anything else. The archive's only folder does not count.
fn inner_name(path: &[u8], part: &str) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let (_, inner) = path.trim_start_matches("./").split_once('/')?;
    let clean = inner.split('/').all(|name| !matches!(name, "" | "." | "..")) && !inner.contains('\n');
    let rest = inner.strip_prefix(part)?;
    (clean && (rest.is_empty() || rest.starts_with('/'))).then(|| rest.to_owned())
}

/// The folders between a download's path and a file in it.
fn add_folders(folders: &mut BTreeMap<String, Directory>, download: &Download, path: &str) {
    let mut folder = path;
    while folder.len() > download.path.len() {
        let Some((parent, _)) = folder.rsplit_once('/') else { return };
        folder = parent;
        folders.entry(folder.to_owned()).or_insert_with(|| Directory {
            path: folder.to_owned(),
            mode: "0750".to_owned(),
            owner: download.owner.clone(),
            group: download.group.clone(),
            role: download.role.clone(),
        });
    }
}

fn file(download: &Download, path: String, bytes: Vec<u8>) -> Result<File> {
    let text = String::from_utf8(bytes)
        .map_err(|error| Error::new(Kind::HostFailed, format!("`{path}` from `{}` is no text", download.url)).caused_by(error))?;
    Ok(File {
        path,
        contents: Secret::new(text),
        format: Format::Text,
        mode: download.mode.clone(),
        owner: download.owner.clone(),
        group: download.group.clone(),
        secret: false,
        restarts: download.restarts.clone(),
        role: download.role.clone(),
    })
}

#[cfg(test)]
mod tests;
