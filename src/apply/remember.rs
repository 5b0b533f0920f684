//! What a run writes down on the host: what is ours, and what the next run must finish.

use sha2::{Digest, Sha256};

use super::Run;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Host, Push, PushDirectory, PushFile};
use crate::plan::{Memory, OwnedFile, Plan, RestartKind, Step, Undo, database_fingerprint};
use crate::versioned::Versioned as _;

/// Where the memory lies on a host; root's alone.
pub const MEMORY_PATH: &str = "/var/lib/homestead/manifest.json";

/// Where it lies what a run would put back; there while a run changes things, and after one that did not come to its end.
pub const UNDO_PATH: &str = "/var/lib/homestead/undo.json";

/// The folder of the memory.
pub fn folder() -> PushDirectory {
    PushDirectory { path: "/var/lib/homestead".into(), mode: "0700".into(), owner: "root".into(), group: "root".into() }
}

/// The old memory with the units that are about to restart. It goes to the host together with the files,
/// so that a run that is cut off between the two is finished by the next.
pub fn pending(run: &Run<'_>) -> Result<PushFile> {
    let mut memory = run.observed.memory.clone();
    memory.pending.extend(restarting(run.plan));
    memory.pending.sort();
    memory.pending.dedup();
    forget_databases(run, &mut memory);
    file(&memory)
}

/// The units that a plan restarts because what they read changes.
pub fn restarting(plan: &Plan) -> impl Iterator<Item = String> {
    plan.restarts.iter().filter(|restart| restart.kind == RestartKind::Restart).map(|restart| restart.unit.clone())
}

/// Until the run has succeeded, nobody knows which password these databases have.
fn forget_databases(run: &Run<'_>, memory: &mut Memory) {
    for action in &run.plan.actions {
        if let Step::PutDatabase(database) = &action.step {
            memory.databases.remove(&database.name);
        }
    }
}

/// Whether a run without changes has something new to write down: a host that was taken over from elsewhere.
pub fn changes(run: &Run<'_>) -> bool {
    let mut memory = after(run);
    memory.generation = run.observed.memory.generation;
    memory != run.observed.memory
}

async fn put(host: &dyn Host, memory: &Memory) -> Result<()> {
    let push = Push { directories: vec![folder()], files: vec![file(memory)?], ..Push::default() };
    host::push(host, &push).await
}

/// Understands the memory of a host.
///
/// # Errors
/// It is damaged, or a newer homestead wrote it.
pub fn understand(bytes: &[u8]) -> Result<Memory> {
    Memory::read(bytes).map_err(|error| {
        Error::new(Kind::HostFailed, format!("`{MEMORY_PATH}` on the host cannot be read"))
            .caused_by(error)
            .hint("a newer homestead may have written it; update this one, or move the file away to start anew")
    })
}

/// Understands what a run would have put back; nothing where it is left over from a run that came to its end.
///
/// # Errors
/// It is damaged, or a newer homestead wrote it.
pub fn understand_undo(bytes: &[u8], memory: &Memory) -> Result<Option<Undo>> {
    let undo = understand_undo_alone(bytes)?;
    Ok((undo.generation == memory.generation).then_some(undo))
}

/// The same, without a look at the memory.
///
/// # Errors
/// As [`understand_undo`].
pub fn understand_undo_alone(bytes: &[u8]) -> Result<Undo> {
    Undo::read(bytes).map_err(|error| {
        Error::new(Kind::HostFailed, format!("`{UNDO_PATH}` on the host cannot be read"))
            .caused_by(error)
            .hint("a newer homestead may have written it; update this one. It is needed to put back what an earlier run began")
    })
}

/// The memory of a host; an empty one where it has none.
///
/// # Errors
/// The connection breaks, or it cannot be understood.
pub async fn recall(host: &dyn Host) -> Result<Memory> {
    let mut contents = host::fetch(host, &[MEMORY_PATH.to_owned()]).await?;
    contents.remove(MEMORY_PATH).map_or_else(|| Ok(Memory::default()), |bytes| understand(&bytes))
}

/// Changes the memory of a host, outside of a run. The caller holds the host's lock.
///
/// # Errors
/// It cannot be read or written.
pub async fn amend(host: &dyn Host, change: impl FnOnce(&mut Memory) + Send) -> Result<()> {
    let before = recall(host).await?;
    let mut after = before.clone();
    change(&mut after);
    if after == before { Ok(()) } else { put(host, &after).await }
}

fn file(memory: &Memory) -> Result<PushFile> {
    let text = memory.write().map_err(|error| Error::new(Kind::Usage, "the manifest cannot be written").caused_by(error))?;
    Ok(PushFile {
        path: MEMORY_PATH.into(),
        bytes: text,
        mode: "0600".into(),
        owner: "root".into(),
        group: "root".into(),
        keep_existing: false,
    })
}

/// What is ours after the run. A run over a part of the roles leaves the rest as it was written down.
pub fn after(run: &Run<'_>) -> Memory {
    let mut memory = run.observed.memory.clone();
    let removed = |step: &Step, path: &str| match step {
        Step::RemoveFile(name) => name == path,
        Step::RemoveUnit(unit) => path == format!("/etc/systemd/system/{unit}"),
        _ => false,
    };
    let gone = |path: &str| run.plan.actions.iter().any(|action| removed(&action.step, path));
    memory.files.retain(|path, _| !gone(path));
    memory.units.retain(|unit| !gone(&format!("/etc/systemd/system/{unit}")));
    let put = |path: &str| run.plan.actions.iter().any(|action| matches!(&action.step, Step::PutFile(file) if file.path == path));
    for file in &run.desired.files {
        // A file outside the run's scope may be absent or different: it is not ours because of this run.
        let sha256 = hex::encode(Sha256::digest(file.contents.reveal().as_bytes()));
        let there = run.observed.paths.get(&file.path).is_some_and(|state| state.sha256.as_deref() == Some(&sha256));
        if there || put(&file.path) {
            let owned = OwnedFile {
                sha256,
                mode: file.mode.clone(),
                owner: file.owner.clone(),
                group: file.group.clone(),
                role: file.role.clone(),
            };
            memory.files.insert(file.path.clone(), owned);
        }
    }
    let made = |path: &str| run.plan.actions.iter().any(|action| matches!(&action.step, Step::MakeKey(key) if key.path == path));
    for key in &run.desired.keys {
        if (run.observed.paths.contains_key(&key.path) || made(&key.path)) && !memory.keys.contains(&key.path) {
            memory.keys.push(key.path.clone());
        }
    }
    memory.keys.sort();
    for service in &run.desired.services {
        if memory.files.contains_key(&format!("/etc/systemd/system/{}", service.unit)) && !memory.units.contains(&service.unit) {
            memory.units.push(service.unit.clone());
        }
    }
    memory.units.sort();
    for action in &run.plan.actions {
        if let Step::PutDatabase(database) = &action.step {
            memory.databases.insert(database.name.clone(), database_fingerprint(database));
        }
    }
    crate::plan::remember(&mut memory, run.desired, run.observed, run.plan);
    memory.version = 1;
    memory.generation += 1;
    memory.pending.retain(|unit| !run.plan.restarts.iter().any(|restart| &restart.unit == unit));
    memory
}
