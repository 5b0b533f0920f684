//! What homestead made on a host, and what of that goes: folders that are empty by then, networks that nothing
//! uses, and data, which only goes when it is named.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::action::{Plan, Step};
use super::leftover::unit_of;
use super::memory::Memory;
use super::observed::Observed;
use crate::desired::{Desired, RoleData};

/// What lies on a host of what the memory names and the desired state does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Folder -> the names of what is in it.
    pub directories: BTreeMap<String, Vec<String>>,
    /// Network -> the containers that use it, also those that do not run.
    pub networks: BTreeMap<String, Vec<String>>,
    /// Path of data -> bytes, where they were counted.
    pub data: BTreeMap<String, Option<u64>>,
    /// Database -> bytes, of those that are there. Nothing where nobody could ask.
    pub databases: Option<BTreeMap<String, u64>>,
}

/// Data of a role that nothing wants any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct KeptData {
    /// The role.
    pub role: String,
    /// Folders and files.
    pub paths: BTreeSet<String>,
    /// Databases in the managed Postgres.
    pub databases: BTreeSet<String>,
    /// How much it is, where it was counted.
    pub bytes: Option<u64>,
}

impl KeptData {
    /// Where it is and how much, in words: `/matrix/synapse/storage, database synapse; 12.3 GB`.
    pub fn places(&self) -> String {
        let databases = self.databases.iter().map(|name| format!("database {name}"));
        let places: Vec<String> = self.paths.iter().cloned().chain(databases).collect();
        let size = self.bytes.map_or_else(String::new, |bytes| format!("; {}", crate::words::room(bytes)));
        format!("{}{size}", places.join(", "))
    }
}

/// What a look at a host should find out about what nothing wants any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftoverRequest {
    /// Folders.
    pub directories: BTreeSet<String>,
    /// Networks.
    pub networks: BTreeSet<String>,
    /// Paths of data -> whether to count bytes.
    pub data: BTreeMap<String, bool>,
    /// Databases.
    pub databases: BTreeSet<String>,
}

impl LeftoverRequest {
    /// What to look at; `purge` names the roles whose data is to go, which is counted.
    pub fn new(desired: &Desired, memory: &Memory, purge: &BTreeSet<String>) -> Self {
        let wanted: BTreeSet<&str> = desired.directories.iter().map(|directory| directory.path.as_str()).collect();
        let networks: BTreeSet<&str> = desired.networks.iter().map(|network| network.name.as_str()).collect();
        let mut request = Self {
            directories: memory.directories.iter().filter(|path| !wanted.contains(path.as_str())).cloned().collect(),
            networks: memory.networks.iter().filter(|name| !networks.contains(name.as_str())).cloned().collect(),
            ..Self::default()
        };
        for (role, data) in unwanted_data(desired, memory) {
            for path in data.paths {
                *request.data.entry(path).or_default() |= purge.contains(&role);
            }
            request.databases.extend(data.databases);
        }
        request
    }

    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.directories.is_empty() && self.networks.is_empty() && self.data.is_empty() && self.databases.is_empty()
    }
}

/// Role -> what of its remembered data the desired state does not name.
fn unwanted_data(desired: &Desired, memory: &Memory) -> BTreeMap<String, RoleData> {
    let mut wanted = RoleData::default();
    desired.data.values().for_each(|data| wanted.extend(data));
    let databases = desired.databases.iter().flat_map(|database| std::iter::once(&database.name).chain(&database.additional));
    wanted.databases.extend(databases.cloned());
    let within = |path: &str| wanted.paths.iter().any(|other| below(path, other) || below(other, path));
    let rest = memory.data.iter().map(|(role, data)| {
        let paths = data.paths.iter().filter(|path| !within(path)).cloned().collect();
        let databases = data.databases.difference(&wanted.databases).cloned().collect();
        (role.clone(), RoleData { paths, databases })
    });
    rest.filter(|(_, data)| !data.is_empty()).collect()
}

/// Whether a path is another or lies in it.
fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What goes beside units and files, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Folders that are empty by then, children before parents.
    pub directories: Vec<String>,
    /// Networks that nothing uses by then.
    pub networks: Vec<String>,
    /// Data of roles that nothing wants.
    pub data: Vec<KeptData>,
    /// What stays, and why.
    pub notes: Vec<String>,
}

