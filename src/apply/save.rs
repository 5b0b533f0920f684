//! Keeps on the host what a run is about to change, so that this run or a later one can put it back.

use std::collections::{BTreeMap, BTreeSet};

use super::{Run, journal, remember};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::docker::Docker;
use crate::host::store::{self, Expected};
use crate::host::{self, FileState, ObserveRequest, Script};
use crate::plan::{RestartKind, SavedDirectory, SavedFile, SavedUnit, Schemas, Step, Undo, unit_file};
use crate::versioned::Versioned as _;

/// Finds out how everything is that the plan changes; gives the script that writes it down, or nothing where it is written
/// down. What an earlier run wrote down that did not come to its end stays as it is: it is older, and what was good.
/// `schemas` is what the databases were migrated to.
///
/// # Errors
/// Something is in the way of a file, or the host does not say what it has.
pub async fn script(run: &Run<'_>, schemas: Option<Schemas>) -> Result<Option<Script>> {
    let older = run.observed.undo.clone();
    let mut undo = older.clone().unwrap_or_else(|| Undo::new(journal::begun(run), &run.observed.memory));
    let removed = removed(run).await?;
    let paths = collect(run, &removed, &mut undo)?;
    images(run, &mut undo).await?;
    if undo.schemas.is_none() {
        undo.schemas = schemas;
    }
    run.progress.keep(undo.clone());
    if older.as_ref() == Some(&undo) {
        return Ok(None);
    }
    let expected: Vec<Expected<'_>> = paths.iter().map(|(path, sum)| (path.as_str(), sum.as_deref())).collect();
    let document = undo.write().map_err(|error| Error::new(Kind::Usage, "the undo cannot be written").caused_by(error))?;
    store::save(&expected, &document, older.is_some()).map(Some)
}

/// Adds what the plan changes; gives the files with what they are now.
fn collect(run: &Run<'_>, removed: &BTreeMap<String, FileState>, undo: &mut Undo) -> Result<BTreeMap<String, Option<String>>> {
    let mut files = BTreeSet::new();
    let mut units = BTreeSet::new();
    for action in &run.plan.actions {
        match &action.step {
            Step::PutFile(file) => drop(files.insert(file.path.clone())),
            Step::RemoveDirectory(path) => {
                if let Some(FileState { mode, uid, gid, .. }) = removed.get(path).cloned() {
                    undo.directories.entry(path.clone()).or_insert(SavedDirectory { mode, uid, gid });
                }
            }
            Step::RemoveFile(path) => {
                undo.removals.insert(path.clone());
                files.insert(path.clone());
            }
            Step::RemoveUnit(unit) => {
                undo.removals.insert(unit.clone());
                files.insert(unit_file(unit));
                units.insert(unit.clone());
            }
            Step::EnableUnit(service) | Step::DisableUnit(service) => drop(units.insert(service.unit.clone())),
            Step::RemoveNetwork(name) => {
                undo.networks.insert(name.clone(), run.observed.networks.get(name).is_some_and(|network| network.ipv6));
            }
            Step::PutDatabase(database) => drop(undo.databases.insert(database.name.clone())),
            Step::PutDirectory(directory) => {
                if let Some(state) = run.observed.paths.get(&directory.path) {
                    let saved = SavedDirectory { mode: state.mode.clone(), uid: state.uid, gid: state.gid };
                    undo.directories.entry(directory.path.clone()).or_insert(saved);
                }
            }
            _ => {}
        }
    }
    units.extend(run.plan.restarts.iter().map(|restart| restart.unit.clone()));
    for unit in units.iter().filter(|unit| !unit.contains("@.")) {
        let state = run.observed.units.get(unit).cloned().unwrap_or_default();
        undo.units.entry(unit.clone()).or_insert(SavedUnit { active: state.active, enabled: state.enabled });
    }
    undo.pending.extend(remember::restarting(run.plan));
    let mut expected = BTreeMap::new();
    for path in files {
        let saved = match (run.observed.paths.get(&path), removed.get(&path)) {
            (Some(state), _) => {
                saved(&path, state.sha256.as_ref(), state.target.as_ref(), (&state.mode, state.uid, state.gid)).map(Some)?
            }
            (None, Some(state)) => {
                saved(&path, state.sha256.as_ref(), state.target.as_ref(), (&state.mode, state.uid, state.gid)).map(Some)?
            }
            (None, None) => None,
        };
        // A link has no content of its own to keep or to compare.
        if saved.as_ref().is_none_or(|saved| saved.target.is_none()) {
            expected.insert(path.clone(), saved.as_ref().map(|saved| saved.sha256.clone()));
        }
        undo.files.entry(path).or_insert(saved);
    }
    Ok(expected)
}

/// A file or a link as it is; regular files alone have a checksum, links alone a target.
fn saved(path: &str, sha256: Option<&String>, target: Option<&String>, (mode, uid, gid): (&String, u32, u32)) -> Result<SavedFile> {
    if sha256.is_none() && target.is_none() {
        return Err(Error::new(Kind::HostFailed, format!("`{path}` is in the way: it is no file")));
    }
    let sha256 = sha256.cloned().unwrap_or_default();
    Ok(SavedFile { sha256, target: target.cloned(), mode: mode.clone(), uid, gid })
}

/// How everything is that the plan removes and nobody has looked at yet: what nothing wants is not compared with anything.
async fn removed(run: &Run<'_>) -> Result<BTreeMap<String, FileState>> {
    let going = run.plan.actions.iter().filter_map(|action| match &action.step {
        Step::RemoveDirectory(path) | Step::RemoveFile(path) => Some(path.clone()),
        Step::RemoveUnit(unit) => Some(unit_file(unit)),
        _ => None,
    });
    let paths: Vec<String> = going.filter(|path| !run.observed.paths.contains_key(path)).collect();
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(host::observe(&**run.host, &ObserveRequest { paths, ..ObserveRequest::default() }).await?.files)
}

/// The images that running services run and whose names are about to stand for others.
async fn images(run: &Run<'_>, undo: &mut Undo) -> Result<()> {
    let mut moved = BTreeSet::new();
    let mut pulled = BTreeSet::new();
    for action in &run.plan.actions {
        match &action.step {
            Step::BuildImage(build) => drop(moved.insert(build.name.as_str())),
            Step::PinImage(image) => drop(moved.insert(image.name.as_str())),
            Step::PullImage(image) => drop(pulled.insert(image.name.as_str())),
            _ => {}
        }
    }
    let unknown = |undo: &Undo, name: &str| !undo.images.contains_key(name);
    moved.retain(|name| unknown(undo, name));
    pulled.retain(|name| unknown(undo, name));
    let restarting = |unit: &str| run.plan.restarts.iter().any(|restart| restart.unit == unit && restart.kind == RestartKind::Restart);
    let running: Vec<_> =
        run.desired.services.iter().filter(|service| pulled.contains(service.image.as_str()) && restarting(&service.unit)).collect();
    if moved.is_empty() && running.is_empty() {
        return Ok(());
    }
    let engine = Docker::connect(run.host.clone()).await?;
    for name in moved {
        if let Some(image) = engine.image(name).await? {
            undo.images.insert(name.to_owned(), image.id);
        }
    }
    // The name was taken away from under a service that runs: what it runs is what it would go back to.
    for service in running {
        if let Some(container) = engine.container(&service.container).await?.filter(|container| container.image == service.image) {
            undo.images.insert(service.image.clone(), container.image_id);
        }
    }
    Ok(())
}
