//! Which of three moved: the host, the inventory, or neither since the last run. Pure, as [`super::plan`] is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::action::{Action, Change, Plan, Step};
use super::compare::{attributes, sha256};
use super::leftover::unit_file;
use super::memory::OwnedFile;
use super::observed::{Observed, PathKind, PathState};
use super::unit_report::{self, UnitReport};
use crate::desired::{Desired, File};

/// What a look at a host found out beside what a plan needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Units, declared or remembered.
    pub units: BTreeMap<String, LiveUnit>,
    /// Containers of declared services, by name.
    pub containers: BTreeMap<String, LiveContainer>,
    /// Name with tag -> id, of the declared images that are there.
    pub images: BTreeMap<String, String>,
    /// The names of all containers.
    pub names: BTreeSet<String>,
    /// Remembered files that nothing wants any more and that are there.
    pub remembered: BTreeMap<String, PathState>,
}

/// A unit, in systemd's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveUnit {
    /// `active`, `inactive`, `failed`, `activating`...
    pub active: String,
    /// `running`, `dead`, `auto-restart`...
    pub sub: String,
    /// Whether it starts with the machine.
    pub enabled: bool,
    /// For how many seconds it has been active.
    pub seconds: Option<u64>,
    /// How often systemd restarted it by itself.
    pub restarts: u32,
    /// How it ended last: `success`, `exit-code`...
    pub result: String,
    /// Whether its file changed since systemd read it.
    pub stale: bool,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveContainer {
    /// Whether it runs.
    pub running: bool,
    /// The image as it was named when the container was made.
    pub image: String,
    /// The image's id.
    pub image_id: String,
}

/// What moved since the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// The host is not as the last run left it; the inventory wants what it wanted then.
    Host,
    /// The inventory wants something else; the host is as the last run left it.
    Inventory,
    /// Both.
    Both,
    /// It was there after the last run, and is not there any more.
    Gone,
    /// The inventory wants it, and it was never there.
    New,
    /// The inventory wants something else than what is there, and no run has written that.
    NotOurs,
    /// A run made it, and the inventory does not want it any more.
    Orphan,
}

/// Something that is not as declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `file`, `directory`, `key`, `network`, `image`, `user`, `database`, `package`, as in a plan.
    pub kind: &'static str,
    /// Path or name.
    pub name: String,
    /// What moved.
    pub moved: Moved,
    /// Whether only its bytes differ, and not what they mean.
    pub same_meaning: bool,
    /// Modes and owners, in words.
    pub details: Vec<String>,
    /// From what is there to what is wanted, without secrets.
    pub diff: Option<String>,
}

/// How a host is, compared with its inventory and with the last run.
#[derive(Clone, Debug, Serialize)]
pub struct Drift {
    /// The host's inventory name.
    pub host: String,
    /// How many runs have succeeded.
    pub generation: u64,
    /// What is not as declared, but units.
    pub differences: Vec<Difference>,
    /// Every declared unit, and those that a run wrote and nothing wants any more.
    pub units: Vec<UnitReport>,
    /// Containers whose names begin as ours do and that are no service's of homestead's. They are left alone.
    pub strangers: Vec<String>,
    /// What cannot be changed without harm, or stays for another reason.
    pub notes: Vec<String>,
}

impl Drift {
    /// Whether all is as declared.
    pub fn is_none(&self) -> bool {
        self.differences.is_empty() && self.units.iter().all(|unit| unit.problems.is_empty())
    }
}

/// Compares. `plan` is what a run over all roles would do, for its diffs.
pub fn drift(desired: &Desired, observed: &Observed, plan: &Plan, live: &Live) -> Drift {
    let mut differences: Vec<Difference> = plan.actions.iter().filter_map(|action| other(action, observed)).collect();
    for file in &desired.files {
        let action = plan.actions.iter().find(|action| matches!(&action.step, Step::PutFile(put) if put.path == file.path));
        if let Some(action) = action {
            let moved = moved(file, observed.paths.get(&file.path), observed.memory.files.get(&file.path));
            let same_meaning = matches!(action.change, Change::Reformat | Change::Attributes);
            let (details, diff) = (action.details.clone(), action.diff.clone());
            differences.push(Difference { kind: "file", name: file.path.clone(), moved, same_meaning, details, diff });
        }
    }
    differences.extend(orphans(desired, observed, live, plan));
    differences.sort_by(|left, right| (left.kind, &left.name).cmp(&(right.kind, &right.name)));
    let units = unit_report::all(desired, observed, live);
    let ours: BTreeSet<&str> = desired.services.iter().map(|service| service.container.as_str()).collect();
    let known = |name: &str| ours.contains(name) || observed.memory.units.contains(&format!("{name}.service"));
    let strangers = live.names.iter().filter(|name| name.starts_with("matrix-") && !known(name)).cloned().collect();
    Drift { host: desired.host.clone(), generation: observed.memory.generation, differences, units, strangers, notes: plan.notes.clone() }
}

