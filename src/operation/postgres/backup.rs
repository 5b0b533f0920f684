//! A dump of all databases and roles, read back before it counts.

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Contents, Context, Server, contents, megabytes, query};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Channel, Exec};

const DUMP: &str = include_str!("../scripts/dump.sh");
const TO_FILE: &str = include_str!("../scripts/dump_to_file.sh");
/// A word about the progress after so many bytes.
const WORD: u64 = 64 << 20;

/// A backup that was read back.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// Its size, packed.
    pub bytes: u64,
    /// What is in it.
    pub contents: Contents,
}

/// Streams a backup to a file of this machine, mode 0600, that must not exist yet.
///
/// # Errors
/// Nothing of that name is there afterwards, and the host is as it was.
pub async fn backup_here(context: &Context<'_>, path: &Utf8Path) -> Result<Backup> {
    let server = prepare(context).await?;
    let local = |error: std::io::Error| {
        Error::new(Kind::Usage, format!("cannot write `{path}`")).caused_by(error).hint("no backup was made; the host is as it was")
    };
    if path.exists() {
        return Err(
            Error::new(Kind::Usage, format!("`{path}` is there already; no backup was made")).hint("name another file with `--out`")
        );
    }
    let folder = path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    fs_err::create_dir_all(folder).map_err(local)?;
    let needed = size(context, &server).await? / 2;
    let space = rustix::fs::statvfs(folder.as_std_path()).map_err(|error| local(error.into()))?;
    enough(needed, space.f_bavail.saturating_mul(space.f_frsize), folder.as_str())?;

    // Root's and the user's umask do not matter: such a file is private from its first moment on.
    let mut partial = tempfile::Builder::new().prefix(".homestead-backup-").tempfile_in(folder).map_err(local)?;
    context.stage(format!("backing up to {path}"));
    let script = format!("{DUMP}dump \"$1\"\n");
    let (mut bytes, mut word) = (0_u64, WORD);
    let mut complaint = Vec::new();
    let mut written = Ok(());
    let status = context
        .host
        .exec_streaming(Exec::new(&script).arguments(&[&server.service.container]), &mut |channel, chunk| match channel {
            Channel::Stderr => complaint.extend_from_slice(chunk),
            Channel::Stdout => {
                if written.is_ok() {
                    written = partial.write_all(chunk);
                }
                bytes += chunk.len() as u64;
                if bytes >= word {
                    context.stage(format!("backup: {} so far", megabytes(bytes)));
                    word = bytes + WORD;
                }
            }
        })
        .await?;
    written.map_err(local)?;
    if status != 0 {
        return Err(refused(context, &complaint));
    }
    partial.as_file().sync_all().map_err(local)?;
    context.stage("reading the backup back");
    let temporary = Utf8Path::from_path(partial.path()).ok_or_else(|| Error::new(Kind::Usage, "the path of the backup is not UTF-8"))?;
    let contents = all_there(context, contents::here(temporary)?)?;
    partial.persist_noclobber(path).map_err(|error| local(error.error))?;
    Ok(Backup { path: path.to_owned(), bytes, contents })
}

/// Makes a backup that stays on the host, in `folder`, root's alone.
///
/// # Errors
/// Nothing of that name is there afterwards.
pub async fn backup_on_host(context: &Context<'_>, folder: &Utf8Path, name: &str) -> Result<Backup> {
    let server = prepare(context).await?;
    let needed = size(context, &server).await? / 2;
    enough(needed, free(context, folder.as_str()).await?, folder.as_str())?;
    let path = folder.join(name);
    context.stage(format!("backing up to {path} on the host"));
    let script = format!("{DUMP}{TO_FILE}");
    let output = context.host.exec(Exec::new(&script).arguments(&[&server.service.container, folder.as_str(), name])).await?;
    if output.status != 0 {
        return Err(refused(context, &output.stderr));
    }
    context.stage("reading the backup back");
    let contents = match contents::on_host(context, path.as_str(), path.as_str()).await.and_then(|contents| all_there(context, contents)) {
        Ok(contents) => contents,
        Err(error) => {
            host::run(&**context.host, "removing the bad backup", Exec::new("rm -f -- \"$1\"").arguments(&[path.as_str()])).await?;
            return Err(error);
        }
    };
    let bytes = host::run(&**context.host, "looking at the backup", Exec::new("stat -c %s -- \"$1\"").arguments(&[path.as_str()])).await?;
    Ok(Backup { bytes: String::from_utf8_lossy(&bytes).trim().parse().unwrap_or_default(), path, contents })
}

async fn prepare<'a>(context: &'a Context<'_>) -> Result<Server<'a>> {
    let server = Server::of(context)?;
    context.ensure_running(server.service).await?;
    Ok(server)
}

/// Bytes that are free where a folder of the host is, or will be.
pub(in crate::operation) async fn free(context: &Context<'_>, folder: &str) -> Result<u64> {
    let script = "folder=$1; until [ -d \"$folder\" ]; do folder=$(dirname -- \"$folder\"); done; df -Pk -- \"$folder\" | awk 'NR == 2 { print $4 }'";
    let free = host::run(&**context.host, "looking at the disk", Exec::new(script).arguments(&[folder])).await?;
    let kilobytes: u64 = String::from_utf8_lossy(&free).trim().parse().unwrap_or_default();
    Ok(kilobytes.saturating_mul(1024))
}

/// All databases together, in bytes.
async fn size(context: &Context<'_>, server: &Server<'_>) -> Result<u64> {
    let rows = query(context, &server.service.container, "", "SELECT sum(pg_database_size(oid)) FROM pg_database;\n").await?;
    Ok(rows.first().and_then(|row| row.first()).and_then(|number| number.parse().ok()).unwrap_or_default())
}

/// A packed dump takes less than half of what the databases take on the disk: indexes are not in it.
fn enough(needed: u64, free: u64, place: &str) -> Result<()> {
    if free >= needed {
        return Ok(());
    }
    Err(Error::new(Kind::HostFailed, format!("`{place}` has {} free, and the backup may need {}", megabytes(free), megabytes(needed)))
        .hint("no backup was made; make room, or name another place with `--out` or `--on-host`"))
}

/// Every database of the inventory must be in it.
fn all_there(context: &Context<'_>, contents: Contents) -> Result<Contents> {
    let databases = &context.prepared.desired.databases;
    let missing: Vec<&str> = databases
        .iter()
        .map(|database| database.name.as_str())
        .filter(|name| !contents.databases.iter().any(|database| database.name == *name))
        .collect();
    if missing.is_empty() {
        return Ok(contents);
    }
    Err(Error::new(Kind::HostFailed, format!("the backup lacks the databases {}; it was thrown away", missing.join(", ")))
        .hint("`homestead install-all` makes databases that are missing"))
}

fn refused(context: &Context<'_>, complaint: &[u8]) -> Error {
    let text = context.prepared.redactor().redact(&String::from_utf8_lossy(complaint)).into_owned();
    let last: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    Error::new(Kind::HostFailed, format!("`{}`: the dump failed; no backup was made", context.name))
        .caused_by(last[last.len().saturating_sub(3)..].join("; "))
        .hint("the databases are as they were")
}
