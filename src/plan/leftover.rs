//! What is on a host and not in the desired state.

use std::collections::BTreeSet;

use super::action::Resource;
use super::observed::{Observed, PathKind};
use crate::desired::Desired;

const UNITS: &str = "/etc/systemd/system/";

/// The file of a unit.
pub fn unit_file(unit: &str) -> String {
    format!("{UNITS}{unit}")
}

/// The unit of a file, if it is one's.
pub fn unit_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix(UNITS)?;
    (!name.contains('/') && name.ends_with(".service")).then_some(name)
}

/// What the memory calls ours and the desired state does not name. It harms nobody and waits for `setup-all`.
pub fn orphans(desired: &Desired, observed: &Observed) -> Vec<Resource> {
    let wanted: BTreeSet<&str> = desired.files.iter().map(|file| file.path.as_str()).collect();
    let units: BTreeSet<&str> = desired.services.iter().map(|service| service.unit.as_str()).collect();
    let gone_units = observed.memory.units.iter().filter(|unit| !units.contains(unit.as_str()));
    let mut orphans: Vec<Resource> = gone_units.map(|unit| Resource { kind: "unit", name: unit.clone() }).collect();
    let unit_files: BTreeSet<String> = orphans.iter().map(|orphan| unit_file(&orphan.name)).collect();
    let gone_files = observed.memory.files.keys().filter(|path| !wanted.contains(path.as_str()) && !unit_files.contains(*path));
    orphans.extend(gone_files.map(|path| Resource { kind: "file", name: path.clone() }));
    orphans
}

/// What only one role writes and that role does not declare, whoever wrote it: left where it is, it would
/// work against the rest. It goes with every run.
pub fn undeclared(desired: &Desired, observed: &Observed) -> Vec<Resource> {
    let declared: BTreeSet<&str> = desired.files.iter().map(|file| file.path.as_str()).collect();
    let files = observed.paths.iter().filter(|(_, state)| state.kind == PathKind::File).map(|(path, _)| path.clone());
    // A unit whose file is gone may still run.
    let remembered = observed.memory.units.iter().map(|unit| unit_file(unit)).chain(observed.memory.files.keys().cloned());
    let paths: BTreeSet<String> =
        files.chain(remembered).filter(|path| !declared.contains(path.as_str()) && desired.sole_writer(path).is_some()).collect();
    let resource = |path: String| match unit_of(&path) {
        Some(unit) => Resource { kind: "unit", name: unit.to_owned() },
        None => Resource { kind: "file", name: path },
    };
    paths.into_iter().map(resource).collect()
}