/// What moved of a file that is not as declared.
fn moved(file: &File, there: Option<&PathState>, remembered: Option<&OwnedFile>) -> Moved {
    let (there, remembered) = match (there, remembered) {
        (None, None) => return Moved::New,
        (None, Some(_)) => return Moved::Gone,
        (Some(_), None) => return Moved::NotOurs,
        (Some(there), Some(remembered)) => (there, remembered),
    };
    let OwnedFile { sha256: left, mode, owner, group, .. } = remembered;
    let same_host = there.kind == PathKind::File && there.sha256.as_ref() == Some(left) && attributes(there, mode, owner, group).is_empty();
    let wanted = (sha256(file.contents.reveal()), &file.mode, &file.owner, &file.group);
    let same_wish = wanted == (left.clone(), mode, owner, group);
    match (same_host, same_wish) {
        (true, _) => Moved::Inventory,
        (false, true) => Moved::Host,
        (false, false) => Moved::Both,
    }
}

/// What is no file and no unit.
fn other(action: &Action, observed: &Observed) -> Option<Difference> {
    let memory = &observed.memory;
    let known = |known: bool| if known { Moved::Gone } else { Moved::New };
    let moved = match &action.step {
        Step::PutDirectory(directory) if action.change == Change::Create => known(memory.directories.contains(&directory.path)),
        Step::PutDirectory(directory) if memory.directories.contains(&directory.path) => Moved::Host,
        Step::MakeKey(key) if action.change == Change::Create => known(memory.keys.contains(&key.path)),
        Step::MakeKey(key) if memory.keys.contains(&key.path) => Moved::Host,
        Step::PutDirectory(_) | Step::MakeKey(_) => Moved::NotOurs,
        Step::CreateNetwork(network) => known(memory.networks.contains(&network.name)),
        Step::CreateAccount(_) | Step::InstallDocker => known(memory.generation > 0),
        // An image that a running unit needs was there; which of them, its unit says.
        Step::PullImage(_) => Moved::New,
        Step::BuildImage(_) => Moved::Inventory,
        Step::PutDatabase(database) => match memory.databases.get(&database.name) {
            // It is looked after again because Postgres is about to start, and not because it differs.
            Some(known) if *known == super::database_fingerprint(database) => return None,
            Some(_) => Moved::Inventory,
            None => Moved::New,
        },
        _ => return None,
    };
    let (details, diff) = (action.details.clone(), None);
    Some(Difference { kind: action.resource.kind, name: action.resource.name.clone(), moved, same_meaning: false, details, diff })
}

/// What runs made and nothing wants any more. Units have reports of their own.
fn orphans(desired: &Desired, observed: &Observed, live: &Live, plan: &Plan) -> Vec<Difference> {
    let units: BTreeSet<String> =
        plan.orphans.iter().filter(|orphan| orphan.kind == "unit").map(|orphan| unit_file(&orphan.name)).collect();
    let there = |path: &String| live.remembered.contains_key(path) && !units.contains(path);
    let declared = |path: &String| desired.files.iter().any(|file| file.path == *path);
    let orphan = |kind: &'static str, name: &String, details: Vec<String>| Difference {
        kind,
        name: name.clone(),
        moved: Moved::Orphan,
        same_meaning: false,
        details,
        diff: None,
    };
    let files = observed.memory.files.iter().filter(|(path, _)| there(path) && !declared(path)).map(|(path, owned)| {
        let changed = live.remembered.get(path).and_then(|state| state.sha256.as_ref()) != Some(&owned.sha256);
        orphan("file", path, if changed { vec!["changed since the last run".to_owned()] } else { Vec::new() })
    });
    let others = plan.orphans.iter().filter(|orphan| !matches!(orphan.kind, "unit" | "file"));
    files.chain(others.map(|resource| orphan(resource.kind, &resource.name, Vec::new()))).collect()
}

#[cfg(test)]
mod tests;