/// Decides. `gone` are the files that are removed; `leaves` says whether the run takes a unit out of a network; `purge` are
/// the roles whose data goes.
pub fn left(
    desired: &Desired,
    observed: &Observed,
    gone: &BTreeSet<String>,
    leaves: &dyn Fn(&str, &str) -> bool,
    purge: &BTreeSet<String>,
) -> Left {
    let found = &observed.left;
    let mut left = Left::default();
    for (role, mut data) in unwanted_data(desired, &observed.memory) {
        // An empty folder is no data: it goes as a folder.
        data.paths.retain(|path| found.data.contains_key(path) && found.directories.get(path).is_none_or(|names| !names.is_empty()));
        if let Some(there) = &found.databases {
            data.databases.retain(|name| there.contains_key(name));
        }
        if data.is_empty() {
            continue;
        }
        let sizes = data.paths.iter().map(|path| found.data.get(path).copied().flatten());
        let databases = data.databases.iter().map(|name| found.databases.as_ref().and_then(|there| there.get(name).copied()));
        let bytes = sizes.chain(databases).sum::<Option<u64>>();
        left.data.push(KeptData { role, paths: data.paths, databases: data.databases, bytes });
    }
    let purged: Vec<&str> =
        left.data.iter().filter(|data| purge.contains(&data.role)).flat_map(|data| data.paths.iter().map(String::as_str)).collect();
    let kept: Vec<&str> =
        left.data.iter().filter(|data| !purge.contains(&data.role)).flat_map(|data| data.paths.iter().map(String::as_str)).collect();
    let mut empty: BTreeSet<&str> = BTreeSet::new();
    // A child's path begins with its parent's, so it comes first this way round.
    for (path, names) in found.directories.iter().rev() {
        if purged.iter().any(|data| below(path, data)) {
            continue;
        }
        let mut foreign = Vec::new();
        let mut holds = false;
        for name in names {
            let inner = format!("{path}/{name}");
            if gone.contains(&inner) || empty.contains(inner.as_str()) || purged.contains(&inner.as_str()) {
                continue;
            }
            holds = true;
            let known = found.directories.contains_key(&inner) || kept.iter().any(|data| below(data, &inner) || below(&inner, data));
            if !known && !wanted(desired, &inner) {
                foreign.push(format!("`{name}`"));
            }
        }
        if !holds {
            empty.insert(path);
            left.directories.push(path.clone());
        } else if !foreign.is_empty() {
            left.notes.push(format!("the folder `{path}` stays: it holds {}, which homestead did not write", some(&foreign)));
        }
    }
    for (name, containers) in &found.networks {
        let ours = |container: &String| leaves(&format!("{container}.service"), name);
        let users: Vec<String> = containers.iter().filter(|container| !ours(container)).map(|container| format!("`{container}`")).collect();
        if users.is_empty() {
            left.networks.push(name.clone());
        } else {
            left.notes.push(format!("the network `{name}` stays: {} uses it", some(&users)));
        }
    }
    left
}

/// Whether the desired state names a path or something in it.
fn wanted(desired: &Desired, path: &str) -> bool {
    let directories = desired.directories.iter().map(|entry| &entry.path);
    let files = desired.files.iter().map(|entry| &entry.path);
    let keys = desired.keys.iter().map(|entry| &entry.path);
    directories.chain(files).chain(keys).any(|other| below(other, path))
}

/// The first of many.
fn some(names: &[String]) -> String {
    match names {
        [] | [_] | [_, _] | [_, _, _] => names.join(", "),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
    }
}

/// The managed Postgres of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Its unit.
    pub unit: String,
    /// Its container.
    pub container: String,
}

/// The managed Postgres: the one that is declared, else the one that homestead wrote.
pub fn postgres_of(desired: &Desired, memory: &Memory) -> Option<Postgres> {
    if let Some(service) = desired.services.iter().find(|service| service.role == "postgres") {
        return Some(Postgres { unit: service.unit.clone(), container: service.container.clone() });
    }
    let units = memory.files.iter().filter(|(_, file)| file.role == "postgres").filter_map(|(path, _)| unit_of(path));
    // A container has the name of its unit.
    units
        .filter(|unit| !unit.contains("@."))
        .find_map(|unit| Some(Postgres { unit: unit.to_owned(), container: unit.strip_suffix(".service")?.to_owned() }))
}

/// Writes down in the memory what a run made beside files and units, and forgets what it removed.
pub fn remember(memory: &mut Memory, desired: &Desired, observed: &Observed, plan: &Plan) {
    // What nothing wants and is not there any more need not be remembered.
    let request = LeftoverRequest::new(desired, memory, &BTreeSet::new());
    memory.directories.retain(|path| !request.directories.contains(path) || observed.left.directories.contains_key(path));
    memory.networks.retain(|name| !request.networks.contains(name) || observed.left.networks.contains_key(name));
    let mut made: BTreeSet<&str> = BTreeSet::new();
    for action in &plan.actions {
        match &action.step {
            Step::PutDirectory(directory) => drop(made.insert(&directory.path)),
            Step::CreateNetwork(network) => drop(memory.networks.insert(network.name.clone())),
            Step::RemoveDirectory(path) => drop(memory.directories.remove(path)),
            Step::RemoveNetwork(name) => drop(memory.networks.remove(name)),
            Step::RemoveData(data) => forget(memory, data),
            _ => {}
        }
    }
    for directory in &desired.directories {
        if made.contains(directory.path.as_str()) || observed.paths.contains_key(&directory.path) {
            memory.directories.insert(directory.path.clone());
        }
    }
    for (role, data) in &desired.data {
        memory.data.entry(role.clone()).or_default().extend(data);
    }
}

/// Forgets data that is gone, with the keys and databases in it: nobody lost them.
pub fn forget(memory: &mut Memory, data: &KeptData) {
    let gone = |path: &String| data.paths.iter().any(|folder| below(path, folder));
    memory.keys.retain(|path| !gone(path));
    memory.directories.retain(|path| !gone(path));
    memory.databases.retain(|name, _| !data.databases.contains(name));
    memory.users.remove(&data.role);
    if data.role == "postgres" {
        // Every database was in it.
        memory.databases.clear();
        memory.data.values_mut().for_each(|known| known.databases.clear());
        memory.data.retain(|_, known| !known.is_empty());
    }
    if let Some(known) = memory.data.get_mut(&data.role) {
        known.paths.retain(|path| !data.paths.contains(path));
        known.databases.retain(|name| !data.databases.contains(name));
        if known.is_empty() {
            memory.data.remove(&data.role);
        }
    }
}

#[cfg(test)]
mod tests;
