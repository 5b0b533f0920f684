//! What a run would put back, as it lies on the host.

use std::collections::BTreeSet;

use super::remember::{UNDO_PATH, understand_undo_alone};
use super::rollback::{Contents, missing};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Exec, Host, Push, PushDirectory, PushFile, run as run_script, store};
use crate::plan::{Memory, Undo};
use crate::versioned::Versioned as _;

/// Three arguments a link: its path, where it points, its owner.
const LINK: &str = r#"set -eu; while [ $# -gt 0 ]; do ln -sfn -- "$2" "$1"; chown -h -- "$3" "$1"; shift 3; done"#;

/// The undo of the host. A run that comes to need it has written it.
///
/// # Errors
/// It is gone, or cannot be understood.
pub async fn recall(host: &dyn Host) -> Result<Undo> {
    let mut contents = host::fetch(host, &[UNDO_PATH.to_owned()]).await?;
    let bytes = contents.remove(UNDO_PATH).ok_or_else(|| Error::new(Kind::HostFailed, format!("`{UNDO_PATH}` is gone from the host")))?;
    understand_undo_alone(&bytes)
}

/// The contents that files go back to.
///
/// # Errors
/// One is missing or damaged.
pub async fn read_files(host: &dyn Host, undo: &Undo) -> Result<Contents> {
    let sums: BTreeSet<String> = undo.files.values().flatten().map(|saved| saved.sha256.clone()).filter(|sum| !sum.is_empty()).collect();
    let objects = store::objects(host, &sums).await?;
    let missing = missing(undo, &objects);
    if missing.is_empty() {
        return Ok(objects);
    }
    Err(Error::new(Kind::HostFailed, format!("what was kept of {} is gone from the host or damaged", missing.join(", "))))
}

/// Files, links and folders go back, all or none of the files.
///
/// # Errors
/// No room is left, and the like.
pub async fn write_files(host: &dyn Host, undo: &Undo, contents: Contents) -> Result<()> {
    let mut push = Push::default();
    for (path, saved) in &undo.directories {
        push.directories.push(PushDirectory {
            path: path.clone(),
            mode: saved.mode.clone(),
            owner: saved.uid.to_string(),
            group: saved.gid.to_string(),
        });
    }
    let mut links = Vec::new();
    for (path, saved) in &undo.files {
        let Some(saved) = saved else {
            push.remove.push(path.clone());
            continue;
        };
        if let Some(target) = &saved.target {
            links.extend([path.clone(), target.clone(), format!("{}:{}", saved.uid, saved.gid)]);
            continue;
        }
        push.files.push(PushFile {
            path: path.clone(),
            bytes: contents.get(&saved.sha256).cloned().unwrap_or_default(),
            mode: saved.mode.clone(),
            owner: saved.uid.to_string(),
            group: saved.gid.to_string(),
            keep_existing: false,
        });
    }
    host::push(host, &push).await?;
    if links.is_empty() {
        return Ok(());
    }
    let arguments: Vec<&str> = links.iter().map(String::as_str).collect();
    run_script(host, "putting links back", Exec::new(LINK).arguments(&arguments)).await.map(drop)
}

/// Everything is back: the memory of before is too, and there is nothing left to undo.
///
/// # Errors
/// The connection breaks, or no room is left.
pub async fn finish(host: &dyn Host, undo: &Undo, now: &Memory) -> Result<()> {
    // Users were made outside of runs.
    let mut memory = Memory { users: now.users.clone(), ..undo.memory.clone() };
    // Nobody knows for certain which passwords the databases have.
    memory.databases.retain(|name, _| !undo.databases.contains(name));
    forget(host, &memory).await
}

/// Nothing was written: an undo that this run began is none.
///
/// # Errors
/// The connection breaks.
pub async fn discard(host: &dyn Host) -> Result<()> {
    store::forget(host, &[]).await
}

async fn forget(host: &dyn Host, memory: &Memory) -> Result<()> {
    let bytes = memory.write().map_err(|error| Error::new(Kind::Usage, "the manifest cannot be written").caused_by(error))?;
    store::forget(host, &bytes).await
}
