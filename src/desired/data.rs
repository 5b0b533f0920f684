//! What of a role's nobody can make again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::evaluate::Evaluator;
use super::resource::Desired;
use crate::diagnostic::Diagnostic;
use crate::role::{Data, DataPlace};

/// The data of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleData {
    /// Absolute paths of folders and files.
    #[serde(default)]
    pub paths: BTreeSet<String>,
    /// Databases in the managed Postgres.
    #[serde(default)]
    pub databases: BTreeSet<String>,
}

impl RoleData {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.databases.is_empty()
    }

    /// Adds another role's or time's.
    pub fn extend(&mut self, other: &Self) {
        self.paths.extend(other.paths.iter().cloned());
        self.databases.extend(other.databases.iter().cloned());
    }
}

/// Evaluates the entries of a role.
pub fn evaluate(entries: &[Data], evaluator: &Evaluator<'_>) -> Result<RoleData, Diagnostic> {
    let mut data = RoleData::default();
    for entry in entries {
        for evaluator in evaluator.repeated(&entry.repeat)? {
            match &entry.place {
                DataPlace::Path(node) => {
                    data.paths.insert(evaluator.path(node)?);
                }
                DataPlace::Database(node) => data.databases.extend(evaluator.optional_text(Some(node))?),
            }
        }
    }
    Ok(data)
}

/// Keys are data too: nobody can make the same again.
pub fn keys(desired: &mut Desired) {
    for key in &desired.keys {
        let data = desired.data.entry(key.role.clone()).or_default();
        let within = |folder: &String| key.path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'));
        if !data.paths.iter().any(within) {
            data.paths.insert(key.path.clone());
        }
    }
}

/// Leaves the databases that the managed Postgres has: those of another server are not ours to speak of.
pub fn managed(desired: &mut Desired) {
    let known: BTreeSet<&String> =
        desired.databases.iter().flat_map(|database| std::iter::once(&database.name).chain(&database.additional)).collect();
    let mut data: BTreeMap<String, RoleData> = std::mem::take(&mut desired.data);
    for entry in data.values_mut() {
        entry.databases.retain(|name| known.contains(name));
    }
    data.retain(|_, entry| !entry.is_empty());
    desired.data = data;
}
